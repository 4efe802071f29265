"""Opens whichever durable backend a URL names: what one of them promises, both must keep."""

from __future__ import annotations

from eventstore import EventStore
from eventstore.postgres import PostgresEventStore
from eventstore.sqlite import SqliteEventStore


def open_store(url: str, **options: object) -> EventStore:
    kind = PostgresEventStore if url.startswith("postgresql") else SqliteEventStore
    return kind(url, **options)  # type: ignore[arg-type]
