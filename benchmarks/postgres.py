"""Appending one event on PostgreSQL, with all read models: the store against one INSERT in autocommit mode.

Both sides use a database of their own on the server of the tests (POP_DEPLOY_TEST_POSTGRES, else tests/backends/postgres-up.sh),
which is removed at the end; both are opened anew for each run and commit once for each event. The hand-written side keeps nothing
but the events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.append import APPENDS, Batches, append_each
from benchmarks.deployments import Written
from benchmarks.harness import Figure, Limit, Side, Skipped, Unit, compare, timed
from orchestrator.projections.registry import inline

if TYPE_CHECKING:
    import psycopg

SUBJECT = "append of one event with all read models on PostgreSQL"
_CREATE = """CREATE TABLE raw_events (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL, type TEXT NOT NULL,
    time TEXT NOT NULL, data BYTEA NOT NULL, metadata BYTEA NOT NULL, UNIQUE (stream, version))"""
_INSERT = "INSERT INTO raw_events (stream, version, type, time, data, metadata) VALUES (%s, %s, %s, %s, %s, %s)"


def run(scratch: Path) -> Iterator[Figure | Skipped]:
    try:
        from tests.backends.postgres import PostgresBackend
    except ImportError as error:  # the driver is an extra of the product
        yield Skipped(SUBJECT, f"{error}. Install pop-deploy[postgres]")
        return
    backend = PostgresBackend()
    if missing := backend.available():
        yield Skipped(SUBJECT, missing)
        return
    with backend.database() as url:
        yield _figure(url)


def _figure(url: str) -> Figure:
    import psycopg

    from eventstore.postgres import PostgresEventStore

    ours_next, theirs_next = Batches(), Batches()
    with psycopg.connect(_libpq(url), autocommit=True) as connection:
        connection.execute(_CREATE)

    def ours() -> float:
        store, batch = PostgresEventStore(url, projections=inline()), ours_next.take(APPENDS)
        try:
            return timed(lambda: append_each(store, batch))
        finally:
            store.close()

    def theirs() -> float:
        with psycopg.connect(_libpq(url), autocommit=True) as connection:
            batch = theirs_next.take(APPENDS)
            return timed(lambda: _insert_each(connection, batch))

    return compare(
        SUBJECT,
        Side(f"PostgresEventStore.append (chain, version check, {len(inline())} read models in the same commit)", ours),
        Side("psycopg: INSERT of the same bytes, autocommit", theirs),
        Limit(1.5, Unit.TIMES),
        runs=25,
        count=APPENDS,
        per="/event",
    )


def _insert_each(connection: psycopg.Connection[Any], batch: Sequence[tuple[Written, int]]) -> None:
    for event, version in batch:
        new, now = event.new, datetime.now(UTC).isoformat(timespec="microseconds")
        connection.execute(_INSERT, (event.stream, version, new.type, now, new.data, new.metadata))


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
