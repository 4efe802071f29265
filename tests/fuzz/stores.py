"""Bits of a real store turned: what only reads says what is wrong or shows what is right, without hanging or a traceback."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from tests.fuzz.command_line import call, pristine
from tests.fuzz.running import Fuzzer, room

QUESTIONS = (
    ["history", "--all-attempts"],
    ["show", "latest"],
    ["replay", "latest"],
    ["logs", "latest"],
    ["metrics", "--json"],
    ["slots"],
    [],
)


@cache
def project() -> Path:
    copy = room() / "damaged"
    shutil.copytree(pristine(), copy)
    return copy


@cache
def original() -> bytes:
    """The store in one file."""
    import sqlite3

    path = pristine() / ".claude" / "popkit" / "events.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.read_bytes()


def check(case: tuple[list[tuple[int, int]], int, int]) -> None:
    turned, end, question = case
    raw = bytearray(original())
    for place, bit in turned:
        raw[place % len(raw)] ^= 1 << bit
    if end:
        del raw[len(raw) * end // 100 :]
    path = project() / ".claude" / "popkit" / "events.db"
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    path.write_bytes(raw)
    words = QUESTIONS[question]
    code, _, err = call([*words, "--dir", str(project())] if words else ["--dir", str(project())])
    assert "Traceback" not in err, err
    assert code in range(9)
    assert code == 0 or err, "a failure without a word"


@st.composite
def damages(draw: st.DrawFn) -> tuple[list[tuple[int, int]], int, int]:
    """Most of the file is empty pages; where there is something, turning a bit says more."""
    raw = original()
    full = [place for place in range(0, len(raw), 64) if any(raw[place : place + 64])]
    places = st.sampled_from(full).flatmap(lambda place: st.integers(place, place + 63)) | st.integers(0, 200)
    turned = draw(st.lists(st.tuples(places, st.integers(0, 7)), max_size=4))
    return turned, draw(st.sampled_from((0, 0, 0, 0, 1, 50, 99))), draw(st.integers(0, len(QUESTIONS) - 1))


FUZZERS = (Fuzzer("damaged store, read only", 3, damages(), check),)
