"""Opens whichever durable backend a URL names: what one of them promises, both must keep."""

from __future__ import annotations

import time

from eventstore import EventStore
from eventstore.postgres import PostgresEventStore
from eventstore.sqlite import SqliteEventStore


def open_store(url: str, **options: object) -> EventStore:
    kind = PostgresEventStore if url.startswith("postgresql") else SqliteEventStore
    return kind(url, **options)  # type: ignore[arg-type]


def wait_until_alone(store: EventStore) -> None:
    """Until the server has noticed that other clients are gone: what a killed one has sent it may still commit."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    until = time.monotonic() + 30
    while isinstance(store, PostgresEventStore) and store.query(others) != [(0,)]:
        assert time.monotonic() < until, "others are still connected"
        time.sleep(0.01)
