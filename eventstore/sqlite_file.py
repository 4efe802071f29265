"""What a SQLite file is, found out without changing it; and SQLite's errors in words that say what to do.

Nothing here keeps a connection: `eventstore.reading` and `eventstore.sqlite` open the store once `inspect` has let it pass.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from stat import S_ISREG

from eventstore.errors import NotAStore, StoreTooNew, StoreUnavailable
from eventstore.revisions import APPLICATION_ID, REVISIONS

BUSY_TIMEOUT_S = 10.0


def uri(path: str, options: str) -> str:
    """*path* as SQLite's URI: the three characters that mean something there are quoted (urllib would cost start-up time)."""
    quoted = os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")  # noqa: PTH100 - light
    return f"file://{quoted}?{options}"


def inspect(path: str) -> None:
    """Refuse a file that is not a store of this program's age or older, before a connection that could write to it is opened.

    A read-write connection to somebody else's database would leave a -wal beside it, or fold a left-over one into it when it is
    closed. A file that does not exist or is empty passes.

    Raises:
        NotAStore, StoreTooNew: The file, and the directory around it, are as they were.
        StoreUnavailable: It cannot be read.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - as light as it gets
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be opened: {error.strerror}") from error
    if not S_ISREG(status.st_mode):
        raise NotAStore(f"{path} is not a file")
    if status.st_size == 1:  # SQLite takes a file of one byte for an empty one and would write over it.
        raise NotAStore(_NOT_A_DATABASE.format(path))
    if status.st_size and not _size(
        path, "-journal"
    ):  # A journal means that page 1 may be half written: SQLite must recover first.
        _inspect_database(path, immutable=not _size(path, "-wal"))


def stored_revision(connection: sqlite3.Connection, path: str) -> str | None:
    """The store's schema revision, or None for a file without any table.

    Raises:
        NotAStore: It is somebody else's database.
        StoreTooNew: Made by a newer program.
    """
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID or not {"alembic_version", "events"} <= tables:
        raise NotAStore(f"{path} is a SQLite database of something else. It was not touched: name another store.")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None or row[0] not in REVISIONS:
        found = row[0] if row else "none"
        raise StoreTooNew(
            f"{path} has schema revision {found}; this program knows up to {REVISIONS[-1]}. "
            "It was left untouched: use the newer pop-deploy that wrote it."
        )
    return str(row[0])


SqliteErrors = (sqlite3.Error, UnicodeDecodeError)
"""What the driver raises. The second one where a damaged file makes SQLite say something that is not UTF-8."""


def unavailable(path: str, error: Exception) -> StoreUnavailable:
    """*error*, one of `SqliteErrors`, in words that say what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # The low byte is the kind, the rest which kind of it.
    if isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode to UTF-8"):
        code = sqlite3.SQLITE_CORRUPT
    elif code == sqlite3.SQLITE_IOERR and _is_full(path):  # where it is the index of the log that finds no room
        code = sqlite3.SQLITE_FULL
    if code == sqlite3.SQLITE_NOTADB:
        return NotAStore(_NOT_A_DATABASE.format(path))
    return StoreUnavailable(f"{path}{_REASONS.get(code, ': {}').format(error)}")


_NOT_A_DATABASE = "{} is not a SQLite database. It was not touched: name another store."
_READING_NEEDS = "Reading needs write access to its directory as well (for -wal and -shm), or a backup."
_REASONS = {
    sqlite3.SQLITE_BUSY: " is locked by another program and did not come free in time: nothing was written. Try again.",
    sqlite3.SQLITE_FULL: ": the disk is full: nothing was written. Free some space, then go on with resume.",
    sqlite3.SQLITE_READONLY: f" cannot be written: it, its directory or its disk is read-only. {_READING_NEEDS}",
    sqlite3.SQLITE_CORRUPT: " is damaged ({}): restore a backup.",
    sqlite3.SQLITE_CANTOPEN: f" cannot be opened. {_READING_NEEDS}",
    sqlite3.SQLITE_IOERR: ": the disk failed ({}): nothing was acknowledged. Look at the disk and its free space.",
}


def _is_full(path: str) -> bool:
    """Not even the smallest file finds room on its disk."""
    try:
        disk = os.statvfs(os.path.dirname(os.path.realpath(path)))  # noqa: PTH120 - as light as it gets
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < 32 * 1024


def _size(path: str, suffix: str) -> int:
    """Bytes of the file that SQLite keeps beside *path*, 0 if there is none."""
    try:
        return os.stat(os.path.realpath(path) + suffix).st_size  # noqa: PTH116 - as light as it gets
    except OSError:
        return 0


def _inspect_database(path: str, *, immutable: bool) -> None:
    # immutable=1 leaves no trace but does not see a write-ahead log: only where there is none to see.
    options = "mode=ro&immutable=1" if immutable else "mode=ro"
    try:
        with closing(sqlite3.connect(uri(path, options), uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
            stored_revision(connection, path)
    except SqliteErrors as error:
        refusal = unavailable(path, error)
        # Anything else may come from a writer who began meanwhile; the connection that takes part in locking will tell.
        if isinstance(refusal, NotAStore) or not immutable:
            raise refusal from error
