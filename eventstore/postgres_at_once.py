"""A whole append as one statement, for a writer that knows what it will find: the server takes it as a transaction of its own.

Every write selects from `expected`, so nothing is written before the function ``expect`` (see `eventstore.schema`) holds the
store's lock and has found the store as its caller left it. Where it finds something else it raises, and nothing was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from eventstore.cursor import Cursor
from eventstore.projection import Key, Row, Table
from eventstore.reading import COLUMNS
from eventstore.remembered import Known, RememberingRows

_EXPECTED = "WITH expected AS MATERIALIZED (SELECT expect(?, ?, ?, ?, ?, ?, ?::text[], ?::bigint[]))"
_CASTS = {"text": "::text", "integer": "::bigint", "real": "::double precision", "blob": "::bytea"}
_EVENT = ("integer", "text", "integer", "text", "integer", "text", "blob", "blob", "blob", "blob")
_PART = ("text", "text", "integer", "blob")


class AtOnce:
    """Collects the writes of one append."""

    def __init__(self, expectation: Sequence[Any]) -> None:
        self._writes: list[str] = []
        self.parameters: list[Any] = list(expectation)

    def insert_event(self, event: Sequence[Any]) -> None:
        self._add(_insert("events", COLUMNS, _EVENT), event)

    def insert_part(self, part: Sequence[Any]) -> None:
        self._add(_insert("attachments", "stream, name, part, data", _PART), part)

    def upsert(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        statement = _upsert(table.name, tuple(table.columns.items()), table.key)
        for row in rows:
            self._add(statement, row.values())

    def delete(self, table: Table, keys: Iterable[Key]) -> None:
        statement = _delete(table.name, tuple((name, table.columns[name]) for name in table.key))
        for key in keys:
            self._add(statement, key)

    @property
    def statement(self) -> str:
        return _composed(tuple(self._writes))

    def _add(self, write: str, parameters: Iterable[Any]) -> None:
        self._writes.append(write)
        self.parameters.extend(parameters)


class RowsAtOnce(RememberingRows):
    """Rows that are read from *below* and written by *at_once*."""

    def __init__(self, below: Cursor, known: Known, at_once: AtOnce) -> None:
        super().__init__(below, known)
        self._at_once = at_once

    def _write_below(self, table: Table, gone: Sequence[Key], rows: Mapping[Key, Row]) -> None:
        self._at_once.delete(table, gone)
        self._at_once.upsert(table, rows.values())


@lru_cache(maxsize=512)
def _composed(writes: tuple[str, ...]) -> str:
    steps = "".join(f", w{number} AS ({write})" for number, write in enumerate(writes))
    return f"{_EXPECTED}{steps} SELECT 1"


# Table and column names come from Table objects in the program's code, never from outside.
@lru_cache
def _insert(table: str, columns: str, kinds: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({columns}) SELECT {', '.join('?' + _CASTS[kind] for kind in kinds)} FROM expected"  # noqa: S608


@lru_cache
def _upsert(table: str, columns: tuple[tuple[str, str], ...], key: tuple[str, ...]) -> str:
    names = [name for name, _ in columns]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
    insert = _insert(table, ", ".join(names), tuple(kind for _, kind in columns))
    return f"{insert} ON CONFLICT ({', '.join(key)}) DO {f'UPDATE SET {changes}' if changes else 'NOTHING'}"


@lru_cache
def _delete(table: str, key: tuple[tuple[str, str], ...]) -> str:
    return f"DELETE FROM {table} USING expected WHERE {' AND '.join(f'{name} = ?{_CASTS[kind]}' for name, kind in key)}"  # noqa: S608
