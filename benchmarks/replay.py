"""Reading a long history from its first event to its last: the store's reader against one plain cursor over the same file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from benchmarks import raw
from benchmarks.harness import Figure, Limit, Side, Unit, compare
from benchmarks.stores import store_with
from eventstore.reading import open_read_only
from orchestrator.projections.fields import fields

EVENTS = 100_000


def run(scratch: Path) -> Iterator[Figure]:
    path = store_with(EVENTS) / "events.db"

    def ours() -> None:
        reader = open_read_only(str(path))
        try:
            deque((fields(event) for event in reader.read_all()), maxlen=0)
        finally:
            reader.close()

    def theirs() -> None:
        deque(raw.read_all(path), maxlen=0)

    yield compare(
        f"replay of {EVENTS:,} events",
        Side("EventStore.read_all, each event's data decoded as the read models do", ours),
        Side("sqlite3: SELECT of all columns ORDER BY position, orjson.loads of the data", theirs),
        Limit(1.3, Unit.TIMES),
        runs=15,
    )
