"""Durations, text made harmless, and writing in any locale."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.rendering import text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0ms"),
        (0.0851, "85ms"),
        (0.4, "0.4s"),
        (0.96, "1s"),
        (3, "3s"),
        (3.24, "3.2s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (45, "45s"),
        (90, "90s"),
        (119.4, "119s"),
        (119.6, "2m 00s"),
        (150, "2m 30s"),
        (3599.6, "1h 00m"),
        (3900, "1h 05m"),
    ],
)
def test_a_duration_is_as_exact_as_it_is_useful(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]0;a title\x07b", "b"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1b(Bc", "c"),
        ("\x1b[2J\x1b[Hcleared", "cleared"),
        ("\x1bPdevice\x1b\\x", "x"),
        ("cut off\x1b", "cut off"),
        ("cut off\x1b]0;tit", "cut off"),
        ("one\r\ntwo", "one\ntwo"),
        ("10%\r55%\r100%\ndone", "100%\ndone"),
        ("10%\r55%\r", "55%"),
        ("tab\tstays\nline too", "tab\tstays\nline too"),
        ("null\x00 bell\x07 back\x08", "null bell back"),
        ("abc\u202efdp.exe", "abcfdp.exe"),
        ("Zürich ✓", "Zürich ✓"),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(raw: str, shown: str) -> None:
    assert text.printable(raw) == shown


@given(st.text())
def test_no_control_character_is_left(raw: str) -> None:
    left = {character for character in text.printable(raw) if ord(character) < 32 or 127 <= ord(character) < 160}

    assert left <= {"\n", "\t"}


def test_one_line_is_one_line() -> None:
    assert text.one_line(" a\n\tb  c\n") == "a b c"


@pytest.mark.parametrize(("raw", "lines"), [("a\nb\nc\n\n \n", ["b", "c"]), ("", []), ("one", ["one"])])
def test_a_tail_has_no_blank_end(raw: str, lines: list[str]) -> None:
    assert text.tail(raw, 2) == lines


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "Zürich ✓".encode()), ("latin-1", b"Z\xfcrich ?"), ("ascii", b"Z?rich ?")],
)
def test_writing_survives_every_locale(encoding: str, written: bytes) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")

    text.write(stream, "Zürich ✓")

    assert raw.getvalue() == written


def test_a_lone_surrogate_from_a_file_name_can_be_written() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8", errors="strict")

    text.write(stream, "a\udcffb")

    assert raw.getvalue() == b"a?b"
