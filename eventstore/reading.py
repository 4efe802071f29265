"""Reading a SQLite store: by stdlib `sqlite3` alone, so that commands that only read start fast.

`open_read_only` is for such commands; `SqliteReader` is also the reading half of `sqlite.SqliteEventStore`, on its own
connection, and `SqlReader`, without SQLite, that of `postgres.PostgresEventStore`.
"""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from typing import Any

from eventstore.errors import StoreMissing, StoreOutdated
from eventstore.events import Head, RecordedEvent
from eventstore.revisions import FOLLOWING, REVISIONS
from eventstore.sqlite_file import BUSY_TIMEOUT_S, SqliteErrors, inspect, stored_revision, unavailable, uri

GENESIS = Head(0, bytes(32))
COLUMNS = "position, stream, version, type, schema_version, time, data, metadata, previous_hash, hash"

_READ_STREAM = f"SELECT {COLUMNS} FROM events WHERE stream = ? AND version > ? AND version <= ? ORDER BY version LIMIT ?"  # noqa: S608
_READ_ALL = f"SELECT {COLUMNS} FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"  # noqa: S608 - constants
_VERSION = "SELECT version FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1"
_HEAD = "SELECT position, hash FROM events ORDER BY position DESC LIMIT 1"
_ATTACHMENT = "SELECT data FROM attachments WHERE stream = ? AND name = ? AND part = ?"
_ATTACHED = "SELECT DISTINCT stream, name FROM attachments WHERE (stream, name) > (?, ?) ORDER BY stream, name LIMIT ?"
_ATTACHED_TO = "SELECT DISTINCT stream, name FROM attachments WHERE stream = ? AND name > ? ORDER BY stream, name LIMIT ?"
_PAGE = 256
_recorded: Callable[[tuple[Any, ...]], RecordedEvent] = partial(tuple.__new__, RecordedEvent)
"""As `RecordedEvent._make`, in half its time: it does not count the columns once more."""


class SqlReader(ABC):
    """The reading half of the protocol, in statements that every database understands.

    Events are fetched in pages: a statement left open by a slow or forgotten iterator would keep the write-ahead log from being
    taken over into the file, and would make an append on the same connection fail as "locked" once another process has written.
    """

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a SELECT. Raises StoreUnavailable."""

    @property
    def store_id(self) -> str:
        return str(self._rows("SELECT store_id FROM store")[0][0])

    def read_stream(self, stream: str, after_version: int = -1) -> Iterator[RecordedEvent]:
        last = self.version(stream)
        return self._pages(lambda after: self._rows(_READ_STREAM, (stream, after, last, _PAGE)), after_version, key=2)

    def read_all(self, after_position: int = 0, types: Collection[str] | None = None) -> Iterator[RecordedEvent]:
        last = self.head().position
        wanted = () if types is None else sorted(types)
        chosen = f"type IN ({', '.join('?' * len(wanted))})" if wanted else "1 = 0"
        statement = _READ_ALL if types is None else _READ_ALL.replace("ORDER", f"AND {chosen} ORDER")
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

    def attached(self, stream: str | None = None) -> Iterator[tuple[str, str]]:
        last, more = ("", ""), True
        while more:
            found = (
                self._rows(_ATTACHED, (*last, _PAGE)) if stream is None else self._rows(_ATTACHED_TO, (stream, last[1], _PAGE))
            )
            yield from ((of, name) for of, name in found)
            more = len(found) == _PAGE
            last = found[-1][:2] if more else last

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._rows(statement, parameters)

    @staticmethod
    def _pages(fetch: Callable[[int], list[tuple[Any, ...]]], after: int, *, key: int) -> Iterator[RecordedEvent]:
        more = True
        while more:
            rows = fetch(after)
            yield from map(_recorded, rows)
            more = len(rows) == _PAGE
            after = rows[-1][key] if more else after


class SqliteReader(SqlReader):
    """The reading half on one open connection to a SQLite file."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything that is read inside is as it stood at the beginning; writers are not held up, the log grows meanwhile."""
        self._rows("BEGIN")
        try:
            self.head()  # the transaction begins with the first look
            yield
        finally:
            self._rows("ROLLBACK")

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, parameters).fetchall()
        except SqliteErrors as error:
            raise unavailable(self._path, error) from error


def open_read_only(
    path: str, projections: Collection[tuple[str, int]] = (), *, catch_up: Collection[tuple[str, int]] = ()
) -> SqliteReader:
    """Open the store at *path* without being able to change it.

    Args:
        projections: (name, version) of the inline read models that will be queried; they must have followed every event.
        catch_up: (name, version) of catch-up read models that will be queried, as far as they have come.

    Raises:
        StoreMissing: There is no such file.
        StoreUnavailable: It cannot be opened for reading.
        NotAStore, StoreTooNew: As their names say.
        StoreOutdated: The schema or a read model is older than this program, or behind: open it for writing once.
    """
    if not os.path.exists(path):  # noqa: PTH110 - pathlib would cost start-up time
        raise StoreMissing(f"{path} does not exist: nothing was recorded there yet")
    inspect(path)
    try:
        # Never immutable=1 here: it ignores the write-ahead log and hides its events.
        connection = sqlite3.connect(uri(path, "mode=ro"), uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        with ExitStack() as refused:
            refused.callback(connection.close)
            check_revision(connection, path)
            reader = SqliteReader(connection, path)
            check_read_models(reader, path, projections, catch_up)
            refused.pop_all()
    except SqliteErrors as error:
        raise unavailable(path, error) from error
    return reader


def check_revision(connection: sqlite3.Connection, path: str) -> None:
    """Raise unless the schema is exactly the one this program knows."""
    found = stored_revision(connection, path)
    if found is None:
        raise StoreOutdated(f"{path}: an empty file, not a store yet")
    if found != REVISIONS[-1]:
        raise StoreOutdated(f"{path}: schema revision {found} must be upgraded to {REVISIONS[-1]} first")


def check_read_models(
    reader: SqlReader, store: str, inline: Collection[tuple[str, int]], catch_up: Collection[tuple[str, int]]
) -> None:
    """Raise StoreOutdated unless all these (name, version) can be asked; the *inline* ones have followed every event."""
    head = reader.head().position  # Asked first: a writer who comes between only makes the read models newer than this.
    stored = {(name, version): position for name, version, position in reader.query("SELECT * FROM projections")}
    for name, version in (*inline, *catch_up):
        if (name, version) not in stored:
            raise StoreOutdated(f"{store}: read model {name} must be built first")
    for wanted in inline:
        if stored[wanted] != FOLLOWING and stored[wanted] < head:
            raise StoreOutdated(f"{store}: read model {wanted[0]} has not followed the last events")
