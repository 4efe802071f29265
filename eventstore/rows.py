"""The two ways a fold reaches its tables: one statement at a time (`SqlRows`), or buffered for a rebuild (`BufferedRows`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from eventstore.errors import EventStoreError
from eventstore.projection import Key, Row, Table

# What a column takes, and as what it comes back. Anything else SQLite would turn into something similar ("5" into 5), and a fold
# would see one thing inline and another in a rebuild, which reads its own memory.
_READS_AS: dict[tuple[str, type], Callable[[Any], Any]] = {
    ("text", str): str,
    ("integer", int): int,
    ("integer", bool): int,
    ("real", float): float,
    ("real", int): float,
    ("blob", bytes): bytes,
}


class SqlRows:
    """Reads and writes at once, inside the caller's transaction."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def get(self, table: Table, *key: Any) -> Row | None:
        found = self._cursor.execute(_select(table.name, tuple(table.columns), table.key), key).fetchone()
        return dict(zip(table.columns, found, strict=True)) if found else None

    def put(self, table: Table, row: Mapping[str, Any]) -> None:
        self._cursor.execute(_replace(table.name, tuple(table.columns)), list(_complete(table, row).values()))

    def delete(self, table: Table, *key: Any) -> None:
        self._cursor.execute(_delete(table.name, table.key), key)


class BufferedRows:
    """Keeps rows in memory and writes them in bulk; memory stays bounded however many events are folded."""

    LIMIT = 10_000

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self._below = SqlRows(cursor)
        self._rows: dict[str, dict[Key, Row | None]] = {}
        self._tables: dict[str, Table] = {}
        self._count = 0

    def get(self, table: Table, *key: Any) -> Row | None:
        cached = self._rows.get(table.name, {})
        if key in cached:
            row = cached[key]
            return _complete(table, row) if row is not None else None
        return self._below.get(table, *key)

    def put(self, table: Table, row: Mapping[str, Any]) -> None:
        self._keep(table, tuple(row.get(name) for name in table.key), dict(row))

    def delete(self, table: Table, *key: Any) -> None:
        self._keep(table, key, None)

    def flush(self) -> None:
        for name, rows in self._rows.items():
            table = self._tables[name]
            if gone := [key for key, row in rows.items() if row is None]:
                self._cursor.executemany(_delete(name, table.key), gone)
            kept = [list(_complete(table, row).values()) for row in rows.values() if row is not None]
            self._cursor.executemany(_replace(name, tuple(table.columns)), kept)
        self._rows, self._count = {}, 0

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
            reads_as = _READS_AS.get((kind, type(value)))
            if reads_as is None:
                raise EventStoreError(f"table {table.name}, column {name}: expected {kind}, got {type(value).__name__}")
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
def _replace(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608


@lru_cache
def _delete(table: str, key: tuple[str, ...]) -> str:
    return f"DELETE FROM {table} WHERE {_where(key)}"  # noqa: S608


def _where(key: tuple[str, ...]) -> str:
    return " AND ".join(f"{name} = ?" for name in key)
