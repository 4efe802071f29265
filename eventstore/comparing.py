"""Does every read model equal what a rebuild would make of the events? `differences` rebuilds them elsewhere and changes nothing.

The rebuild goes into a private temporary database on disk, so that memory stays flat; then both are walked in the order of their
keys. A read model that is missing, of another version or behind is not compared: the next writer builds it anew or catches up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice, takewhile
from typing import Any, NamedTuple

from eventstore.appending import transaction
from eventstore.errors import StoreUnavailable
from eventstore.events import RecordedEvent
from eventstore.projecting import Projector
from eventstore.projection import Key, Projection, Table
from eventstore.revisions import FOLLOWING
from eventstore.store import EventReader

_PAGE = 256
_NOTHING: tuple[Any, ...] = ()
_REPORT_EVERY = 0x0FFF


class Difference(NamedTuple):
    """A row of a read model that a rebuild would not make so. *key*: its key, or () for the whole table."""

    read_model: str
    table: str
    key: Key
    message: str


class Compared(NamedTuple):
    """*equal*: names of the read models that equal a rebuild; *pending*: those that wait for the next writer, and why."""

    equal: tuple[str, ...]
    pending: tuple[tuple[str, str], ...]
    differences: tuple[Difference, ...]


def compare(
    reader: EventReader,
    projections: Sequence[Projection],
    *,
    most: int = 100,
    progress: Callable[[int], None] = lambda position: None,
) -> Compared:
    """Compare the tables of *projections* with a rebuild. Call it within a snapshot where others may write.

    Args:
        projections: All that read each other's rows, in the order they fold.
        most: So many differences are listed at most.
        progress: Told the position reached.
    """
    head = reader.head().position
    stored = {name: (version, at) for name, version, at in reader.query("SELECT name, version, position FROM projections")}
    pending = tuple((each.name, why) for each in projections if (why := _pending(each, stored.get(each.name), head)))
    waiting = {name for name, _ in pending}
    with closing(sqlite3.connect("", isolation_level=None)) as elsewhere:
        elsewhere.execute("CREATE TABLE projections (name TEXT PRIMARY KEY, version INTEGER, position INTEGER)")
        with transaction(elsewhere) as cursor:
            Projector(projections).rebuild(cursor, _up_to(reader, head, progress), head)
        every = chain.from_iterable(_differences(reader, elsewhere, each) for each in projections if each.name not in waiting)
        found = list(islice(every, most))
    differing = {difference.read_model for difference in found} | waiting
    return Compared(tuple(each.name for each in projections if each.name not in differing), pending, tuple(found))


def _pending(projection: Projection, stored: tuple[int, int] | None, head: int) -> str:
    if stored is None:
        return "not built yet"
    version, position = stored
    if version != projection.version:
        return f"of version {version}, this program's is {projection.version}"
    return f"has followed up to event {position} of {head}" if position != FOLLOWING and position < head else ""


def _up_to(
    reader: EventReader, head: int, progress: Callable[[int], None]
) -> Callable[[int, frozenset[str]], Iterator[RecordedEvent]]:
    def read(after: int, types: frozenset[str]) -> Iterator[RecordedEvent]:
        for number, event in enumerate(takewhile(lambda each: each.position <= head, reader.read_all(after, types))):
            if not number & _REPORT_EVERY:
                progress(event.position)
            yield event
        progress(head)

    return read


def _differences(reader: EventReader, elsewhere: sqlite3.Connection, projection: Projection) -> Iterator[Difference]:
    for table in projection.tables:
        try:
            yield from _of_table(reader, elsewhere, projection.name, table)
        except StoreUnavailable as error:
            yield Difference(projection.name, table.name, (), str(error))


def _of_table(reader: EventReader, elsewhere: sqlite3.Connection, name: str, table: Table) -> Iterator[Difference]:
    """Both sides in the order of their keys, like a merge."""
    there = _rows(reader.query, table)
    should = _rows(lambda sql, key: elsewhere.execute(sql, key).fetchall(), table)
    width = len(table.key)
    is_, ought = next(there, _NOTHING), next(should, _NOTHING)
    while is_ or ought:
        if not ought or (is_ and is_[:width] < ought[:width]):
            yield Difference(name, table.name, is_[:width], "a row that no event accounts for")
            is_ = next(there, _NOTHING)
        elif not is_ or ought[:width] < is_[:width]:
            yield Difference(name, table.name, ought[:width], "the row is missing")
            ought = next(should, _NOTHING)
        else:
            if is_ != ought:
                columns = [column for column, one, other in zip(_columns(table), is_, ought, strict=True) if one != other]
                yield Difference(name, table.name, is_[:width], f"differs in {', '.join(columns)}")
            is_, ought = next(there, _NOTHING), next(should, _NOTHING)


def _rows(ask: Callable[[str, Sequence[Any]], list[tuple[Any, ...]]], table: Table) -> Iterator[tuple[Any, ...]]:
    """The rows of *table*, its key's columns first, in the order of the key; a page at a time."""
    key = ", ".join(table.key)
    marks = ", ".join("?" * len(table.key))
    start = f"SELECT {', '.join(_columns(table))} FROM {table.name} "  # noqa: S608 - names come from Table objects
    end = f"ORDER BY {key} LIMIT {_PAGE}"
    page = ask(f"{start}{end}", ())
    while page:
        yield from page
        page = ask(f"{start}WHERE ({key}) > ({marks}) {end}", page[-1][: len(table.key)]) if len(page) == _PAGE else []


def _columns(table: Table) -> list[str]:
    return [*table.key, *(name for name in table.columns if name not in table.key)]
