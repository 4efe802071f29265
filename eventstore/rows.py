"""The two ways a fold reaches its tables: one statement at a time (`SqlRows`), or written at the end (`BufferedRows`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from eventstore.cursor import Cursor
from eventstore.errors import EventStoreError
from eventstore.projection import Key, Row, Table


def _int64(value: int) -> int:
    if not -_END <= value < _END:  # as large as a column takes
        raise EventStoreError(f"{value} does not fit 64 bits")
    return value


# What a column takes, and as what it comes back. Anything else SQLite would turn into something similar ("5" into 5), and a fold
# would see one thing inline and another in a rebuild, which reads its own memory.
_READS_AS: dict[str, dict[type, Callable[[Any], Any]]] = {
    "text": {},
    "integer": {int: _int64, bool: int},
    "real": {int: float},
    "blob": {},
}
"""Kind of column to type of value to what makes it what comes back."""
_AS_IT_IS: dict[str, type] = {"text": str, "integer": int, "real": float, "blob": bytes}
"""Kind of column to the type of value that comes back as it is; of integers, those that fit."""
_END = 2**63


class SqlRows:
    """Reads and writes at once, inside the caller's transaction."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def get(self, table: Table, *key: Any) -> Row | None:
        found = self._cursor.execute(_select(table.name, tuple(table.columns), table.key), key).fetchone()
        return dict(zip(table.columns, found, strict=True)) if found else None

    def put(self, table: Table, row: Mapping[str, Any]) -> None:
        self._cursor.execute(upsert_statement(table.name, tuple(table.columns), table.key), list(_complete(table, row).values()))

    def delete(self, table: Table, *key: Any) -> None:
        self._cursor.execute(delete_statement(table.name, table.key), key)

    def add(self, table: Table, *key: Any, **amounts: int) -> None:
        self._cursor.execute(add_statement(table.name, tuple(table.columns), table.key), list(_sum(table, key, amounts).values()))


class BufferedRows:
    """Keeps rows in memory and writes them in bulk; memory stays bounded however many events are folded."""

    LIMIT = 10_000

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._below = SqlRows(cursor)
        self._rows: dict[str, dict[Key, Row | None]] = {}
        self._found: dict[str, dict[Key, Row]] = {}
        self._sums: dict[str, dict[Key, Row]] = {}
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
                found[key] = row
            row = row.copy()  # the fold changes its own
        added = self._added(table, key)
        if added is not None:
            row = _raised(table, row, added) if row is not None else added
            self._keep(table, key, row.copy())
        return row

    def put(self, table: Table, row: Mapping[str, Any]) -> None:
        key = tuple([row.get(name) for name in table.key])
        self._added(table, key)
        self._keep(table, key, dict(row))

    def delete(self, table: Table, *key: Any) -> None:
        self._added(table, key)
        self._keep(table, key, None)

    def add(self, table: Table, *key: Any, **amounts: int) -> None:
        """As `Rows.add`; the row is not read: the database adds when it is written."""
        amount = _sum(table, key, amounts)
        cached = self._rows.get(table.name)
        if cached is not None and key in cached:
            row = cached[key]
            cached[key] = _raised(table, _complete(table, row), amount) if row is not None else amount
            return
        sums = self._sums.setdefault(table.name, {})
        self._tables[table.name] = table
        self._count += key not in sums
        sums[key] = _raised(table, sums[key], amount) if key in sums else amount
        self._flush_many()

    def flush(self) -> None:
        for name, rows in self._rows.items():
            table, found = self._tables[name], self._found.get(name, {})
            gone: list[Key] = []
            new: dict[Key, Row] = {}
            changed: dict[Key, tuple[Row, Row]] = {}
            for key, row in rows.items():
                before = found.get(key)
                if row is None:
                    gone.append(key)
                elif before is None or row.keys() != before.keys():
                    new[key] = _complete(table, row)
                elif changes := _changes(table, before, row):
                    changed[key] = {**before, **changes}, changes
            self._write(table, gone, new, changed)
        for name, sums in self._sums.items():
            self._write_sums(self._tables[name], sums)
        self._rows, self._found, self._sums, self._count = {}, {}, {}, 0

    def _from_below(self, table: Table, key: Key) -> Row | None:
        """The row as the database has it; whoever asks changes a copy."""
        return self._below.get(table, *key)

    def _write(self, table: Table, gone: Sequence[Key], new: Mapping[Key, Row], changed: Mapping[Key, tuple[Row, Row]]) -> None:
        """Write to *table*.

        Args:
            new: Whole rows: of these it is not known what was there.
            changed: Of rows that the fold has read: the row, and what has changed of it. Only that is written: a column that is
                written writes all indexes that it is in.
        """
        if gone:
            self._cursor.executemany(delete_statement(table.name, table.key), gone)
        for key, (_, changes) in changed.items():
            self._cursor.execute(update_statement(table.name, tuple(changes), table.key), (*changes.values(), *key))
        if new:
            self._cursor.executemany(
                upsert_statement(table.name, tuple(table.columns), table.key), [list(row.values()) for row in new.values()]
            )

    def _write_sums(self, table: Table, sums: Mapping[Key, Row]) -> None:
        statement = add_statement(table.name, tuple(table.columns), table.key)
        self._cursor.executemany(statement, [list(row.values()) for row in sums.values()])

    def _added(self, table: Table, key: Key) -> Row | None:
        """What was added to a row that is not cached; from here on it is."""
        sums = self._sums.get(table.name)
        return sums.pop(key, None) if sums else None

    def _keep(self, table: Table, key: Key, row: Row | None) -> None:
        self._tables[table.name] = table
        rows = self._rows.setdefault(table.name, {})
        self._count += key not in rows
        rows[key] = row
        self._flush_many()

    def _flush_many(self) -> None:
        if self._count >= self.LIMIT:
            self.flush()


def _complete(table: Table, row: Mapping[str, Any]) -> Row:
    """*row* as it will be read back: every column of the table, in order.

    Raises:
        EventStoreError: A column that the table does not have, a value of another type, or no value in the key.
    """
    if not row.keys() <= table.columns.keys():
        unknown = row.keys() - table.columns.keys()
        raise EventStoreError(f"table {table.name} has no column {', '.join(sorted(unknown))}")
    complete: Row = {}
    for name, kind in table.columns.items():
        value = row.get(name)
        if value is not None:
            type_ = type(value)
            if type_ is not _AS_IT_IS[kind] or (type_ is int and not -_END <= value < _END):
                value = _read_back(table, name, value)
        elif name in table.key:
            raise EventStoreError(f"table {table.name}: {name} is part of the key and must have a value")
        complete[name] = value
    return complete


def _changes(table: Table, before: Row, row: Row) -> Row:
    """The columns of *row*, which has the key of *before*, that have another value, as they will be read back."""
    changes = {name: value for name, value in row.items() if value != before[name]}
    for name, value in changes.items():
        if value is not None:
            changes[name] = _read_back(table, name, value)
    return changes


def _read_back(table: Table, name: str, value: Any) -> Any:
    """*value*, which is not None, as it will be read back from this column."""
    kind = table.columns[name]
    if type(value) is _AS_IT_IS[kind] and kind != "integer":
        return value
    try:
        return _READS_AS[kind][type(value)](value)
    except KeyError:
        found = type(value).__name__
        raise EventStoreError(f"table {table.name}, column {name}: expected {kind}, got {found}") from None


def _sum(table: Table, key: Key, amounts: Mapping[str, int]) -> Row:
    """A whole row of *table* with zeros and *amounts*."""
    row: Row = dict.fromkeys(table.columns, 0)
    row.update(zip(table.key, key, strict=True))
    row.update(amounts)
    return _complete(table, row)


def _raised(table: Table, row: Row, amount: Row) -> Row:
    """As the database adds: what is NULL stays NULL."""
    return {name: value if name in table.key or value is None else value + amount[name] for name, value in row.items()}


# Table and column names come from Table objects in the program's code, never from outside.
@lru_cache
def _select(table: str, columns: tuple[str, ...], key: tuple[str, ...]) -> str:
    return f"SELECT {', '.join(columns)} FROM {table} WHERE {_where(key)}"  # noqa: S608


@lru_cache
def upsert_statement(table: str, columns: tuple[str, ...], key: tuple[str, ...]) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "  # noqa: S608
        f"ON CONFLICT ({', '.join(key)}) DO {f'UPDATE SET {changes}' if changes else 'NOTHING'}"
    )


@lru_cache
def add_statement(table: str, columns: tuple[str, ...], key: tuple[str, ...]) -> str:
    """Insert a row, or add its numbers to those of the row that is there."""
    changes = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in columns if name not in key)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "  # noqa: S608
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    )


@lru_cache(maxsize=512)
def update_statement(table: str, columns: tuple[str, ...], key: tuple[str, ...]) -> str:
    return f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in columns)} WHERE {_where(key)}"  # noqa: S608


@lru_cache
def delete_statement(table: str, key: tuple[str, ...]) -> str:
    return f"DELETE FROM {table} WHERE {_where(key)}"  # noqa: S608


def _where(key: tuple[str, ...]) -> str:
    return " AND ".join(f"{name} = ?" for name in key)
