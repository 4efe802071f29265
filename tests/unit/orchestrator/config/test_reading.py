"""Bytes to one JSON object."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.config import ConfigError, ConfigMissing
from orchestrator.config.reading import MAX_BYTES, MAX_DEPTH, parse_json, read_file
from orchestrator.domain.errors import UsageProblem

REFUSED = [
    (b"", "deploy.json: expected a JSON object, got an empty file. To write one: pop-deploy init"),
    (b" \n\t ", "deploy.json: expected a JSON object, got an empty file. To write one: pop-deploy init"),
    (b"[]", "deploy.json: expected a JSON object, got a list"),
    (b'"text"', "deploy.json: expected a JSON object, got a string"),
    (b"12", "deploy.json: expected a JSON object, got a number"),
    (b"true", "deploy.json: expected a JSON object, got true or false"),
    (b"null", "deploy.json: expected a JSON object, got null"),
    (b"NaN", "deploy.json: expected a JSON object, got a number"),
    (b'{"a": 1,}', "deploy.json: line 1, column 9: not valid JSON: Expecting property name enclosed in double quotes"),
    (b'{\n "a": 1\n "b": 2}', "deploy.json: line 3, column 2: not valid JSON: Expecting ',' delimiter"),
    (b"{} {}", "deploy.json: line 1, column 4: not valid JSON: Extra data"),
    (b'{"a": "x\ny"}', "deploy.json: line 1, column 9: not valid JSON: Invalid control character at"),
    (b"\xef\xbb\xbf{}", "deploy.json: starts with a byte order mark; save it as UTF-8 without one"),
    (b'{"a": "\xff"}', "deploy.json: expected UTF-8, got byte 0xff at offset 7"),
    ("{}".encode("utf-16"), "deploy.json: expected UTF-8, got byte 0xff at offset 0"),
    (b'{"a": NaN}', "deploy.json: a: expected a finite number, got NaN"),
    (b'{"a": [1, -Infinity]}', "deploy.json: a[1]: expected a finite number, got Infinity"),
    (b'{"a": 1e999}', "deploy.json: a: expected a finite number, got Infinity"),
    (b'{"a": 9223372036854775808}', "deploy.json: a: expected a whole number that fits 64 bits, got a larger one"),
    (b'{"a": ' + b"9" * 5000 + b"}", "deploy.json: expected whole numbers that fit 64 bits, got one of thousands of digits"),
    (b'{"a": 1, "a": 2}', 'deploy.json: the key "a" stands twice; remove one'),
    (b'{"t": {"x": {"b": 1, "c": 2, "b": 1}}}', 'deploy.json: t.x: the key "b" stands twice; remove one'),
    (b'{"a": "x\\u0000"}', "deploy.json: a: expected text without NUL characters, got one"),
    (b'{"a": {"k\\u0000": 1}}', "deploy.json: a: expected text without NUL characters, got one"),
    (b'{"a": "\\ud800"}', "deploy.json: a: expected Unicode text, got half of a surrogate pair"),
    (b'{"a":' * 100_000, "deploy.json: expected at most 64 levels of nesting, got more"),
    (b"[" * 1_000_000, "deploy.json: expected at most 64 levels of nesting, got more"),
    (b'{"a":' * 65 + b"1" + b"}" * 65, "deploy.json: a.a.a: expected at most 64 levels of nesting, got more"),
    (b'{"a": "' + b"x" * MAX_BYTES + b'"}', "deploy.json: expected at most 5 MB, got more"),
]


@pytest.mark.parametrize(("raw", "message"), REFUSED, ids=[str(raw[:30]) for raw, _ in REFUSED])
def test_refuses_what_is_not_one_sane_json_object(raw: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_json(raw, "deploy.json")

    assert str(caught.value) == message
    assert isinstance(caught.value, UsageProblem)


def test_reads_the_deepest_document_that_is_allowed() -> None:
    raw = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH

    document = parse_json(raw, "deploy.json")

    for _ in range(MAX_DEPTH):
        document = document["a"]
    assert document == 1


def test_reads_a_surrogate_pair_as_the_character_it_is() -> None:
    assert parse_json(b'{"a": "\\ud83d\\ude00"}', "deploy.json") == {"a": "\U0001f600"}


def test_reports_every_bad_value_of_a_document() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_json(b'{"a": NaN, "b": {"c": 1, "c": 2}, "d": "\\u0000"}', "deploy.json")

    assert [problem.path for problem in caught.value.problems] == ["a", "b", "d"]
    assert (caught.value.file, caught.value.path) == ("deploy.json", "a")
    assert (caught.value.expected, caught.value.found) == ("a finite number", "NaN")


def test_says_what_to_type_when_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigMissing, match=r"deploy\.json: not found\. To write one: pop-deploy init$"):
        read_file(tmp_path / "deploy.json")


def test_says_missing_when_a_directory_above_is_a_file(tmp_path: Path) -> None:
    (tmp_path / ".claude").write_text("")

    with pytest.raises(ConfigMissing):
        read_file(tmp_path / ".claude" / "deploy.json")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_refuses_what_is_not_a_file_without_waiting(tmp_path: Path, make: object) -> None:
    path = tmp_path / "deploy.json"
    make(path)  # type: ignore[operator]

    with pytest.raises(ConfigError, match="is not a regular file"):
        read_file(path)


def test_says_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "deploy.json"
    path.symlink_to(path)

    with pytest.raises(ConfigError, match=r"deploy\.json cannot be read: Too many levels of symbolic links"):
        read_file(path)


def test_reads_no_more_than_needed_to_see_that_a_file_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "deploy.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES * 100)

    assert len(read_file(path)) == MAX_BYTES + 1
