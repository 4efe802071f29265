"""What running a step costs that does nothing itself: the product's runner against a hand-written loop with two commits a step.

The steps are done in this process. Both record the same two events a step, both only while they hold the slot, and both keep what
a list of deployments shows of the running one; ours keeps four more read models and the hash chain. Both open their file anew for
each run, as every command does.
"""

from __future__ import annotations

from collections.abc import Iterator
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

    def theirs() -> float:
        opened = raw.open()
        opened.begin()
        try:
            return timed(lambda: _write(opened, events))
        finally:
            opened.close()

    yield compare(
        "a step in the process",
        Side("step_runner on SqlEventStore: outcome and next intent in one commit, five read models", ours),
        Side("sqlite3 loop: SELECT the slot's holder, INSERT the event, UPDATE the deployment's row; two commits a step", theirs),
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


def _write(stream: RawStream, events: Written) -> None:
    for type_, data, metadata in events:
        stream.record(type_, data, metadata, data["step"] if type_ == "StepStarted" else None)
