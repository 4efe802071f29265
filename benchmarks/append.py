"""Appending one event, durably: the store against a hand-written insert and commit. Both files are opened anew for each run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from benchmarks.harness import Figure, Limit, Side, Unit, compare, timed
from benchmarks.raw import RawEvents, RawStream
from eventstore import NewEvent
from eventstore.sqlite import SqliteEventStore

APPENDS = 200
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

    yield compare(
        "append of one event, durable",
        Side("EventStore.append (chain, triggers, version check; no read model)", ours),
        Side("sqlite3: BEGIN IMMEDIATE, INSERT of orjson bytes, COMMIT", theirs),
        Limit(1.4, Unit.TIMES),
        runs=25,
        count=APPENDS,
        per="/event",
    )


def _append(store: SqliteEventStore, stream: str) -> None:
    for version in range(APPENDS):
        data, metadata = orjson.dumps(DATA, option=orjson.OPT_SORT_KEYS), orjson.dumps(METADATA, option=orjson.OPT_SORT_KEYS)
        store.append(stream, [NewEvent("StepSucceeded", data, metadata)], expected_version=version - 1)


def _append_raw(stream: RawStream) -> None:
    for _ in range(APPENDS):
        stream.append("StepSucceeded", DATA, METADATA)
