"""Walking the hash chain from the first event to the last: `eventstore.chain.verify` against one plain cursor and hashlib.

Both read every column of the same file, compute each event's hash and compare it with the recorded one and with the event before
it; only ours can say what is wrong with which event. The limit of 0.7 of its speed is one of 1.43 of its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import raw
from benchmarks.harness import Figure, Limit, Side, Unit, compare
from benchmarks.stores import store_with
from eventstore import chain
from eventstore.reading import open_read_only

EVENTS = 100_000
SPEED = 0.7


def run(scratch: Path) -> Iterator[Figure]:
    path = store_with(EVENTS) / "events.db"

    def ours() -> None:
        reader = open_read_only(str(path))
        try:
            head = chain.verify(reader.read_all())
        finally:
            reader.close()
        if head.hash != last:
            raise RuntimeError("the two sides do not walk the same chain")

    last = raw.verify(path)
    yield compare(
        f"verify the chain of {EVENTS:,} events",
        Side("chain.verify over EventStore.read_all", ours),
        Side("sqlite3 and hashlib: SELECT of all columns ORDER BY position, sha256, two comparisons", partial(raw.verify, path)),
        Limit(1 / SPEED, Unit.TIMES),
        runs=15,
    )
