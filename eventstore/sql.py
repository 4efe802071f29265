"""The durable backend: SQLAlchemy owns engine, schema and dialect; appends run on the cursor of its pooled connection.

One connection is held open for the store's life. SQLite runs in WAL mode with ``synchronous=FULL``: an acknowledged append
survives a power cut. Start reading at `SqlEventStore.append`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Engine, make_url

from eventstore.appending import Now, chained, check_names, utc_now
from eventstore.errors import GuardFailed, StoreMoved, StoreUnavailable, WrongExpectedVersion
from eventstore.events import Attachment, Guard, NewEvent, RecordedEvent
from eventstore.projecting import Projector
from eventstore.projection import Projection
from eventstore.reading import COLUMNS, SqlReader, stored_revision, unavailable
from eventstore.revisions import APPLICATION_ID, REVISIONS
from eventstore.schema import ddl

_INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_BUSY_TIMEOUT_S = 10


class SqlEventStore(SqlReader):
    """`EventStore` on SQLite.

    Args:
        url: ``sqlite:////absolute/path/events.db``. A missing file is created, private to its owner (0600).
        projections: Folded inline, in each append's transaction.
        catch_up: Folded when asked.
        now: Clock for the events' times.

    Raises:
        NotAStore, StoreTooNew, StoreUnavailable: See `eventstore.errors`; the file was not changed.
    """

    def __init__(
        self,
        url: str,
        *,
        projections: Sequence[Projection] = (),
        catch_up: Sequence[Projection] = (),
        now: Now = utc_now,
    ) -> None:
        self._now = now
        self._projector = Projector(projections, catch_up)
        self._path = _sqlite_path(make_url(url))
        try:
            self._engine = _engine(self._path)
            self._pooled = self._engine.raw_connection()
            connection = self._pooled.driver_connection
            assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - narrows the pool's type
            super().__init__(connection)
            self._prepare()
        except sqlite3.Error as error:
            raise unavailable(self._path, error) from error
        self._identity = _identity(self._path)

    def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected_version: int,
        guard: Guard | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> int:
        """See `EventStore.append`."""
        check_names(stream, events)
        self._refuse_if_moved()
        time = self._now()
        with self._transaction() as cursor:
            self._check(stream, expected_version, guard)
            recorded = chained(self.head(), stream, expected_version + 1, time, events)
            cursor.executemany(_INSERT, recorded)
            if attachments:
                cursor.executemany(
                    "INSERT INTO attachments (stream, name, part, data) VALUES (?, ?, ?, ?)", _parts(stream, attachments)
                )
            self._projector.apply(cursor, recorded)
        return recorded[-1].version

    def rebuild(self, name: str | None = None) -> int:
        with self._transaction() as cursor:
            return self._projector.rebuild(cursor, self._read_types, [name] if name else None)

    def catch_up(self, name: str) -> int:
        with self._transaction() as cursor:
            return self._projector.catch_up(cursor, self._read_types, name)

    def close(self) -> None:
        self._pooled.close()
        self._engine.dispose()

    def _check(self, stream: str, expected_version: int, guard: Guard | None) -> None:
        actual = self.version(stream)
        if actual != expected_version:
            raise WrongExpectedVersion(stream, expected_version, actual)
        if guard is not None and (held := self.version(guard.stream)) != guard.version:
            raise GuardFailed(guard.stream, guard.version, held)

    def _read_types(self, after: int, types: frozenset[str]) -> Iterator[RecordedEvent]:
        return self.read_all(after, types)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        """BEGIN IMMEDIATE ... COMMIT: a deferred one that reads first fails with "locked" for all but one of the writers."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            yield cursor
            cursor.execute("COMMIT")
        except sqlite3.Error as error:
            raise unavailable(self._path, error) from error
        finally:
            if self._connection.in_transaction:
                cursor.execute("ROLLBACK")

    def _refuse_if_moved(self) -> None:
        """Appends to a renamed or removed database would report success and be lost to everybody else."""
        try:
            here = _identity(self._path)
        except OSError as error:
            raise StoreMoved(f"{self._path} is gone ({error.strerror}): nothing was written") from error
        if here != self._identity:
            raise StoreMoved(f"{self._path} was replaced by another file while in use: nothing was written")

    def _prepare(self) -> None:
        """Create or upgrade the schema, then the read models."""
        revision = stored_revision(self._connection, self._path)
        if revision is None:
            self._create()
        elif revision != REVISIONS[-1]:
            from eventstore.upgrade import upgrade

            upgrade(self._engine)
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {pragma}").fetchone()
        if self._projector.outdated(self._connection.cursor()):
            with self._transaction() as cursor:
                # Asked again inside: another process may have built them meanwhile.
                names = [projection.name for projection in self._projector.outdated(cursor)]
                self._projector.rebuild(cursor, self._read_types, names)

    def _create(self) -> None:
        with self._transaction() as cursor:
            if stored_revision(self._connection, self._path) is not None:
                return
            for statement in ddl(self._engine.dialect):
                cursor.execute(statement)
            cursor.execute("INSERT INTO store (store_id, created_at) VALUES (?, ?)", (uuid4().hex, self._now()))
            cursor.execute("INSERT INTO alembic_version (version_num) VALUES (?)", (REVISIONS[-1],))
            cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _sqlite_path(url: URL) -> str:
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        shown = url.render_as_string(hide_password=True)
        raise StoreUnavailable(f"--store {shown}: expected sqlite:////absolute/path/events.db")
    return str(Path(url.database).absolute())


def _engine(path: str) -> Engine:
    try:
        # Made by us first: SQLite would create it readable by others, and copies its mode to -wal and -shm.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be opened for writing: {error.strerror}") from error
    return create_engine(URL.create("sqlite", database=path), connect_args={"timeout": _BUSY_TIMEOUT_S, "isolation_level": None})


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - a Path costs more than the call, once per append
    return status.st_dev, status.st_ino


def _parts(stream: str, attachments: Sequence[Attachment]) -> list[tuple[str, str, int, bytes]]:
    return [(stream, item.name, number, part) for item in attachments for number, part in enumerate(item.parts)]
