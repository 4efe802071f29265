"""A whole append in one packet, for a writer that knows what it will find: lock, events, read models, end of the transaction.

The statements follow one another as a pipeline, each prepared once for its connection, and commit together. The first event is
written only if the store is as its caller left it (`_FIRST`); where it is not, that statement fails, and so do all behind it. The
packet is small enough to leave in one piece: a process that is stopped while the server waits for the rest would keep everybody
else from writing for as long as it is stopped.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple, Never

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait

from eventstore.cursor import Cursor
from eventstore.events import Guard, RecordedEvent
from eventstore.postgres_schema import STORE_LOCK
from eventstore.projection import Key, Row, Table
from eventstore.reading import COLUMNS
from eventstore.remembered import Known, RememberingRows
from eventstore.rows import add_statement, delete_statement, update_statement, upsert_statement

READ_MODELS_AT = "(SELECT coalesce(array_agg(DISTINCT xmin::text), '{}') FROM projections)"
"""The transactions that have said which read models follow; whoever changes that adds another one."""
MOST_BYTES = 16 * 1024
"""As much as a socket takes at once when nothing waits in it."""

SOMETHING_ELSE_STANDS_THERE = (psycopg.errors.NotNullViolation, psycopg.errors.UniqueViolation)
"""What `Pipeline.commit` raises where the first event is refused; nothing was written."""


class AtOnce:
    """Collects the statements of one append."""

    def __init__(self) -> None:
        self.statements: list[tuple[_Statement, list[bytes | None]]] = [(_LOCK, [])]

    def fits(self) -> bool:
        """Whether one packet takes it, what a statement itself takes counted as if it had to be prepared."""
        return (
            sum([len(statement.text) + sum(map(len, filter(None, values))) for statement, values in self.statements]) < MOST_BYTES
        )

    def insert_first(
        self, event: RecordedEvent, *, read_models_at: Iterable[str], after: int | None = None, guard: Guard | None = None
    ) -> None:
        """*event*, if the one before it is the newest of all.

        Args:
            read_models_at: If nobody has changed since which read models follow: see `READ_MODELS_AT`.
            after: And if this is its stream's newest version; None: that is known.
            guard: And if it holds; None: that is known.
        """
        before = (None, None, None) if after is None else (event.stream, event.stream, after)
        held = (None, None, None) if guard is None else (guard.stream, guard.stream, guard.version)
        self._add(_FIRST, (event.position, event.previous_hash, *before, *held, read_models_at, *event))

    def insert_next(self, event: Sequence[Any]) -> None:
        self._add(_NEXT, event)

    def insert_part(self, part: Sequence[Any]) -> None:
        self._add(_INSERT_PART, part)

    def upsert(self, table: Table, rows: Iterable[Row]) -> None:
        for row in rows:
            self._add(_upsert(table.name, tuple(table.columns), tuple(table.columns.values()), table.key), row.values())

    def update(self, changed: Changed, key: Key, changes: Row) -> None:
        self._add(_update(*changed), (*changes.values(), *key))

    def sum(self, table: Table, rows: Iterable[Row]) -> None:
        for row in rows:
            self._add(_sum(table.name, tuple(table.columns), tuple(table.columns.values()), table.key), row.values())

    def delete(self, table: Table, keys: Iterable[Key]) -> None:
        for key in keys:
            self._add(_delete(table.name, table.key, tuple([table.columns[name] for name in table.key])), key)

    def _add(self, statement: _Statement, values: Iterable[Any]) -> None:
        encoded = [None if value is None else encode(value) for encode, value in zip(statement.encoders, values, strict=True)]
        self.statements.append((statement, encoded))


class RowsAtOnce(RememberingRows):
    """Rows that are read from *below* and written by *at_once*."""

    def __init__(self, below: Cursor, known: Known, at_once: AtOnce, seen: set[Changed]) -> None:
        """
        Args:
            seen: The updates that this connection was asked for.
        """
        super().__init__(below, known)
        self._at_once, self._seen = at_once, seen

    def _write_below(
        self, table: Table, gone: Sequence[Key], new: Mapping[Key, Row], changed: Mapping[Key, tuple[Row, Row]]
    ) -> None:
        self._at_once.delete(table, gone)
        self._at_once.upsert(table, new.values())
        for key, (row, changes) in changed.items():
            if (update := _changed(table, changes)) in self._seen:
                self._at_once.update(update, key, changes)
            else:  # one statement for whole rows is there already: preparing one of its own pays from the second time on
                self._seen.add(update)
                self._at_once.upsert(table, [row])

    def _write_sums_below(self, table: Table, sums: Mapping[Key, Row]) -> None:
        self._at_once.sum(table, sums.values())


_numbers = count(1)


class Pipeline:
    """Sends appends over one connection, which is in autocommit mode."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.seen: set[Changed] = set()
        self._names: dict[bytes, bytes] = {}

    def commit(self, at_once: AtOnce) -> None:
        """All statements in one transaction.

        Raises:
            psycopg.Error: What the server said; nothing was written. Where the connection was dropped nobody knows.
        """
        try:
            self._commit(at_once)
        except psycopg.errors.InvalidSqlStatementName:  # the driver deallocates all, not only its own, after a ROLLBACK
            self._names.clear()
            self._commit(at_once)

    def _commit(self, at_once: AtOnce) -> None:
        server = self.connection.pgconn
        server.enter_pipeline_mode()
        try:
            new = self._send(server, at_once.statements)
            server.pipeline_sync()
            refused = self.connection.wait(_answer(server))
        finally:
            _leave(server)
        if refused is not None:
            raise psycopg.errors.error_from_result(refused)
        self._names |= new

    def _send(self, server: pq.abc.PGconn, statements: Sequence[tuple[_Statement, list[bytes | None]]]) -> dict[bytes, bytes]:
        """Returns what was prepared for it, under names that are never used again: it may not have come to that."""
        new: dict[bytes, bytes] = {}
        for statement, values in statements:
            name = self._names.get(statement.text) or new.get(statement.text)
            if name is None:
                name = new[statement.text] = b"at_once_%d" % next(_numbers)
                server.send_prepare(name, statement.text, statement.types)
            server.send_query_prepared(name, values, statement.formats)
        return new


def _answer(server: pq.abc.PGconn) -> PQGen[pq.abc.PGresult | None]:
    """Wait for the transaction's end. Returns the first error, or None."""
    refused = None
    while server.flush():
        if (yield Wait.RW) & Ready.R:
            server.consume_input()
    while True:
        while server.is_busy():
            if (yield Wait.R):
                server.consume_input()
        result = server.get_result()
        if result is None:  # between two statements, or for ever on a connection that is gone
            if server.status != pq.ConnStatus.OK:
                return refused or _lost()
        elif result.status == pq.ExecStatus.PIPELINE_SYNC:
            return refused
        elif result.status == pq.ExecStatus.FATAL_ERROR and refused is None:
            refused = result


def _lost() -> Never:
    raise psycopg.OperationalError("the connection was lost")


def _leave(server: pq.abc.PGconn) -> None:
    """Back to one statement at a time; where an answer is still to come, the connection is given up."""
    if server.status == pq.ConnStatus.OK:
        try:
            server.exit_pipeline_mode()
        except psycopg.OperationalError:
            server.finish()


class _Statement(NamedTuple):
    """As the driver wants it: parameters are numbered, and come in the server's binary format, lists in words."""

    text: bytes
    types: list[int]
    formats: list[int]
    encoders: list[Callable[[Any], bytes]]


_OIDS = {"text": 25, "integer": 20, "real": 701, "blob": 17, "transactions": 1011}
_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "text": str.encode,
    "integer": struct.Struct(">q").pack,
    "real": struct.Struct(">d").pack,
    "blob": bytes,
    "transactions": lambda numbers: f"{{{','.join(numbers)}}}".encode(),
}


def _statement(text: str, kinds: Iterable[str]) -> _Statement:
    kinds = list(kinds)
    first, *rest = text.split("?")
    numbered = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
    return _Statement(
        numbered.encode(),
        [_OIDS[kind] for kind in kinds],
        [int(kind != "transactions") for kind in kinds],
        [_ENCODERS[kind] for kind in kinds],
    )


Names = tuple[str, ...]
Changed = tuple[str, Names, Names, Names]
"""Of an update: table, columns that change, key, and the kinds of all of them."""


def _changed(table: Table, changes: Row) -> Changed:
    return table.name, tuple(changes), table.key, tuple([table.columns[name] for name in (*changes, *table.key)])


@lru_cache
def _upsert(table: str, columns: Names, kinds: Names, key: Names) -> _Statement:
    return _statement(upsert_statement(table, columns, key), kinds)


@lru_cache(maxsize=512)
def _update(table: str, columns: Names, key: Names, kinds: Names) -> _Statement:
    return _statement(update_statement(table, columns, key), kinds)


@lru_cache
def _sum(table: str, columns: Names, kinds: Names, key: Names) -> _Statement:
    return _statement(add_statement(table, columns, key), kinds)


@lru_cache
def _delete(table: str, key: Names, kinds: Names) -> _Statement:
    return _statement(delete_statement(table, key), kinds)


_EVENT = ("integer", "text", "integer", "text", "integer", "text", "blob", "blob", "blob", "blob")
_LOCK = _statement(STORE_LOCK, ())
# Without a position nothing can be written: the statement fails where something else stands than what its caller knows. That
# nobody has written since, the key says: the position is free, and so is the version. It is a statement of its own behind the
# lock, and sees all that was committed before that was granted. What the caller knows for itself is NULL, and not asked.
_FIRST = _statement(
    f"""INSERT INTO events ({COLUMNS}) SELECT CASE WHEN EXISTS (SELECT FROM events WHERE position = ? - 1 AND hash = ?)
AND (? IS NULL OR EXISTS (SELECT FROM events WHERE stream = ? AND version = ?))
AND (? IS NULL OR coalesce((SELECT version FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1), -1) = ?)
AND NOT EXISTS (SELECT FROM projections WHERE xmin <> ALL (?))
THEN ? END, ?, ?, ?, ?, ?, ?, ?, ?, ?""",  # noqa: S608 - constants
    ("integer", "blob", "text", "text", "integer", "text", "text", "integer", "transactions", *_EVENT),
)
_NEXT = _statement(f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _EVENT)  # noqa: S608 - constants
_INSERT_PART = _statement(
    "INSERT INTO attachments (stream, name, part, data) VALUES (?, ?, ?, ?)", ("text", "text", "integer", "blob")
)
