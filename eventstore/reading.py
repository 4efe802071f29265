"""Reading a SQLite store: by stdlib `sqlite3` alone, so that commands that only read start fast.

`open_read_only` is for such commands; `SqlReader` is also the reading half of `sql.SqlEventStore`, on its own connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from eventstore.errors import NotAStore, StoreOutdated, StoreTooNew, StoreUnavailable
from eventstore.events import Head, RecordedEvent
from eventstore.revisions import REVISIONS

GENESIS = Head(0, bytes(32))
COLUMNS = "position, stream, version, type, schema_version, time, data, metadata, previous_hash, hash"

_READ_STREAM = f"SELECT {COLUMNS} FROM events WHERE stream = ? AND version > ? ORDER BY version"  # noqa: S608 - constants
_READ_ALL = f"SELECT {COLUMNS} FROM events WHERE position > ? ORDER BY position"  # noqa: S608 - constants
_VERSION = "SELECT version FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1"
_HEAD = "SELECT position, hash FROM events ORDER BY position DESC LIMIT 1"


class SqlReader:
    """The reading half of the protocol on one open connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def store_id(self) -> str:
        return str(self._connection.execute("SELECT store_id FROM store").fetchone()[0])

    def read_stream(self, stream: str, after_version: int = -1) -> Iterator[RecordedEvent]:
        return map(RecordedEvent._make, self._connection.execute(_READ_STREAM, (stream, after_version)))

    def read_all(self, after_position: int = 0, types: Collection[str] | None = None) -> Iterator[RecordedEvent]:
        if types is None:
            return map(RecordedEvent._make, self._connection.execute(_READ_ALL, (after_position,)))
        wanted = sorted(types)
        marks = ", ".join("?" * len(wanted))
        statement = _READ_ALL.replace("ORDER", f"AND type IN ({marks}) ORDER")
        return map(RecordedEvent._make, self._connection.execute(statement, (after_position, *wanted)))

    def version(self, stream: str) -> int:
        row = self._connection.execute(_VERSION, (stream,)).fetchone()
        return int(row[0]) if row else -1

    def head(self) -> Head:
        row = self._connection.execute(_HEAD).fetchone()
        return Head(*row) if row else GENESIS

    def attachments(self, stream: str, name: str) -> Iterator[bytes]:
        rows = self._connection.execute(
            "SELECT data FROM attachments WHERE stream = ? AND name = ? ORDER BY part", (stream, name)
        )
        return (row[0] for row in rows)

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, parameters).fetchall()

    def close(self) -> None:
        self._connection.close()


def open_read_only(path: str, projections: Collection[tuple[str, int]] = ()) -> SqlReader:
    """Open the store at *path* without being able to change it.

    Args:
        projections: (name, version) of the read models that will be queried.

    Raises:
        StoreUnavailable: No such file, or it cannot be opened for reading.
        NotAStore, StoreTooNew: As their names say.
        StoreOutdated: The schema or a read model is older than this program: open it for writing once.
    """
    # Never immutable=1: it ignores the write-ahead log and hides its events.
    try:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=10, isolation_level=None)
        check_revision(connection, path)
        known = set(connection.execute("SELECT name, version FROM projections"))
    except sqlite3.DatabaseError as error:
        raise unavailable(path, error) from error
    if not known.issuperset(projections):
        connection.close()
        raise StoreOutdated(f"{path}: a read model must be built first")
    return SqlReader(connection)


def check_revision(connection: sqlite3.Connection, path: str) -> None:
    """Raise unless the schema is exactly the one this program knows."""
    found = stored_revision(connection, path)
    if found is None:
        raise StoreOutdated(f"{path}: an empty file, not a store yet")
    if found != REVISIONS[-1]:
        raise StoreOutdated(f"{path}: schema revision {found} must be upgraded to {REVISIONS[-1]} first")


def stored_revision(connection: sqlite3.Connection, path: str) -> str | None:
    """The store's schema revision, or None for a file without any table.

    Raises:
        NotAStore: It is somebody else's database.
        StoreTooNew: Made by a newer program.
    """
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if not {"alembic_version", "events"} <= tables:
        raise NotAStore(f"{path} is a SQLite database of something else (it has no events). It was not touched.")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None or row[0] not in REVISIONS:
        found = row[0] if row else "none"
        raise StoreTooNew(
            f"{path} has schema revision {found}; this program knows up to {REVISIONS[-1]}. "
            "It was left untouched: use the newer pop-deploy that wrote it."
        )
    return str(row[0])


def unavailable(path: str, error: sqlite3.Error) -> StoreUnavailable:
    """*error* in words that say what to do."""
    text = str(error)
    if "not a database" in text or "malformed" in text:
        return NotAStore(f"{path}: {text}. It was not touched: restore a backup, or name another store with --store.")
    if "locked" in text:
        return StoreUnavailable(f"{path} is locked by another program and did not come free in 10 s: nothing was written.")
    if "full" in text:
        return StoreUnavailable(f"{path}: the disk is full: nothing was written. Free some space, then go on with resume.")
    if "readonly" in text or "read-only" in text:
        return StoreUnavailable(f"{path} cannot be written: it, its directory or its disk is read-only.")
    if "unable to open" in text:
        return StoreUnavailable(
            f"{path} cannot be opened. Reading needs write access to its directory as well (for -wal and -shm), or a backup."
        )
    return StoreUnavailable(f"{path}: {text}")
