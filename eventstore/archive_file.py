"""The file that holds archived streams, events and attachments as they stood in the store: `write`, `ArchiveFile`.

A SQLite database with a mark of its own, so that no program takes it for a store. Nothing else is needed to check it: every event
carries the hash that the store keeps in its place. Moving streams out of a store is in `eventstore.archive`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from hashlib import sha256
from itertools import zip_longest
from typing import Any

from eventstore.chain import is_intact, tombstone
from eventstore.diagnosis import Problem
from eventstore.errors import EventStoreError
from eventstore.events import RecordedEvent
from eventstore.reading import COLUMNS
from eventstore.sqlite_file import unavailable, uri
from eventstore.store import EventReader

MARK = 0x706F7061
"""SQLite's ``application_id`` of these files: ``popa``."""
_TABLES = (
    "CREATE TABLE archive (store_id TEXT NOT NULL, before TEXT NOT NULL)",
    """CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL, type TEXT NOT NULL,
    schema_version INTEGER NOT NULL, time TEXT NOT NULL, data BLOB NOT NULL, metadata BLOB NOT NULL, previous_hash BLOB NOT NULL,
    hash BLOB NOT NULL, UNIQUE (stream, version))""",
    """CREATE TABLE attachments (stream TEXT NOT NULL, name TEXT NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (stream, name, part))""",
    f"PRAGMA application_id = {MARK}",
)
_INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants


class NotAnArchive(EventStoreError):
    """The file is something else, or is damaged."""


def write(
    path: str, reader: EventReader, streams: Iterable[str], before: str, progress: Callable[[int], None] = lambda events: None
) -> None:
    """Put *streams* of *reader* into the empty file at *path*, durably."""
    with _in_words(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # The file has no name yet and is not used before it is whole: a journal would only cost time.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = FULL")
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute("BEGIN")
        connection.execute("INSERT INTO archive VALUES (?, ?)", (reader.store_id, before))
        written = 0
        for stream in streams:
            written += connection.executemany(_INSERT, reader.read_stream(stream)).rowcount
            for _, name in reader.attached(stream):
                parts = ((stream, name, number, part) for number, part in enumerate(reader.attachments(stream, name)))
                connection.executemany("INSERT INTO attachments VALUES (?, ?, ?, ?)", parts)
            progress(written)
        connection.execute("COMMIT")


class ArchiveFile:
    """An archive, open for reading only.

    Raises:
        NotAnArchive: The file is something else, or SQLite cannot read it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if not os.path.isfile(path):  # noqa: PTH113 - as in the modules around
            raise NotAnArchive(f"{path}: no such file")
        with ExitStack() as refused, _in_words(path):
            connection = sqlite3.connect(uri(path, "mode=ro"), uri=True, isolation_level=None)
            refused.callback(connection.close)
            (mark,) = connection.execute("PRAGMA application_id").fetchone()
            if mark != MARK:
                raise NotAnArchive(f"{path} is no archive of pop-deploy")
            origin: tuple[str, str] = connection.execute("SELECT store_id, before FROM archive").fetchone() or ("", "")
            self.store_id, self.before = origin
            refused.pop_all()
        self._connection = connection

    def close(self) -> None:
        self._connection.close()

    def streams(self) -> dict[str, int]:
        """Name to number of events."""
        return dict(self._rows("SELECT stream, count(*) FROM events GROUP BY stream"))

    def parts(self) -> int:
        """How many parts of attachments there are."""
        return int(next(self._rows("SELECT count(*) FROM attachments"))[0])

    def read_stream(self, stream: str) -> Iterator[RecordedEvent]:
        rows = self._rows(f"SELECT {COLUMNS} FROM events WHERE stream = ? ORDER BY version", (stream,))  # noqa: S608 - constants
        return map(RecordedEvent._make, rows)

    def attached(self, stream: str) -> Iterator[tuple[str, str]]:
        """See `EventReader.attached`."""
        rows = self._rows("SELECT DISTINCT stream, name FROM attachments WHERE stream = ? ORDER BY name", (stream,))
        return ((of, name) for of, name in rows)

    def attachments(self, stream: str, name: str) -> Iterator[bytes]:
        """See `EventReader.attachments`."""
        rows = self._rows("SELECT data FROM attachments WHERE stream = ? AND name = ? ORDER BY part", (stream, name))
        return (row[0] for row in rows)

    def digest(self) -> str:
        """``sha256:<hex>`` over position and hash of each event, then over place and SHA-256 of each part of an attachment."""
        total = sha256()
        for position, hash_ in self._rows("SELECT position, hash FROM events ORDER BY position"):
            total.update(b"%d\n%b" % (position, _bytes(hash_)))
        for stream, name, part, data in self._rows("SELECT * FROM attachments ORDER BY stream, name, part"):
            total.update(f"{stream}\n{name}\n{part}\n".encode())
            total.update(sha256(_bytes(data)).digest())
        return f"sha256:{total.hexdigest()}"

    def problems(self, reader: EventReader, progress: Callable[[int], None] = lambda events: None) -> Iterator[Problem]:
        """What is wrong with the archived events: each must be what the store's chain says stood in its place.

        Attachments are covered by `digest`, which the store has on record.
        """
        seen = 0
        for stream in self.streams():
            for ours, theirs in zip_longest(self.read_stream(stream), reader.read_stream(stream)):
                seen += 1
                if ours is None:
                    yield Problem("removed", theirs.position, stream, theirs.version, f"it is missing in {self.path}")
                elif theirs is None:
                    yield Problem(
                        "inserted", ours.position, stream, ours.version, f"it stands in {self.path} but not in the store"
                    )
                elif not is_intact(ours) or theirs not in (ours, tombstone(ours)):
                    words = f"what {self.path} holds of it is not what was recorded"
                    yield Problem("changed", theirs.position, stream, theirs.version, words)
            progress(seen)

    def _rows(self, statement: str, parameters: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        with _in_words(self.path):
            yield from self._connection.execute(statement, parameters)


@contextmanager
def _in_words(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise NotAnArchive(str(unavailable(path, error))) from error


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode("utf-8", "backslashreplace")
