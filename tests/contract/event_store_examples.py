"""Events, read models and a clock for the tests of the event store."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

import orjson

from eventstore import NewEvent, RecordedEvent, Rows, Table


def event(type_: str = "StepSucceeded", /, **data: object) -> NewEvent:
    return NewEvent(type_, orjson.dumps(data, option=orjson.OPT_SORT_KEYS), b'{"actor":"ann"}')


def events(number: int, type_: str = "StepSucceeded") -> list[NewEvent]:
    return [event(type_, number=index) for index in range(number)]


def names(recorded: Iterable[RecordedEvent]) -> list[str]:
    return [item.type for item in recorded]


NOON = "2026-03-18T12:00:00.000000+00:00"


def noon() -> str:
    return NOON


class Clock:
    """One second later each time it is asked."""

    def __init__(self) -> None:
        self._seconds = count()

    def __call__(self) -> str:
        minutes, seconds = divmod(next(self._seconds), 60)
        return f"2026-03-18T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.000000+00:00"


class PoisonedError(Exception):
    """What a read model raises for an event of the type `Poisoned`."""


@dataclass(frozen=True)
class Steps:
    """A read model that gets, puts and deletes: the steps of each stream, until it fails."""

    name: str = "steps"
    version: int = 1
    types: frozenset[str] = frozenset({"StepSucceeded", "StepFailed", "Poisoned"})

    @property
    def tables(self) -> tuple[Table, ...]:
        columns = {"stream": "text", "done": "integer", "share": "real", "last": "text", "note": "text"}
        return (Table(self.name, columns, ("stream",), (("done", "stream"),)),)

    def apply(self, event: RecordedEvent, rows: Rows) -> None:
        (table,) = self.tables
        if event.type == "Poisoned":
            raise PoisonedError(event.stream)
        if event.type == "StepFailed":
            rows.delete(table, event.stream)
            return
        row = rows.get(table, event.stream) or {"stream": event.stream, "done": 0}
        rows.put(table, {**row, "done": row["done"] + 1, "share": row["done"], "last": event.time})


@dataclass(frozen=True)
class Versions:
    """A read model of all steps, one row each, keyed by two columns."""

    name: str = "versions"
    version: int = 1
    types: frozenset[str] = frozenset({"StepSucceeded", "StepFailed"})

    @property
    def tables(self) -> tuple[Table, ...]:
        return (Table(self.name, {"stream": "text", "version": "integer", "type": "text"}, ("stream", "version")),)

    def apply(self, event: RecordedEvent, rows: Rows) -> None:
        rows.put(self.tables[0], {"stream": event.stream, "version": event.version, "type": event.type})
