"""Appending one event, durably: the store against a hand-written insert and commit. Both files are opened anew for each run.

Once without read models, and once as the program has it: all read models follow in the same commit. The events of the latter are
those of whole deployments, one commit for each on both sides; the hand-written side keeps nothing but the events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from benchmarks.deployments import Written, written
from benchmarks.harness import Figure, Limit, Side, Unit, compare, timed
from benchmarks.raw import RawEvents, RawStream
from eventstore import EventStore, NewEvent
from eventstore.sqlite import SqliteEventStore
from orchestrator.projections.registry import inline

APPENDS = 200
RUNS = 25
DATA = {
    "attempt": 1,
    "data": {"digest": "sha256:" + "3f" * 32, "image": "registry.example.com:5000/shop/web:1.2.0"},
    "duration_ms": 12_345,
    "exit_code": 0,
    "found": False,
    "message": "pushed registry.example.com:5000/shop/web:1.2.0",
    "output": {"attachment": "deploy/push/1", "commands": [{"bytes": 412, "command": "main", "sha256": "sha256:" + "c0" * 32}]},
    "phase": "deploy",
    "step": "push",
}
METADATA = {
    "actor": "ann@ci-7",
    "causation_id": "deployment-20260318-143022-k3f9@11",
    "correlation_id": "deploy-20260318-143022-k3f9",
    "host": "ci-7",
    "pid": 4711,
    "tool_version": "1.0.0",
}


def run(scratch: Path) -> Iterator[Figure]:
    yield _without_read_models(scratch)
    yield _with_all(scratch)


def _without_read_models(scratch: Path) -> Figure:
    path, raw = scratch / "store.db", RawEvents(scratch / "raw.db")
    streams = iter(range(1_000_000))

    def ours() -> float:
        store, stream = SqliteEventStore(f"sqlite:///{path}"), f"deployment-{next(streams):08}"
        try:
            return timed(lambda: _append(store, stream))
        finally:
            store.close()

    def theirs() -> float:
        opened = raw.open()
        try:
            return timed(lambda: _append_raw(opened))
        finally:
            opened.close()

    return compare(
        "append of one event, durable",
        Side("EventStore.append (chain, triggers, version check; no read model)", ours),
        Side("sqlite3: BEGIN IMMEDIATE, INSERT of orjson bytes, COMMIT", theirs),
        Limit(1.4, Unit.TIMES),
        runs=RUNS,
        count=APPENDS,
        per="/event",
    )


def _with_all(scratch: Path) -> Figure:
    path, raw = scratch / "complete.db", RawEvents(scratch / "raw-complete.db")
    ours_next, theirs_next = Batches(), Batches()

    def ours() -> float:
        store, batch = SqliteEventStore(f"sqlite:///{path}", projections=inline()), ours_next.take(APPENDS)
        try:
            return timed(lambda: append_each(store, batch))
        finally:
            store.close()

    def theirs() -> float:
        opened, batch = raw.open(), theirs_next.take(APPENDS)
        try:
            return timed(lambda: _append_each_raw(opened, batch))
        finally:
            opened.close()

    return compare(
        "append of one event with all read models, durable",
        Side(f"EventStore.append (chain, triggers, version check, {len(inline())} read models in the same commit)", ours),
        Side("sqlite3: BEGIN IMMEDIATE, INSERT of the same bytes, COMMIT", theirs),
        Limit(1.5, Unit.TIMES),
        runs=RUNS,
        count=APPENDS,
        per="/event",
    )


class Batches:
    """The events of one deployment after another, taken in batches; each with its version."""

    def __init__(self) -> None:
        self._events, self._versions = written(), dict[str, int]()

    def take(self, count: int) -> list[tuple[Written, int]]:
        taken = []
        for _ in range(count):
            event = next(self._events)
            version = self._versions[event.stream] = self._versions.get(event.stream, -1) + 1
            taken.append((event, version))
        return taken


def append_each(store: EventStore, batch: Sequence[tuple[Written, int]]) -> None:
    """A commit for each."""
    for event, version in batch:
        store.append(event.stream, [event.new], expected_version=version - 1)


def _append_each_raw(stream: RawStream, batch: Sequence[tuple[Written, int]]) -> None:
    for event, version in batch:
        stream.append_bytes(event.stream, version, event.new.type, event.new.data, event.new.metadata)


def _append(store: SqliteEventStore, stream: str) -> None:
    for version in range(APPENDS):
        data, metadata = orjson.dumps(DATA, option=orjson.OPT_SORT_KEYS), orjson.dumps(METADATA, option=orjson.OPT_SORT_KEYS)
        store.append(stream, [NewEvent("StepSucceeded", data, metadata)], expected_version=version - 1)


def _append_raw(stream: RawStream) -> None:
    for _ in range(APPENDS):
        stream.append("StepSucceeded", DATA, METADATA)
