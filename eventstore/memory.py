"""The in-memory backend: a real one, for tests and trying things out. Nothing survives the process."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from eventstore.appending import Now, chained, check_adopted, check_names, check_versions, transaction, utc_now
from eventstore.events import Appended, Attachment, Guard, Head, NewEvent, RecordedEvent
from eventstore.projecting import Projector
from eventstore.projection import Projection
from eventstore.reading import GENESIS
from eventstore.sqlite_file import unavailable


class MemoryEventStore:
    """`EventStore` on lists and dicts; its read models are tables of a SQLite database in memory."""

    def __init__(
        self, *, projections: Sequence[Projection] = (), catch_up: Sequence[Projection] = (), now: Now = utc_now
    ) -> None:
        self.store_id = uuid4().hex
        self._now = now
        self._events: list[RecordedEvent] = []
        self._streams: dict[str, list[RecordedEvent]] = {}
        self._attachments: dict[tuple[str, str], tuple[bytes, ...]] = {}
        self._tables = sqlite3.connect(":memory:", isolation_level=None)
        self._tables.execute("CREATE TABLE projections (name TEXT PRIMARY KEY, version INTEGER, position INTEGER)")
        self._projector = Projector(projections, catch_up)
        self.rebuild()

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
        time = self._now()
        with self._transaction() as cursor:
            check_versions(self, stream, expected_version, guard, attachments)
            recorded = chained(self.head(), stream, expected_version + 1, time, events)
            self._projector.apply(cursor, recorded, self.read_all)
        self._events += recorded
        self._streams.setdefault(stream, []).extend(recorded)
        self._attachments |= {(stream, item.name): item.parts for item in attachments if item.parts}
        return Appended(recorded[-1].version, time)

    def adopt(self, store_id: str, events: Sequence[RecordedEvent], attachments: Sequence[tuple[str, Attachment]] = ()) -> Head:
        """See `EventStore.adopt`."""
        with self._transaction() as cursor:
            head = check_adopted(self, store_id, events, attachments)
            if events:
                self._projector.apply(cursor, events, self.read_all)
        self.store_id = store_id
        self._events += events
        for event in events:
            self._streams.setdefault(event.stream, []).append(event)
        self._attachments |= {(stream, item.name): item.parts for stream, item in attachments if item.parts}
        return head

    def read_stream(self, stream: str, after_version: int = -1) -> Iterator[RecordedEvent]:
        return iter(self._streams.get(stream, [])[max(after_version + 1, 0) :])

    def read_all(self, after_position: int = 0, types: Collection[str] | None = None) -> Iterator[RecordedEvent]:
        events = iter(self._events[max(after_position, 0) :])
        return events if types is None else (event for event in events if event.type in types)

    def version(self, stream: str) -> int:
        return len(self._streams.get(stream, [])) - 1

    def head(self) -> Head:
        return Head(self._events[-1].position, self._events[-1].hash) if self._events else GENESIS

    def attachments(self, stream: str, name: str) -> Iterator[bytes]:
        return iter(self._attachments.get((stream, name), ()))

    def attached(self, stream: str | None = None) -> Iterator[tuple[str, str]]:
        return iter(sorted(key for key in self._attachments if stream in {None, key[0]}))

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._tables.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise unavailable("memory", error) from error

    def rebuild(self, name: str | None = None) -> int:
        with self._transaction() as cursor:
            return self._projector.rebuild(cursor, self.read_all, self.head().position, name)

    def catch_up(self, name: str) -> int:
        with self._transaction() as cursor:
            return self._projector.catch_up(cursor, self.read_all, self.head().position, name)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Nobody else can write: a store in memory belongs to one thread."""
        yield

    def close(self) -> None:
        self._tables.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        try:
            with transaction(self._tables) as cursor:
                yield cursor
        except sqlite3.Error as error:
            raise unavailable("memory", error) from error
