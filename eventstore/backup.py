"""A consistent copy of a SQLite store in one file, made while others go on writing: `backup`. Verified before it gets its name.

Not for archiving (`eventstore.archive`) and not for other databases (`eventstore.copying`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

from eventstore.archived import archived_streams
from eventstore.diagnosis import Problem
from eventstore.errors import EventStoreError, StoreUnavailable
from eventstore.events import Head
from eventstore.reading import SqliteReader, check_revision, open_read_only
from eventstore.sqlite_file import BUSY_TIMEOUT_S, inspect, unavailable, uri
from eventstore.walking import walk

_PAGES = 4096


class BackupFailed(EventStoreError):
    """No backup was made; what stood at its place is untouched."""


class BackedUp(NamedTuple):
    """*size_bytes*: of the file; *head*: the newest event in it; *problems*: of the chain, in the store and so in its copy."""

    file: str
    head: Head
    size_bytes: int
    problems: tuple[Problem, ...]


def backup(path: str, file: str, *, progress: Callable[[str, int], None] = lambda phase, done: None) -> BackedUp:
    """Copy the store at *path* to *file*, which must not exist, private to its owner (0600).

    Args:
        progress: Told what is done (copying: pages; checking: position) and how far.

    Raises:
        BackupFailed: Something stands at *file*, or the copy is not what the store is; no file is left behind.
        StoreUnavailable: The store cannot be read.
    """
    inspect(path)
    with new_file(file) as partial:
        try:
            head = _copy(path, partial, lambda done: progress("copying", done))
        except sqlite3.Error as error:
            raise unavailable(path, error) from error
        check_file(partial, progress)
        problems = _verified(partial, head, progress)
        size = os.stat(partial).st_size  # noqa: PTH116 - as in the modules around
    return BackedUp(file, head, size, problems)


@contextmanager
def new_file(file: str) -> Iterator[str]:
    """A private file beside *file* to write into; on success it is made durable and gets that name, otherwise it is removed.

    A process that is killed leaves ``.NAME.part`` behind, which the next one replaces.

    Raises:
        BackupFailed: Something stands at *file* already, or no file can be made there.
    """
    directory, name = os.path.split(os.path.abspath(file))  # noqa: PTH100
    partial = os.path.join(directory, f".{name}.part")  # noqa: PTH118
    if os.path.lexists(file):
        raise BackupFailed(f"{file} exists already and is not overwritten. Name another file.")
    try:
        with suppress(FileNotFoundError):
            os.unlink(partial)  # noqa: PTH108
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise BackupFailed(f"{file} cannot be made: {error.strerror}") from error
    try:
        yield partial
        _take_name(partial, file, directory)
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(partial + suffix)  # noqa: PTH108


def _take_name(partial: str, file: str, directory: str) -> None:
    _sync(partial)
    try:
        os.link(partial, file)  # unlike a rename it never replaces anything
    except FileExistsError as error:
        raise BackupFailed(f"{file} exists already and is not overwritten. Name another file.") from error
    except OSError:  # a disk without links: a race for the name is possible, an overwritten file is not likely
        if os.path.lexists(file):
            raise BackupFailed(f"{file} exists already and is not overwritten. Name another file.") from None
        os.rename(partial, file)  # noqa: PTH104
    _sync(directory)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(path: str, partial: str, progress: Callable[[int], None]) -> Head:
    """Inside one read transaction: without it every commit of another process would make SQLite begin again."""
    source = sqlite3.connect(uri(path, "mode=ro"), uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    with closing(source), closing(sqlite3.connect(partial, isolation_level=None)) as target:
        check_revision(source, path)
        source.execute("BEGIN")
        head = SqliteReader(source, path).head()
        source.backup(target, pages=_PAGES, progress=lambda status, remaining, total: progress(total - remaining))
        # It can then be read where nothing may be written; whoever writes to it turns the log on again.
        target.execute("PRAGMA journal_mode = DELETE")
    return head


def check_file(path: str, progress: Callable[[str, int], None] = lambda phase, done: None) -> None:
    """Raise unless SQLite finds the file at *path* sound.

    Raises:
        StoreUnavailable: It is damaged; says where.
    """
    steps = 0

    def tick() -> int:
        nonlocal steps
        steps += 1
        progress("checking the file", steps)
        return 0

    try:
        with closing(sqlite3.connect(uri(path, "mode=ro"), uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
            connection.set_progress_handler(tick, 1_000_000)
            rows = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
    except sqlite3.Error as error:
        raise unavailable(path, error) from error
    if rows != ["ok"]:
        raise StoreUnavailable(f"{path} is damaged ({'; '.join(rows)}): restore a backup.")


def _verified(path: str, head: Head, progress: Callable[[str, int], None]) -> tuple[Problem, ...]:
    """What is wrong with the chain. A store that was tampered with is worth a copy too; one that is not all there is no copy."""
    with closing(open_read_only(path)) as reader:
        walked = walk(reader, archived=archived_streams(reader), progress=lambda done: progress("checking the chain", done))
    if walked.head != head:
        raise BackupFailed(f"the copy ends at event {walked.head.position}, the store had {head.position}: no backup was made")
    return walked.problems
