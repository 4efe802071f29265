"""The two ways a fold reaches its tables: one statement at a time (`SqlRows`), or buffered for a rebuild (`BufferedRows`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from eventstore.cursor import Cursor
from eventstore.errors import EventStoreError
from eventstore.projection import Key, Row, Table


def _int64(value: int) -> int:
    if not -(2**63) <= value < 2**63:  # as large as a column takes
        raise EventStoreError(f"{value} does not fit 64 bits")
    return value


# What a column takes, and as what it comes back. Anything else SQLite would turn into something similar ("5" into 5), and a fold
# would see one thing inline and another in a rebuild, which reads its own memory.
_READS_AS: dict[str, dict[type, Callable[[Any], Any] | None]] = {
    "text": {str: None},
    "integer": {int: _int64, bool: int},
    "real": {float: None, int: float},
    "blob": {bytes: None},
}
"""Kind of column to type of value to what makes it what comes back; None: it is that already."""


class SqlRows:
    """Reads and writes at once, inside the caller's transaction."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def get(self, table: Table, *key: Any) -> Row | None:
        found = self._cursor.execute(_select(table.name, tuple(table.columns), table.key), key).fetchone()
        return dict(zip(table.columns, found, strict=True)) if found else None

    def put(self, table: Table, row: Mapping[str, Any]) -> None:
        self._cursor.execute(_upsert(table.name, tuple(table.columns), table.key), list(_complete(table, row).values()))

    def delete(self, table: Table, *key: Any) -> None:
        self._cursor.execute(_delete(table.name, table.key), key)


class BufferedRows:
    """Keeps rows in memory and writes them in bulk; memory stays bounded however many events are folded."""

    LIMIT = 10_000

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._below = SqlRows(cursor)
        self._rows: dict[str, dict[Key, Row | None]] = {}
        self._found: dict[str, dict[Key, Row]] = {}
        self._tables: dict[str, Table] = {}
        self._count = 0

    def get(self, table: Table, *key: Any) -> Row | None:
        cached = self._rows.get(table.name)
        if cached is not None and key in cached:
            row = cached[key]
            return _complete(table, row) if row is not None else None
        row = self._from_below(table, key)
        if row is not None:
            found = self._found.setdefault(table.name, {})
            if len(found) < self.LIMIT:
                found[key] = row.copy()  # the fold changes its own
        return row

    def put(self, table: Table, row: Mapping[str, Any]) -> None:
        self._keep(table, tuple(row.get(name) for name in table.key), dict(row))

    def delete(self, table: Table, *key: Any) -> None:
        self._keep(table, key, None)

    def flush(self) -> None:
        for name, rows in self._rows.items():
            table = self._tables[name]
            gone = [key for key, row in rows.items() if row is None]
            self._write(table, gone, {key: _complete(table, row) for key, row in rows.items() if row is not None})
        self._rows, self._found, self._count = {}, {}, 0

    def _from_below(self, table: Table, key: Key) -> Row | None:
        return self._below.get(table, *key)

    def _write(self, table: Table, gone: Sequence[Key], rows: Mapping[Key, Row]) -> None:
        """Only what has changed of a row that the fold has read: a column that is written writes all indexes that it is in."""
        if gone:
            self._cursor.executemany(_delete(table.name, table.key), gone)
        found, unread = self._found.get(table.name, {}), []
        for key, row in rows.items():
            before = found.get(key)
            if before is None or row.keys() != before.keys():
                unread.append(list(row.values()))
            elif changed := tuple(name for name, value in row.items() if value != before[name]):
                self._cursor.execute(_update(table.name, changed, table.key), (*map(row.__getitem__, changed), *key))
        if unread:
            self._cursor.executemany(_upsert(table.name, tuple(table.columns), table.key), unread)

    def _keep(self, table: Table, key: Key, row: Row | None) -> None:
        self._tables[table.name] = table
        rows = self._rows.setdefault(table.name, {})
        self._count += key not in rows
        rows[key] = row
        if self._count >= self.LIMIT:
            self.flush()


def _complete(table: Table, row: Mapping[str, Any]) -> Row:
    """*row* as it will be read back: every column of the table, in order.

    Raises:
        EventStoreError: A column that the table does not have, a value of another type, or no value in the key.
    """
    if unknown := row.keys() - table.columns.keys():
        raise EventStoreError(f"table {table.name} has no column {', '.join(sorted(unknown))}")
    complete: Row = {}
    for name, kind in table.columns.items():
        value = row.get(name)
        if value is not None:
            try:
                reads_as = _READS_AS[kind][type(value)]
            except KeyError:
                found = type(value).__name__
                raise EventStoreError(f"table {table.name}, column {name}: expected {kind}, got {found}") from None
            if reads_as is not None:
                value = reads_as(value)
        elif name in table.key:
            raise EventStoreError(f"table {table.name}: {name} is part of the key and must have a value")
        complete[name] = value
    return complete


# Table and column names come from Table objects in the program's code, never from outside.
@lru_cache
def _select(table: str, columns: tuple[str, ...], key: tuple[str, ...]) -> str:
    return f"SELECT {', '.join(columns)} FROM {table} WHERE {_where(key)}"  # noqa: S608


@lru_cache
def _upsert(table: str, columns: tuple[str, ...], key: tuple[str, ...]) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "  # noqa: S608
        f"ON CONFLICT ({', '.join(key)}) DO {f'UPDATE SET {changes}' if changes else 'NOTHING'}"
    )


@lru_cache(maxsize=512)
def _update(table: str, columns: tuple[str, ...], key: tuple[str, ...]) -> str:
    return f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in columns)} WHERE {_where(key)}"  # noqa: S608


@lru_cache
def _delete(table: str, key: tuple[str, ...]) -> str:
    return f"DELETE FROM {table} WHERE {_where(key)}"  # noqa: S608


def _where(key: tuple[str, ...]) -> str:
    return " AND ".join(f"{name} = ?" for name in key)
