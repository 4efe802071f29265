"""The in-memory backend: a real one, for tests and trying things out. Nothing survives the process."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from uuid import uuid4

from eventstore.appending import Now, chained, check_names, utc_now
from eventstore.errors import GuardFailed, WrongExpectedVersion
from eventstore.events import Attachment, Guard, Head, NewEvent, RecordedEvent
from eventstore.projecting import Projector
from eventstore.projection import Projection
from eventstore.reading import GENESIS


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
        self._projector.rebuild(self._tables.cursor(), self._read_types)

    def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected_version: int,
        guard: Guard | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> int:
        check_names(stream, events)
        actual = self.version(stream)
        if actual != expected_version:
            raise WrongExpectedVersion(stream, expected_version, actual)
        if guard is not None and (held := self.version(guard.stream)) != guard.version:
            raise GuardFailed(guard.stream, guard.version, held)
        recorded = chained(self.head(), stream, expected_version + 1, self._now(), events)
        self._project(recorded)
        self._events += recorded
        self._streams.setdefault(stream, []).extend(recorded)
        self._attachments |= {(stream, item.name): item.parts for item in attachments}
        return recorded[-1].version

    def read_stream(self, stream: str, after_version: int = -1) -> Iterator[RecordedEvent]:
        return iter(self._streams.get(stream, [])[after_version + 1 :])

    def read_all(self, after_position: int = 0, types: Collection[str] | None = None) -> Iterator[RecordedEvent]:
        events = iter(self._events[after_position:])
        return events if types is None else (event for event in events if event.type in types)

    def version(self, stream: str) -> int:
        return len(self._streams.get(stream, [])) - 1

    def head(self) -> Head:
        return Head(self._events[-1].position, self._events[-1].hash) if self._events else GENESIS

    def attachments(self, stream: str, name: str) -> Iterator[bytes]:
        return iter(self._attachments.get((stream, name), ()))

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._tables.execute(statement, parameters).fetchall()

    def rebuild(self, name: str | None = None) -> int:
        return self._projector.rebuild(self._tables.cursor(), self._read_types, [name] if name else None)

    def catch_up(self, name: str) -> int:
        return self._projector.catch_up(self._tables.cursor(), self._read_types, name)

    def close(self) -> None:
        self._tables.close()

    def _project(self, recorded: Sequence[RecordedEvent]) -> None:
        cursor = self._tables.cursor()
        cursor.execute("BEGIN")
        try:
            self._projector.apply(cursor, recorded)
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")

    def _read_types(self, after: int, types: frozenset[str]) -> Iterator[RecordedEvent]:
        return self.read_all(after, types)
