"""Opens whichever durable backend a URL names: what one of them promises, both must keep."""

from __future__ import annotations

from eventstore import EventStore
from eventstore.postgres import PostgresEventStore
from eventstore.sqlite import SqliteEventStore


def open_store(url: str, **options: object) -> EventStore:
    kind = PostgresEventStore if url.startswith("postgresql") else SqliteEventStore
    return kind(url, **options)  # type: ignore[arg-type]


def end_other_sessions(store: EventStore) -> None:
    """The server ends the sessions of other clients, and has ended them: what a killed one has sent it might commit any time."""
    if not isinstance(store, PostgresEventStore):
        return
    others = (
        "FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    store.query(f"SELECT pg_terminate_backend(pid, 30000) {others}")
    assert store.query(f"SELECT count(*) {others}") == [(0,)]
