"""Files that are strange: huge, binary, pipes, links in a circle. Words, and never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import CommandResult
from orchestrator.validation import parts, reading
from orchestrator.validation.base import Found
from orchestrator.validation.reading import Unreadable
from tests.unit.orchestrator.validation.subjects import files


def test_a_missing_file_is_nothing(tmp_path: Path) -> None:
    files(tmp_path, {"plain": ""})

    assert (reading.text(tmp_path, "x"), reading.json_object(tmp_path, "plain/x"), reading.toml_table(tmp_path, "y")) == (
        None,
    ) * 3


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff", "is not UTF-8"), (b"[]", "no JSON object"), (b"[" * 100_000, "is no JSON"), (b"", "is no JSON")],
)
def test_a_file_that_is_no_json_object_is_refused_with_words(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "package.json").write_bytes(content)

    with pytest.raises(Unreadable, match=words):
        reading.json_object(tmp_path, "package.json")


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 1 << 40)

    with pytest.raises(Unreadable, match="larger than 1 KiB"):
        reading.text(tmp_path, "sparse", limit=1024)


@pytest.mark.parametrize(
    "make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("x"), lambda path: path.symlink_to("/dev/zero")]
)
def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path, make: object) -> None:
    make(tmp_path / "x")  # type: ignore[operator]

    with pytest.raises(Unreadable):
        reading.text(tmp_path, "x")


def test_a_walk_ends_after_so_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, {f"a{number}.py": "" for number in range(9)})
    monkeypatch.setattr(reading, "MOST_FILES", 4)

    assert list(reading.names(tmp_path, {".py"})) == ["a0.py", "a1.py", "a2.py", "a3.py"]


def test_the_worst_part_speaks_first_and_half_a_look_is_no_pass() -> None:
    good, unable, bad = Found(Outcome.PASS, "a"), Found(Outcome.SKIP, "b"), Found(Outcome.FAIL, "c")

    assert parts.together([good, unable], none="") == Found(Outcome.SKIP, "b; a")
    assert parts.together([good, unable, bad], none="") == Found(Outcome.FAIL, "c; b; a")
    assert parts.together([], none="nothing") == Found(Outcome.SKIP, "nothing")


def test_a_message_stays_on_one_line_and_says_the_error() -> None:
    result = CommandResult(("npm", "ci"), 1, "out\n", "\x1b[31mnpm error\x1b[0m no such\tfile \n\nnpm notice new\n", 1)

    assert parts.ended(result) == "npm ci ended with 1: [31mnpm error [0m no such file"
    assert len(parts.one_line("x" * 999)) == 203
