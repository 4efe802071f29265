"""A lock file that dies with its holder: `exclusive`.

``flock``, not POSIX ``lockf``: the latter is lost as soon as any descriptor of the file is closed. The file is never unlinked and
stays empty; who holds it is not its business. Children do not inherit it (close-on-exec): never fork without exec while holding
it.
"""
# ruff: noqa: PTH116, PTH120 - see data_directory

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

POLL_S = 0.01


@contextmanager
def exclusive(path: str, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock *path*, made with its directory when missing, until the block ends.

    Raises:
        TimeoutError: Somebody else held it for *timeout_s* seconds.
        OSError: It cannot be made or opened.
    """
    deadline = time.monotonic() + timeout_s
    held = _locked(path, deadline)
    while not _is_at(path, held):  # somebody removed the file between our open and our lock: what we hold excludes nobody
        os.close(held)
        held = _locked(path, deadline)
    try:
        yield
    finally:
        os.close(held)


def _locked(path: str, deadline: float) -> int:
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103
    # Opened for reading: enough for flock, and all that members of a team have on each other's files.
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise TimeoutError(f"{path} is held by another process") from None
            time.sleep(POLL_S)
        except OSError:
            os.close(descriptor)
            raise


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
