"""The durable tables and their guards; alembic's metadata.

Projection tables are not here: they are derived, see `eventstore.projection`. A migration in ``alembic/versions`` leads from each
revision to the next; a test compares a store made by `ddl` with one made by all migrations.
"""

from __future__ import annotations

from sqlalchemy import (
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

events = Table(
    "events",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("stream", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("time", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("metadata", LargeBinary, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("stream", "version", name="events_stream_version"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("stream", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("part", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("stream", "name", "part"),
)

projections = Table(
    "projections",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("position", Integer, nullable=False),
)

store = Table("store", metadata, Column("store_id", Text, primary_key=True), Column("created_at", Text, nullable=False))

# As alembic itself would create it.
revision = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

# INSERT OR REPLACE deletes without firing DELETE triggers, so an insert over an existing row is refused by itself.
APPEND_ONLY = [
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


def sqlite_ddl() -> list[str]:
    """`ddl` for SQLite."""
    from sqlalchemy.dialects import sqlite

    return ddl(sqlite.dialect())


def ddl(dialect: Dialect) -> list[str]:
    """The statements that make an empty store of the newest revision, in order."""
    tables = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    mark = [f"PRAGMA application_id = {APPLICATION_ID}"] if dialect.name == "sqlite" else []
    return [*tables, *APPEND_ONLY, *mark]
