"""One connection to PostgreSQL: the URL, the session's settings, statements in our notation, and errors in words.

It is a session of its own, never one that a proxy shares between transactions. A dropped connection is noticed within seconds, by
both sides: keepalives, and a limit to what may stay unacknowledged. Start at `connect`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import Any

import psycopg
from psycopg import conninfo

from eventstore.errors import EventStoreError, StoreUnavailable

SCHEME = "postgresql+psycopg://"
SCHEMA = "pop_deploy"
"""Our schema in the database; nothing outside of it is read or touched."""
BUSY_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 10
OLDEST_SERVER = 130_000
DROPPED_AFTER_S = 3
"""A connection that is silently cut is given up by both sides after about as many seconds."""
_CLIENT = {
    "application_name": "pop-deploy",
    "connect_timeout": str(CONNECT_TIMEOUT_S),
    "keepalives": "1",
    "keepalives_idle": "1",
    "keepalives_interval": "1",
    "keepalives_count": str(DROPPED_AFTER_S - 1),
    "tcp_user_timeout": str(DROPPED_AFTER_S * 1000),
    "client_encoding": "UTF8",
}
_SESSION = {
    "search_path": SCHEMA,
    "timezone": "UTC",
    # A process that is stopped inside a transaction must not hold up everybody else for longer than they wait.
    "idle_in_transaction_session_timeout": f"{int(BUSY_TIMEOUT_S * 500)}",
    "statement_timeout": "600000",
    "tcp_keepalives_idle": "1",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": str(DROPPED_AFTER_S - 1),
    "tcp_user_timeout": str(DROPPED_AFTER_S * 1000),
    "synchronous_commit": "on",
    # Every statement looks rows up by their keys: planning it anew for each value would take longer than running it.
    "plan_cache_mode": "force_generic_plan",
    "client_min_messages": "warning",
}


def without_password(url: str) -> str:
    """*url* as it may be shown: the password, wherever it stands, replaced by ``***``."""
    from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        user, has_password, _ = parts.netloc.rpartition("@")[0].partition(":")
        known = f"{user}:***@" if has_password else f"{user}@" if user else ""
        query = [(name, "***" if "pass" in name.lower() else value) for name, value in parse_qsl(parts.query)]
        shown = urlunsplit(parts._replace(netloc=known + host, query=urlencode(query, quote_via=quote, safe="*/")))
        return shown if parts.netloc else shown.replace(":/", ":///", 1)
    except ValueError:
        return f"{url.partition('//')[0]}//***"


def parameters(url: str) -> dict[str, Any]:
    """What libpq makes of *url*.

    Raises:
        StoreUnavailable: It is no URL of a PostgreSQL store. The message holds no password.
    """
    refusal = StoreUnavailable(f"--store {without_password(url)}: expected {SCHEME}USER@HOST:PORT/DATABASE")
    if not url.startswith(SCHEME):
        raise refusal
    try:
        return conninfo.conninfo_to_dict(f"postgresql://{url.removeprefix(SCHEME)}")
    except psycopg.ProgrammingError as error:
        raise refusal from error


def connect(url: str, *, lock_timeout_s: float = BUSY_TIMEOUT_S, read_only: bool = False) -> psycopg.Connection[Any]:
    """A session in autocommit mode whose every wait has an end.

    Args:
        lock_timeout_s: How long a statement waits for what another session has locked.

    Raises:
        StoreUnavailable: No server answers, it refuses us, is too old, or is a proxy that shares its sessions.
    """
    given = parameters(url)
    settings = {**_SESSION, "lock_timeout": f"{int(lock_timeout_s * 1000)}"}
    if read_only:
        settings["default_transaction_read_only"] = "on"
    options = " ".join([given.pop("options", "") or "", *(f"-c {name}={value}" for name, value in settings.items())]).strip()
    with in_words(url):
        connection = psycopg.connect(**{**_CLIENT, **given}, options=options, autocommit=True, prepare_threshold=2)
    try:
        with in_words(url):
            _check(connection, url)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: psycopg.Connection[Any], url: str) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise StoreUnavailable(f"{without_password(url)}: PostgreSQL 13 or newer is needed")
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    if row is None or row[0] != connection.info.backend_pid:
        raise StoreUnavailable(
            f"{without_password(url)} is a connection pooler: the lock of a slot lives as long as a session of its own. "
            "Name the server itself."
        )


@contextmanager
def in_words(url: str) -> Iterator[None]:
    """Raise what psycopg raises as an error of ours that says what to do."""
    try:
        yield
    except psycopg.Error as error:
        raise unavailable(url, error) from error


def unavailable(url: str, error: psycopg.Error) -> EventStoreError:
    """*error* in words. Whatever the server says, no password is in it."""
    shown, said = without_password(url), _said(url, error)
    if isinstance(error, psycopg.DataError):
        return EventStoreError(f"{shown} cannot hold this: {said}. Nothing was written.")
    for kind, words in _REASONS:
        if isinstance(error, kind):
            return StoreUnavailable(f"{shown}{words.format(said)}")
    return StoreUnavailable(f"{shown}: {said}")


_REASONS: tuple[tuple[type[psycopg.Error], str], ...] = (
    (
        psycopg.errors.LockNotAvailable,
        " is locked by another session and did not come free in time: nothing was written. Try again.",
    ),
    (psycopg.errors.DiskFull, ": the server's disk is full: nothing was written. Free some space, then go on with resume."),
    (
        psycopg.errors.InsufficientPrivilege,
        ": {}. The role needs CREATE on the database, or somebody who has it opens the store first.",
    ),
    (psycopg.errors.ReadOnlySqlTransaction, " is read-only (a standby?): nothing was written. Name the primary."),
    (psycopg.OperationalError, " cannot be reached: {}"),
)


def _said(url: str, error: psycopg.Error) -> str:
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    try:
        password = parameters(url).get("password")
    except StoreUnavailable:
        password = None
    return first.replace(str(password), "***") if password else first


def dropped(connection: psycopg.Connection[Any]) -> bool:
    return bool(connection.closed or connection.broken)


class PostgresCursor:
    """`Cursor` of one connection, whose parameters are marked with ``?``."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    @cached_property
    def _cursor(self) -> psycopg.Cursor[Any]:
        """Made when it is needed: few appends have anything to ask."""
        return self._connection.cursor()

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> PostgresCursor:
        self._cursor.execute(marked(statement), parameters or None)
        return self

    def executemany(self, statement: str, parameters: Iterable[Sequence[Any]], /) -> PostgresCursor:
        self._cursor.executemany(marked(statement), parameters)
        return self

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)


@lru_cache(maxsize=512)
def marked(statement: str) -> bytes:
    """*statement* with psycopg's marks. Statements are the program's own: no ``?`` or ``%`` stands in a literal of theirs."""
    return statement.replace("%", "%%").replace("?", "%s").encode()
