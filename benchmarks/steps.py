"""What running a step costs that does nothing itself: the product's runner against a hand-written loop with two commits a step.

The steps are done in this process, and both sides record the same two events a step. The loop is measured twice: as one would
write it for the same job (only while it holds the slot, and keeping what a list of deployments shows of the running one), and
bare, with nothing but the INSERT. Ours keeps five read models and the hash chain. All open their file anew for each run, as every
command does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from benchmarks.harness import Figure, Limit, Side, Unit, compare, timed
from benchmarks.project import ready_to_run, run_all, without_effect, workspace_of, write_project
from benchmarks.raw import RawEvents, RawStream
from eventstore.reading import open_read_only

STEPS = 10

Written = list[tuple[str, dict[str, Any], dict[str, Any]]]


def run(scratch: Path) -> Iterator[Figure]:
    steps = [{"name": f"step-{number}"} for number in range(1, STEPS + 1)]
    project = write_project(scratch / "project", {"dir": "world", "steps": steps})
    raw = RawEvents(scratch / "raw.db")

    def ours() -> float:
        with workspace_of(project) as workspace, ready_to_run(workspace) as road:
            idle = without_effect(road)
            return timed(lambda: run_all(idle))

    ours()
    events = _step_events(project / ".claude" / "popkit" / "events.db")

    def theirs(write: Callable[[RawStream, Written], None]) -> Callable[[], float]:
        def measured() -> float:
            opened = raw.open()
            opened.begin()
            try:
                return timed(lambda: write(opened, events))
            finally:
                opened.close()

        return measured

    one_commit = Side("step_runner on SqliteEventStore: outcome and next intent in one commit, five read models", ours)
    same_job = "sqlite3 loop: SELECT the slot's holder, INSERT the event, UPDATE the deployment's row; two commits a step"
    bare = "sqlite3 loop: INSERT the event; two commits a step"
    for subject, description, write in (
        ("a step in the process", same_job, _write),
        ("the same against a bare loop", bare, _insert),
    ):
        yield compare(
            subject,
            one_commit,
            Side(description, theirs(write)),
            Limit(1.0, Unit.TIMES),
            runs=40,
            count=STEPS,
            per="/step",
        )


def _step_events(path: Path) -> Written:
    """What our side has recorded for its steps: the loop writes nothing more and nothing less."""
    reader = open_read_only(str(path))
    try:
        events = list(reader.read_all(types={"StepStarted", "StepSucceeded"}))
    finally:
        reader.close()
    return [(event.type, orjson.loads(event.data), orjson.loads(event.metadata)) for event in events]


def _insert(stream: RawStream, events: Written) -> None:
    for type_, data, metadata in events:
        stream.insert(type_, data, metadata)


def _write(stream: RawStream, events: Written) -> None:
    for type_, data, metadata in events:
        stream.record(type_, data, metadata, data["step"] if type_ == "StepStarted" else None)
