"""The durable backend for a team: PostgreSQL, by psycopg.

One append after the other: each takes the store's one lock first, so positions have no gaps and a reader that follows them misses
nothing. Who was the last to write knows what stands there and says all in one packet (`postgres_at_once`); who was not asks
first. Start reading at `PostgresEventStore.append`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import psycopg

from eventstore.appending import Now, chained, check_adopted, check_names, check_read, utc_now
from eventstore.cursor import Cursor
from eventstore.errors import EventStoreError
from eventstore.events import Appended, Attachment, Guard, Head, NewEvent, RecordedEvent
from eventstore.postgres_at_once import READ_MODELS_AT, SOMETHING_ELSE_STANDS_THERE, AtOnce, Changed, Pipeline, RowsAtOnce
from eventstore.postgres_connection import (
    BUSY_TIMEOUT_S,
    PostgresCursor,
    dropped,
    in_words,
    unavailable,
)
from eventstore.postgres_reading import PostgresReader, reconnected
from eventstore.postgres_schema import STORE_LOCK, create_statements, prepare
from eventstore.projecting import Projector
from eventstore.projection import Projection
from eventstore.reading import COLUMNS, GENESIS
from eventstore.remembered import MOST, Known, RememberingRows

_INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_INSERT_PART = "INSERT INTO attachments (stream, name, part, data) VALUES (?, ?, ?, ?)"
# A statement of its own after the lock: it sees all that was committed before the lock was granted.
_STATE = """SELECT
(SELECT version FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1),
(SELECT version FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1),
{}, {},
position, hash FROM (SELECT position, hash FROM events ORDER BY position DESC LIMIT 1) AS newest"""
T = TypeVar("T")


class PostgresEventStore(PostgresReader):
    """`EventStore` on PostgreSQL, in the schema ``pop_deploy`` of one database.

    Args:
        url: ``postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE``; what follows is libpq's. A missing store is made there.
        projections: Folded inline, in each append's transaction.
        catch_up: Folded when asked.
        now: Clock for the events' times.
        busy_timeout_s: How long to wait for another writer.

    Raises:
        StoreTooNew, NotAStore, StoreUnavailable: See `eventstore.errors`; the database was not changed.
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
        self._now = now
        self._remembered = _Remembered()
        self._projector = Projector(projections, catch_up, create=create_statements, buffered=self._remembered.rows)
        self._state = _STATE.format(self._projector.in_step, READ_MODELS_AT)
        super().__init__(url, read_only=False, lock_timeout_s=busy_timeout_s)
        self._pipeline = Pipeline(self._connection)
        try:
            prepare(self._connection, url, self._now)
            self._follow()
        except BaseException:
            self._connection.close()
            raise

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
        at = self._now()

        def write() -> list[RecordedEvent]:
            if (expected := self._remembered.head) is not None:
                recorded = chained(expected, stream, expected_version + 1, at, events)
                if self._write_at_once(recorded, guard, attachments):
                    return recorded
            head, known = self._begin(stream, expected_version, guard, attachments)
            recorded = chained(head, stream, expected_version + 1, at, events)
            self._write(recorded, attachments, in_step=known)
            return recorded

        return Appended(self._once(write)[-1].version, at)

    def adopt(self, store_id: str, events: Sequence[RecordedEvent], attachments: Sequence[tuple[str, Attachment]] = ()) -> Head:
        """See `EventStore.adopt`."""
        with self._transaction() as cursor:
            head = check_adopted(self, store_id, events, attachments)
            cursor.execute("UPDATE store SET store_id = ? WHERE store_id <> ?", (store_id, store_id))
            cursor.executemany(_INSERT, events)
            cursor.executemany(_INSERT_PART, [part for stream, item in attachments for part in _parts(stream, [item])])
            if events:
                self._projector.apply(cursor, events, self.read_all)
        return head

    def rebuild(self, name: str | None = None) -> int:
        with self._transaction() as cursor:
            return self._projector.rebuild(cursor, self.read_all, self.head().position, name)

    def catch_up(self, name: str) -> int:
        with self._transaction() as cursor:
            return self._projector.catch_up(cursor, self.read_all, self.head().position, name)

    def _write_at_once(self, recorded: list[RecordedEvent], guard: Guard | None, attachments: Sequence[Attachment]) -> bool:
        """All in one packet, if the store's head is still what our last append has left.

        False: something else stands there, or it is too much for one packet; nothing was written. `_begin` will say what.
        """
        first, known = recorded[0], self._remembered
        stream, before = first.stream, first.version - 1
        at_once, pipeline = AtOnce(), self._current_pipeline()
        at_once.insert_first(
            first,
            read_models_at=known.read_models_at or (),
            # That a stream does not exist yet is what its key says.
            after=before if before >= 0 and known.versions.get(stream) != before else None,
            guard=guard if guard is not None and known.versions.get(guard.stream) != guard.version else None,
        )
        for event in recorded[1:]:
            at_once.insert_next(event)
        for part in _parts(stream, attachments):
            at_once.insert_part(part)
        if not at_once.fits():
            return False
        self._open = True
        try:
            self._projector.fold(recorded, known.rows_at_once(PostgresCursor(self._connection), at_once, pipeline.seen))
            if not at_once.fits():
                return self._nothing_written()
            pipeline.commit(at_once)
        except SOMETHING_ELSE_STANDS_THERE:
            return self._nothing_written()
        except psycopg.OperationalError:
            if not dropped(self._connection) or not self._was_committed(recorded[-1]):
                raise
        self._done(recorded)
        if guard is not None:
            known.versions[guard.stream] = guard.version
        return True

    def _current_pipeline(self) -> Pipeline:
        if self._pipeline.connection is not self._connection:
            self._pipeline = Pipeline(self._connection)
        return self._pipeline

    def _nothing_written(self) -> bool:
        """Nor is what was folded true."""
        self._open = False
        self._remembered.forget()
        return False

    def _begin(
        self, stream: str, expected_version: int, guard: Guard | None, attachments: Sequence[Attachment]
    ) -> tuple[Head, bool]:
        """Lock the store and ask what decides: the head, and whether our read models, and no others, follow."""
        cursor = PostgresCursor(self._connection)
        # One by one, not as a pipeline: a process that is stopped between two of them is idle in its transaction, and the server
        # ends that soon; one that is stopped between two parts of a pipeline would hold the lock for as long as it is stopped.
        self._connection.execute("BEGIN")
        self._open = True
        self._connection.execute(STORE_LOCK)
        cursor.execute(self._state, (stream, guard.stream if guard else stream, *self._projector.versions))
        row = cursor.fetchone() or (None, None, 0, None, *GENESIS)
        actual, held = (-1 if version is None else version for version in row[:2])
        check_read(self, stream, expected_version, actual, guard, held, attachments)
        head, in_step = Head(*row[4:]), row[2] == self._projector.count
        self._remembered.keep_if_still_at(head)
        if guard is not None:
            self._remembered.versions[guard.stream] = held
        # Where they do not follow yet, the append makes them follow: what is there then, the next one asks.
        self._remembered.read_models_at = row[3] if in_step else None
        if in_step:
            self._projector.all_in_step()
        return head, in_step

    def _write(self, recorded: list[RecordedEvent], attachments: Sequence[Attachment], *, in_step: bool) -> None:
        """Events and read models, and the COMMIT, whose answer may get lost."""
        cursor = PostgresCursor(self._connection)
        try:
            self._insert(cursor, recorded, attachments)
            self._projector.apply(cursor, recorded, self.read_all, unchanged=in_step)
            self._connection.execute("COMMIT")
        except psycopg.OperationalError:
            if not dropped(self._connection) or not self._was_committed(recorded[-1]):
                raise
        self._done(recorded)

    def _insert(self, cursor: Cursor, recorded: list[RecordedEvent], attachments: Sequence[Attachment]) -> None:
        for event in recorded:
            cursor.execute(_INSERT, event)
        for part in _parts(recorded[0].stream, attachments):
            cursor.execute(_INSERT_PART, part)

    def _done(self, recorded: list[RecordedEvent]) -> None:
        self._open = False
        self._remembered.committed(recorded[-1])

    def _once(self, write: Callable[[], T]) -> T:
        """*write* in a transaction; again if the connection was dropped and nothing of it has arrived."""
        if self._open:
            raise EventStoreError(
                "an append was made inside another one (by a projection or a signal handler): nothing was written"
            )
        for last_time in (False, True):
            try:
                return write()
            except psycopg.OperationalError as error:
                gone = isinstance(error, _NothingArrived) or dropped(self._connection)
                if last_time or not gone:
                    raise unavailable(self._url, error) from error
            except psycopg.Error as error:
                raise unavailable(self._url, error) from error
            finally:
                self._end()
            if dropped(self._connection):
                self._connection = reconnected(self._connect)
        raise AssertionError  # the loop ends by a return or a raise

    def _was_committed(self, newest: RecordedEvent) -> bool:
        """On a new connection, once the transaction of the dropped one has ended: is *newest* there?

        Raises:
            StoreUnavailable: Nobody can say in time. Whoever goes on reads the stream first.
        """
        self._connection = reconnected(self._connect)
        with in_words(self._url), self._connection.transaction():
            self._connection.execute(STORE_LOCK)  # the dropped session held it until its transaction's end
            found = self._connection.execute("SELECT hash FROM events WHERE position = %s", (newest.position,)).fetchone()
        if found is not None and found[0] == newest.hash:
            return True
        self._open = False
        raise _NothingArrived

    def _end(self) -> None:
        """Leave no transaction open, and no rows remembered that were never committed."""
        if not self._open:
            return
        self._open = False
        self._remembered.forget()
        if not dropped(self._connection):
            with in_words(self._url):
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        """For long work; not repeated when the connection is dropped."""
        if self._open:
            raise EventStoreError(
                "an append was made inside another one (by a projection or a signal handler): nothing was written"
            )
        self._remembered.forget()
        with in_words(self._url):
            try:
                self._connection.execute("BEGIN")
                self._open = True
                self._connection.execute(STORE_LOCK)
                yield PostgresCursor(self._connection)
                self._connection.execute("COMMIT")
                self._open = False
            finally:
                self._end()

    def _follow(self) -> None:
        if self._projector.is_behind(PostgresCursor(self._connection), self.head().position):
            with self._transaction() as cursor:
                self._projector.follow(cursor, self.read_all, self.head().position)


class _NothingArrived(psycopg.OperationalError):
    """The connection was dropped before the transaction was committed."""


class _Remembered:
    """What this process has last written or found, true while the store's head is the one it wrote.

    Nobody else can have changed a row of a read model: a change comes with an event, or is a rebuild, which makes the same rows
    again. Without them each fold would have to ask the server for every row that it changes.

    Attributes:
        head: None where it has to be asked.
        versions: Of the streams that were appended to, and of guards.
        read_models_at: See `postgres_at_once.READ_MODELS_AT`.
    """

    def __init__(self) -> None:
        self.head: Head | None = None
        self.versions: dict[str, int] = {}
        self.read_models_at: list[str] | None = None
        self._rows: Known = {}

    def keep_if_still_at(self, head: Head) -> None:
        if self.head != head:
            self.forget()

    def committed(self, newest: RecordedEvent) -> None:
        if len(self.versions) > MOST:
            self.versions.clear()
        self.versions[newest.stream] = newest.version
        self.head = Head(newest.position, newest.hash) if self.read_models_at is not None else None

    def forget(self) -> None:
        self.head = None
        self.versions.clear()
        self._rows.clear()

    def rows(self, cursor: Cursor) -> RememberingRows:
        return RememberingRows(cursor, self._rows)

    def rows_at_once(self, cursor: Cursor, at_once: AtOnce, seen: set[Changed]) -> RowsAtOnce:
        return RowsAtOnce(cursor, self._rows, at_once, seen)


def _parts(stream: str, attachments: Sequence[Attachment]) -> Iterator[tuple[str, str, int, bytes]]:
    return ((stream, item.name, number, part) for item in attachments for number, part in enumerate(item.parts))
