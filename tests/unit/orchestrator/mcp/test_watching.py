"""Steps are found in what a command says on stderr, however it is cut, and the log never makes anybody wait."""

from __future__ import annotations

import io
import os

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mcp.watching import Relay, Step, StepTitles
from orchestrator.rendering.progress import PlainProgress, step_title


def test_a_step_is_told_before_its_line_has_ended() -> None:
    titles = StepTitles()

    assert titles.feed(f"Steps:\n{step_title(2, 5, 'Pushing to registry')}".encode()) == [Step(2, 5, "Pushing to registry")]
    assert titles.feed(b" done (12s)\n") == []


@given(st.lists(st.integers(1, 20), max_size=30))
def test_steps_are_the_same_however_the_output_is_cut(sizes: list[int]) -> None:
    said = io.StringIO()
    progress = PlainProgress(said)
    for number, title in enumerate(("Building", "Switching release"), 1):
        progress.step_started(number, 2, title)
        progress.line("held by ann")
        progress.step_finished("done", 12)
    rest, titles, found = said.getvalue().encode(), StepTitles(), []

    for size in (*sizes, len(rest)):
        found += titles.feed(rest[:size])
        rest = rest[size:]

    assert found == [Step(1, 2, "Building"), Step(2, 2, "Switching release")]


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    reader, writer = os.pipe()
    relay = Relay(writer)
    block = b"x" * 100_000

    for _ in range(Relay.MOST_BLOCKS + 10):
        relay.say(block)

    assert os.read(reader, 10) == b"x" * 10
    os.close(reader)


def test_a_log_whose_reader_has_gone_stops_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    relay = Relay(writer)

    relay.say(b"one")
    relay.say(b"two")
