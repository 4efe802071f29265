"""The durable backend on SQLite: SQLAlchemy owns schema, dialect and migrations, and is imported when one of them is needed.

A file that is up to date is opened by the driver alone: the import would be half of what a command takes to start. One connection
is held open for the store's life, by the thread that opened it. SQLite runs in WAL mode with ``synchronous=FULL``: an
acknowledged append survives a power cut. Start reading at `SqliteEventStore.append`.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from eventstore.appending import Now, chained, check_adopted, check_names, check_read, transaction, utc_now
from eventstore.cursor import Cursor
from eventstore.disk import refuse_network_disk
from eventstore.errors import StoreMoved, StoreUnavailable
from eventstore.events import Appended, Attachment, Guard, Head, NewEvent, RecordedEvent
from eventstore.projecting import Projector
from eventstore.projection import Projection
from eventstore.reading import COLUMNS, SqliteReader
from eventstore.remembered import MOST, Known, RememberingRows
from eventstore.revisions import REVISIONS
from eventstore.sqlite_file import BUSY_TIMEOUT_S, SqliteErrors, inspect, stored_revision, unavailable

_INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_INSERT_PART = "INSERT INTO attachments (stream, name, part, data) VALUES (?, ?, ?, ?)"
_SCHEME = "sqlite:///"
_ROOM_BYTES = 512 * 1024
"""In the log, for about 120 pages: as much as a deployment of a few steps writes."""
_FRAME_BYTES = 24 + 4096
_TURN_S = 0.005
"""Others that open a new file at the same moment are done in less."""


class SqliteEventStore(SqliteReader):
    """`EventStore` on SQLite.

    Args:
        url: ``sqlite:////absolute/path/events.db``; what follows ``sqlite:///`` is the path as it is, nothing is unquoted. A
            missing file is created, private to its owner (0600).
        projections: Folded inline, in each append's transaction.
        catch_up: Folded when asked.
        now: Clock for the events' times.
        busy_timeout_s: How long to wait for another writer.

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
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        path = _sqlite_path(url)
        self._now = now
        self._remembered = _Remembered()
        self._projector = Projector(projections, catch_up, buffered=self._remembered.rows)
        self._log_size = -1
        self._busy_timeout_s = busy_timeout_s
        self._files = path, os.path.realpath(path) + "-wal"
        refuse_network_disk(path)
        inspect(path)
        _create_private(os.path.realpath(path))
        opened = _identity(path)
        with ExitStack() as refused, _in_words(path):
            connection = _connect(path, busy_timeout_s)
            refused.callback(connection.close)
            super().__init__(connection, path)
            self._prepare()
            self._identities = opened, _identity(self._files[1])
            refused.pop_all()

    def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected_version: int,
        guard: Guard | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> Appended:
        """See `EventStore.append`."""
        check_names(stream, events, attachments)
        log_size = self._refuse_if_moved()
        time = self._now()
        with self._transaction(appends=True) as cursor:
            if log_size != self._log_size:
                self._make_room()
            known = self._remembered.still_true(cursor)
            actual, held = self._version(stream), self._version(guard.stream) if guard else -1
            check_read(self, stream, expected_version, actual, guard, held, attachments)
            recorded = chained(self._remembered.head or self.head(), stream, expected_version + 1, time, events)
            cursor.executemany(_INSERT, recorded)
            for item in attachments:
                cursor.executemany(_INSERT_PART, [(stream, item.name, number, part) for number, part in enumerate(item.parts)])
            self._projector.apply(cursor, recorded, self.read_all, unchanged=known)
        self._remembered.committed(recorded[-1])
        return Appended(recorded[-1].version, time)

    def adopt(self, store_id: str, events: Sequence[RecordedEvent], attachments: Sequence[tuple[str, Attachment]] = ()) -> Head:
        """See `EventStore.adopt`."""
        self._refuse_if_moved()
        with self._transaction() as cursor:
            head = check_adopted(self, store_id, events, attachments)
            cursor.execute("UPDATE store SET store_id = ? WHERE store_id <> ?", (store_id, store_id))
            cursor.executemany(_INSERT, events)
            for stream, item in attachments:
                cursor.executemany(_INSERT_PART, [(stream, item.name, number, part) for number, part in enumerate(item.parts)])
            if events:
                self._projector.apply(cursor, events, self.read_all)
        return head

    def bury(
        self,
        streams: Mapping[str, int],
        note: Sequence[NewEvent],
        *,
        allowed: Callable[[], None] = lambda: None,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        """Leave only tombstones of whole *streams*, record *note*, and fold the read models anew, in one durable transaction.

        For `eventstore.archive` alone, which has the contents elsewhere by then.

        Args:
            streams: Name to number of events.
            allowed: Asked inside the transaction; raises to refuse.
            check: Its answer must be the same before and after.

        Raises:
            EventStoreError: A stream has changed, or *check* answers something else: nothing was changed.
        """
        from eventstore.burying import bury

        self._refuse_if_moved()
        with self._transaction() as cursor:
            allowed()
            bury(self, cursor, streams, note, self._now(), check, self._projector)

    def compact(self) -> None:
        """Give free pages back to the disk. Needs as much room as the store, and nobody else at work on it meanwhile.

        Raises:
            StoreUnavailable: It could not be done; the store is as it was.
        """
        with _in_words(self._path):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def rebuild(self, name: str | None = None) -> int:
        with self._transaction() as cursor:
            return self._projector.rebuild(cursor, self.read_all, self.head().position, name)

    def catch_up(self, name: str) -> int:
        with self._transaction() as cursor:
            return self._projector.catch_up(cursor, self.read_all, self.head().position, name)

    def _version(self, stream: str) -> int:
        """As `version`, inside an append's transaction: what this store has written last need not be asked."""
        known = self._remembered.versions.get(stream)
        return self.version(stream) if known is None else known

    @contextmanager
    def _transaction(self, *, appends: bool = False) -> Iterator[sqlite3.Cursor]:
        """Whatever is no append may change any row."""
        self._remembered.valid &= appends
        try:
            with transaction(self._connection) as cursor:
                yield cursor
        except SqliteErrors as error:
            raise unavailable(self._path, error) from error

    def _make_room(self) -> None:
        """Let the log grow by much at a time, not with each commit: one that leaves the file's size alone takes half the time.

        SQLite removes the log when the last connection is closed, so that every command begins with an empty one. Zeros are no
        frames to it: a log ends where they begin. Called inside a transaction only, whose lock keeps everybody else from writing
        a frame meanwhile.
        """
        with suppress(OSError):  # only speed is lost; on a full disk the commit itself will say so
            log = os.open(self._files[1], os.O_RDWR | os.O_CLOEXEC)
            try:
                self._log_size = os.fstat(log).st_size
                # Where it ends with zeros somebody else has made room, who need not be told apart from us.
                if not self._log_size or any(os.pread(log, _FRAME_BYTES, self._log_size - _FRAME_BYTES)):
                    self._log_size += os.pwrite(log, bytes(_ROOM_BYTES), self._log_size)
            finally:
                os.close(log)

    def _refuse_if_moved(self) -> int:
        """Appends to a renamed or removed database, or to a removed log, would report success and be lost to everybody else.

        Returns:
            Size of the log.
        """
        size = 0
        for path, opened in zip(self._files, self._identities, strict=True):
            try:
                here = os.stat(path)  # noqa: PTH116 - a Path costs more than the call, once per append
            except OSError as error:
                raise StoreMoved(f"{path} is gone ({error.strerror}): nothing was written") from error
            if (here.st_dev, here.st_ino) != opened:
                raise StoreMoved(f"{path} was replaced by another file while in use: nothing was written")
            size = here.st_size
        return size

    def _prepare(self) -> None:
        """Create or upgrade the schema, then the read models."""
        revision = stored_revision(self._connection, self._path) or self._create()
        if revision != REVISIONS[-1]:
            from eventstore.upgrade import upgrade_file

            upgrade_file(os.path.realpath(self._path), self._busy_timeout_s)
        self._use_log()
        if self._projector.is_behind(self._connection.cursor(), self.head().position):
            with self._transaction() as cursor:
                self._projector.follow(cursor, self.read_all, self.head().position)

    def _create(self) -> str:
        with self._transaction() as cursor:
            # Asked again inside: another process may have created it meanwhile.
            if found := stored_revision(self._connection, self._path):
                return found
            from uuid import uuid4

            from eventstore.schema import sqlite_ddl

            for statement in sqlite_ddl():
                cursor.execute(statement)
            cursor.execute("INSERT INTO store (store_id, created_at) VALUES (?, ?)", (uuid4().hex, self._now()))
            cursor.execute("INSERT INTO alembic_version (version_num) VALUES (?)", (REVISIONS[-1],))
        return REVISIONS[-1]

    def _use_log(self) -> None:
        mode = self._switch_to_log(until=monotonic() + self._busy_timeout_s)
        if mode != "wal":
            raise StoreUnavailable(f"{self._path}: its disk cannot hold a write-ahead log (a network disk?). Use a local one.")
        self._connection.execute("PRAGMA synchronous = FULL")

    def _switch_to_log(self, until: float) -> str:
        """Returns the mode the file has then. A new file needs it to itself for that, and SQLite does not wait in line for it."""
        while True:
            try:
                return str(self._connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > until:
                    raise
            sleep(_TURN_S)


class _Remembered:
    """What this connection has written last, true until another one has committed anything, be it only a rebuild.

    Attributes:
        valid: The append that wrote it was committed, and nothing but appends has written since.
        head: None where it has to be asked.
        versions: Of the streams that were appended to.
    """

    def __init__(self) -> None:
        self.valid = False
        self.head: Head | None = None
        self.versions: dict[str, int] = {}
        self._data_version = -1
        self._rows: Known = {}

    def still_true(self, cursor: sqlite3.Cursor) -> bool:
        """Asked inside the write transaction; otherwise all is forgotten. The append that asks makes it valid again."""
        (version,) = cursor.execute("PRAGMA data_version").fetchone()
        known, self.valid = self.valid and version == self._data_version, False
        self._data_version = version
        if not known or len(self.versions) > MOST:
            self.head = None
            self.versions.clear()
        if not known:
            self._rows.clear()
        return known

    def committed(self, newest: RecordedEvent) -> None:
        self.valid, self.head = True, Head(newest.position, newest.hash)
        self.versions[newest.stream] = newest.version

    def rows(self, cursor: Cursor) -> RememberingRows:
        return RememberingRows(cursor, self._rows)


@contextmanager
def _in_words(path: str) -> Iterator[None]:
    try:
        yield
    except SqliteErrors as error:
        raise unavailable(path, error) from error


def _sqlite_path(url: str) -> str:
    path = url.removeprefix(_SCHEME)
    if not url.startswith(_SCHEME) or path in {"", ":memory:"} or "\0" in path:
        shown = re.sub(r"//.*@", "//***@", url)
        raise StoreUnavailable(f"--store {shown}: expected sqlite:////absolute/path/events.db")
    return str(Path(path).absolute())


def _create_private(path: str) -> None:
    """SQLite would create it readable by others, and copies its mode to -wal and -shm.

    An existing file is not opened here: closing a second descriptor would drop the locks that this process holds on it.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be created: {error.strerror}") from error


def _connect(path: str, busy_timeout_s: float) -> sqlite3.Connection:
    # Of one thread: two that share the connection would share a transaction, and one's ROLLBACK would halve the other's append.
    return sqlite3.connect(os.path.realpath(path), timeout=busy_timeout_s, isolation_level=None, check_same_thread=True)


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - as light as it gets
    return status.st_dev, status.st_ino
