"""A lock file that dies with its holder: `exclusive`, and `try_lock` below it.

``flock``, not POSIX ``lockf``: the latter is lost as soon as any descriptor of the file is closed. The file is never unlinked and
stays empty; who holds it is not its business. Children do not inherit it (close-on-exec): never fork without exec while holding
it.
"""
# ruff: noqa: PTH102, PTH112, PTH116, PTH120 - see data_directory

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from orchestrator.adapters.data_directory import ensure_private

POLL_S = 0.01


@contextmanager
def exclusive(path: str, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock *path*, made with its directory when missing, until the block ends.

    Raises:
        TimeoutError: Somebody else held it for *timeout_s* seconds.
        OSError: It cannot be made or opened.
        DirectoryUnusable: The directory around its own cannot be made.
    """
    _make_directory(os.path.dirname(path))
    deadline = time.monotonic() + timeout_s
    while (held := try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} is held by another process")
        time.sleep(POLL_S)
    try:
        yield
    finally:
        os.close(held)


def try_lock(path: str) -> int | None:
    """A descriptor that holds the lock *path* until it is closed; None while another one holds it.

    Raises:
        OSError: It cannot be made or opened.
    """
    # Opened for reading: enough for flock, and all that members of a team have on each other's files.
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600 | _shared(os.path.dirname(path), 0o066))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(path, descriptor):
            return descriptor
    except BlockingIOError:
        pass
    except OSError:
        os.close(descriptor)
        raise
    # Held by another, or removed between our open and our lock: then it would exclude nobody.
    os.close(descriptor)
    return None


def _make_directory(path: str) -> None:
    """Private, or as open as the one that it is made in."""
    if os.path.isdir(path):
        return
    around = ensure_private(os.path.dirname(path))
    with suppress(FileExistsError):  # somebody else was faster
        os.mkdir(path, 0o700 | _shared(around, 0o077))


def _shared(directory: str, bits: int) -> int:
    """Those of *bits* that are for whoever may write to *directory*: a team shares one on purpose, mostly by its group."""
    mode = os.stat(directory).st_mode
    return bits & ((0o070 if mode & 0o020 else 0) | (0o007 if mode & 0o002 else 0))


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
