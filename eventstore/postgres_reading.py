"""Reading a store in PostgreSQL, on a session that cannot write; what was dropped is asked again on a new connection.

`open_postgres_read_only` is for commands that only read; `PostgresReader` is also the reading half of the store in `postgres`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from eventstore.errors import StoreUnavailable
from eventstore.postgres_connection import BUSY_TIMEOUT_S, connect, dropped, in_words, marked, unavailable, without_password
from eventstore.postgres_schema import check_revision
from eventstore.reading import SqlReader, check_read_models

SNAPSHOT_IDLE_MS = 60_000
"""Between two questions of a snapshot: it holds nobody up, and what is folded in between may take its time."""
T = TypeVar("T")


class PostgresReader(SqlReader):
    """The reading half, on a session that cannot write. See `open_postgres_read_only`."""

    def __init__(self, url: str, *, read_only: bool = True, lock_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._url, self._read_only, self._lock_timeout_s = url, read_only, lock_timeout_s
        self._closed = False
        self._open = False
        self._connection = self._connect()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `EventReader.snapshot`."""
        with in_words(self._url):
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._open = True
            try:
                self._connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = {SNAPSHOT_IDLE_MS}")
                self._connection.execute("SELECT 1")  # the transaction begins with the first look
                yield
            finally:
                self._open = False
                if not dropped(self._connection):
                    self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._closed = True
        self._connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        if self._closed:
            raise StoreUnavailable(f"{without_password(self._url)} was closed: nothing was asked or written")
        return connect(self._url, lock_timeout_s=self._lock_timeout_s, read_only=self._read_only)

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._reading(lambda: self._connection.execute(marked(statement), parameters or None).fetchall())

    def _reading(self, ask: Callable[[], T]) -> T:
        """*ask* once more on a new connection if this one was dropped, unless that would leave a transaction half done."""
        try:
            return ask()
        except psycopg.OperationalError as error:
            if not dropped(self._connection) or self._open:
                raise unavailable(self._url, error) from error
        except psycopg.Error as error:
            raise unavailable(self._url, error) from error
        self._connection = reconnected(self._connect)
        with in_words(self._url):
            return ask()


def open_postgres_read_only(
    url: str, projections: Collection[tuple[str, int]] = (), *, catch_up: Collection[tuple[str, int]] = ()
) -> PostgresReader:
    """As `reading.open_read_only`: the store at *url* without being able to change it.

    Raises:
        StoreUnavailable, StoreTooNew, StoreOutdated: See there.
    """
    reader = PostgresReader(url)
    try:
        check_revision(reader, without_password(url))
        check_read_models(reader, without_password(url), projections, catch_up)
    except BaseException:
        reader.close()
        raise
    return reader


def reconnected(
    connect_again: Callable[[], psycopg.Connection[Any]], patience_s: float = BUSY_TIMEOUT_S
) -> psycopg.Connection[Any]:
    """A new connection; a server that restarts gets some time.

    Raises:
        StoreUnavailable: It does not answer within *patience_s* either.
    """
    deadline, pause_s = time.monotonic() + patience_s, 0.1
    while True:
        try:
            return connect_again()
        except StoreUnavailable as error:
            if not isinstance(error.__cause__, psycopg.OperationalError) or time.monotonic() + pause_s > deadline:
                raise
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 1.0)
