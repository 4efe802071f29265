"""Reading a SQLite store: by stdlib `sqlite3` alone, so that commands that only read start fast.

`open_read_only` is for such commands; `SqlReader` is also the reading half of `sqlite.SqliteEventStore`, on its own connection.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from typing import Any

from eventstore.errors import StoreOutdated, StoreUnavailable
from eventstore.events import Head, RecordedEvent
from eventstore.revisions import REVISIONS
from eventstore.sqlite_file import BUSY_TIMEOUT_S, inspect, stored_revision, unavailable, uri

GENESIS = Head(0, bytes(32))
COLUMNS = "position, stream, version, type, schema_version, time, data, metadata, previous_hash, hash"

_READ_STREAM = f"SELECT {COLUMNS} FROM events WHERE stream = ? AND version > ? AND version <= ? ORDER BY version LIMIT ?"  # noqa: S608
_READ_ALL = f"SELECT {COLUMNS} FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"  # noqa: S608 - constants
_VERSION = "SELECT version FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1"
_HEAD = "SELECT position, hash FROM events ORDER BY position DESC LIMIT 1"
_ATTACHMENT = "SELECT data FROM attachments WHERE stream = ? AND name = ? AND part = ?"
_PAGE = 256


class SqlReader:
    """The reading half of the protocol on one open connection.

    Events are fetched in pages: a statement left open by a slow or forgotten iterator would keep the write-ahead log from being
    taken over into the file, and would make an append on the same connection fail as "locked" once another process has written.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path

    @property
    def store_id(self) -> str:
        return str(self._rows("SELECT store_id FROM store")[0][0])

    def read_stream(self, stream: str, after_version: int = -1) -> Iterator[RecordedEvent]:
        last = self.version(stream)
        return self._pages(lambda after: self._rows(_READ_STREAM, (stream, after, last, _PAGE)), after_version, key=2)

    def read_all(self, after_position: int = 0, types: Collection[str] | None = None) -> Iterator[RecordedEvent]:
        last = self.head().position
        wanted = () if types is None else sorted(types)
        marks = ", ".join("?" * len(wanted))
        statement = _READ_ALL if types is None else _READ_ALL.replace("ORDER", f"AND type IN ({marks}) ORDER")
        return self._pages(lambda after: self._rows(statement, (after, last, *wanted, _PAGE)), after_position, key=0)

    def version(self, stream: str) -> int:
        rows = self._rows(_VERSION, (stream,))
        return int(rows[0][0]) if rows else -1

    def head(self) -> Head:
        rows = self._rows(_HEAD)
        return Head(*rows[0]) if rows else GENESIS

    def attachments(self, stream: str, name: str) -> Iterator[bytes]:
        for part in count():
            rows = self._rows(_ATTACHMENT, (stream, name, part))
            if not rows:
                return
            yield rows[0][0]

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._rows(statement, parameters)

    def close(self) -> None:
        self._connection.close()

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise unavailable(self._path, error) from error

    @staticmethod
    def _pages(fetch: Callable[[int], list[tuple[Any, ...]]], after: int, *, key: int) -> Iterator[RecordedEvent]:
        more = True
        while more:
            rows = fetch(after)
            yield from map(RecordedEvent._make, rows)
            more = len(rows) == _PAGE
            after = rows[-1][key] if more else after


def open_read_only(
    path: str, projections: Collection[tuple[str, int]] = (), *, catch_up: Collection[tuple[str, int]] = ()
) -> SqlReader:
    """Open the store at *path* without being able to change it.

    Args:
        projections: (name, version) of the inline read models that will be queried; they must have followed every event.
        catch_up: (name, version) of catch-up read models that will be queried, as far as they have come.

    Raises:
        StoreUnavailable: No such file, or it cannot be opened for reading.
        NotAStore, StoreTooNew: As their names say.
        StoreOutdated: The schema or a read model is older than this program, or behind: open it for writing once.
    """
    if not os.path.exists(path):  # noqa: PTH110 - pathlib would cost start-up time
        raise StoreUnavailable(f"{path} does not exist: nothing was recorded there yet")
    inspect(path)
    try:
        # Never immutable=1 here: it ignores the write-ahead log and hides its events.
        connection = sqlite3.connect(uri(path, "mode=ro"), uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        with ExitStack() as refused:
            refused.callback(connection.close)
            check_revision(connection, path)
            reader = SqlReader(connection, path)
            _check_read_models(reader, path, projections, catch_up)
            refused.pop_all()
    except sqlite3.Error as error:
        raise unavailable(path, error) from error
    return reader


def check_revision(connection: sqlite3.Connection, path: str) -> None:
    """Raise unless the schema is exactly the one this program knows."""
    found = stored_revision(connection, path)
    if found is None:
        raise StoreOutdated(f"{path}: an empty file, not a store yet")
    if found != REVISIONS[-1]:
        raise StoreOutdated(f"{path}: schema revision {found} must be upgraded to {REVISIONS[-1]} first")


def _check_read_models(
    reader: SqlReader, path: str, inline: Collection[tuple[str, int]], catch_up: Collection[tuple[str, int]]
) -> None:
    head = reader.head().position  # Asked first: a writer who comes between only makes the read models newer than this.
    stored = {(name, version): position for name, version, position in reader.query("SELECT * FROM projections")}
    for name, version in (*inline, *catch_up):
        if (name, version) not in stored:
            raise StoreOutdated(f"{path}: read model {name} must be built first")
    for wanted in inline:
        if stored[wanted] < head:
            raise StoreOutdated(f"{path}: read model {wanted[0]} has not followed the last events")
