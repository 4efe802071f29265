"""Making, recognising and upgrading a store in a PostgreSQL database. It has a schema of its own; what else is there is not ours.

Start at `prepare`. Read models are described by `eventstore.projection.Table`; `create_statements` says them for PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg

from eventstore.errors import NotAStore, StoreMissing, StoreOutdated, StoreTooNew
from eventstore.postgres_connection import SCHEMA, in_words, without_password
from eventstore.projection import Table
from eventstore.reading import SqlReader
from eventstore.revisions import APPLICATION_ID, REVISIONS

STORE_LOCK = f"SELECT pg_advisory_xact_lock({APPLICATION_ID}, 0)"
"""Every writer's first statement. Kept until the transaction's end, after which what it wrote can be seen."""
# Text is compared byte by byte, as SQLite does: what sorts before what must not depend on where the server was set up.
_TYPES = {"text": 'text COLLATE "C"', "integer": "bigint", "real": "double precision", "blob": "bytea"}


def create_statements(table: Table) -> list[str]:
    """The statements that make a read model's table."""
    columns = ", ".join(f"{name} {_TYPES[kind]}" for name, kind in table.columns.items())
    indexes = [
        f"CREATE INDEX {table.name}_{number} ON {table.name} ({', '.join(names)})" for number, names in enumerate(table.indexes)
    ]
    # A row that changes finds room on its page: its new version need not be entered in every index.
    return [f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({', '.join(table.key)})) WITH (fillfactor = 70)", *indexes]


def prepare(connection: psycopg.Connection[Any], url: str, now: Callable[[], str]) -> None:
    """Create the store, or upgrade it.

    Raises:
        NotAStore, StoreTooNew, StoreUnavailable: The database was not changed.
    """
    with in_words(url):
        revision = _revision(connection, url) or _create(connection, url, now)
    if revision != REVISIONS[-1]:
        from eventstore.upgrade import upgrade_database

        upgrade_database(url, SCHEMA)


def check_revision(reader: SqlReader, shown: str) -> None:
    """Raise unless the schema is exactly the one this program knows."""
    found = revision_of(reader, shown)
    if found != REVISIONS[-1]:
        raise StoreOutdated(f"{shown}: schema revision {found} must be upgraded to {REVISIONS[-1]} first")


def revision_of(reader: SqlReader, shown: str) -> str:
    """The schema's revision.

    Raises:
        StoreMissing, NotAStore, StoreTooNew: See `eventstore.errors`.
    """
    tables = {row[0] for row in reader.query(_TABLES, (SCHEMA,))}
    if not tables:
        raise StoreMissing(f"{shown}: nothing was recorded there yet")
    return _known(reader.query("SELECT version_num FROM alembic_version") if tables >= _OURS else None, shown)


_TABLES = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = ?"
_OURS = {"alembic_version", "events", "store"}


def _revision(connection: psycopg.Connection[Any], url: str) -> str | None:
    """The store's revision, or None where there is no table in our schema."""
    tables = {row[0] for row in connection.execute(_TABLES.replace("?", "%s"), (SCHEMA,))}
    if not tables:
        return None
    rows = connection.execute("SELECT version_num FROM alembic_version").fetchall() if tables >= _OURS else None
    return _known(rows, without_password(url))


def _known(rows: list[tuple[Any, ...]] | None, shown: str) -> str:
    if rows is None:
        raise NotAStore(f"{shown}: the schema {SCHEMA} holds something else. It was not touched: name another database.")
    found = rows[0][0] if rows else "none"
    if found not in REVISIONS:
        raise StoreTooNew(
            f"{shown} has schema revision {found}; this program knows up to {REVISIONS[-1]}. "
            "It was left untouched: use the newer pop-deploy that wrote it."
        )
    return str(found)


def _create(connection: psycopg.Connection[Any], url: str, now: Callable[[], str]) -> str:
    from eventstore.schema import postgresql_ddl

    with connection.transaction():
        connection.execute(STORE_LOCK)
        if found := _revision(connection, url):  # another process was faster
            return found
        for statement in (f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}", *postgresql_ddl()):
            connection.execute(statement.encode())
        connection.execute("INSERT INTO store (store_id, created_at) VALUES (%s, %s)", (uuid4().hex, now()))
        connection.execute("INSERT INTO alembic_version (version_num) VALUES (%s)", (REVISIONS[-1],))
    return REVISIONS[-1]
