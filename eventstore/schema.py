"""The durable tables and their guards; alembic's metadata.

Projection tables are not here: they are derived, see `eventstore.projection`. A migration in ``alembic/versions`` leads from each
revision to the next; a test compares a store made by `ddl` with one made by all migrations.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.schema import CreateTable

from eventstore.revisions import APPLICATION_ID

metadata = MetaData()

Words = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared byte by byte, as SQLite does."""
Position = Integer().with_variant(BigInteger(), "postgresql")

events = Table(
    "events",
    metadata,
    Column("position", Position, primary_key=True, autoincrement=False),
    Column("stream", Words, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", Words, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("time", Words, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("metadata", LargeBinary, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("stream", "version", name="events_stream_version"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("stream", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("part", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("stream", "name", "part"),
)

projections = Table(
    "projections",
    metadata,
    Column("name", Words, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("position", Position, nullable=False),
)

store = Table("store", metadata, Column("store_id", Words, primary_key=True), Column("created_at", Words, nullable=False))

# As alembic itself would create it.
revision = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

# INSERT OR REPLACE deletes without firing DELETE triggers, so an insert over an existing row is refused by itself.
SQLITE_APPEND_ONLY = [
    """CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END""",
    """CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END""",
    """CREATE TRIGGER events_no_replace BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE position = NEW.position)
  OR EXISTS (SELECT 1 FROM events WHERE stream = NEW.stream AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'events are never replaced'); END""",
    """CREATE TRIGGER attachments_no_update BEFORE UPDATE ON attachments
BEGIN SELECT RAISE(ABORT, 'attachments are never changed'); END""",
    """CREATE TRIGGER attachments_no_delete BEFORE DELETE ON attachments
BEGIN SELECT RAISE(ABORT, 'attachments are never deleted'); END""",
    """CREATE TRIGGER attachments_no_replace BEFORE INSERT ON attachments
WHEN EXISTS (SELECT 1 FROM attachments WHERE stream = NEW.stream AND name = NEW.name AND part = NEW.part)
BEGIN SELECT RAISE(ABORT, 'attachments are never replaced'); END""",
]

POSTGRESQL_APPEND_ONLY = [
    """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% are never changed, replaced or deleted', TG_TABLE_NAME; END $$""",
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("events", "attachments")
    ),
]


def sqlite_ddl() -> list[str]:
    """`ddl` for SQLite."""
    from sqlalchemy.dialects import sqlite

    return ddl(sqlite.dialect())


def postgresql_ddl() -> list[str]:
    """`ddl` for PostgreSQL."""
    from sqlalchemy.dialects import postgresql

    return ddl(postgresql.dialect())  # type: ignore[no-untyped-call]


def ddl(dialect: Dialect) -> list[str]:
    """The statements that make an empty store of the newest revision, in order."""
    tables = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    if dialect.name == "postgresql":
        return [*tables, *POSTGRESQL_APPEND_ONLY]
    return [*tables, *SQLITE_APPEND_ONLY, f"PRAGMA application_id = {APPLICATION_ID}"]
