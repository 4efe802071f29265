"""Slot locks on this machine: `flock` on a file of its own, which the kernel frees when the process dies.

Not POSIX ``lockf``: that is lost as soon as any descriptor of the file is closed. Lock files are never removed: a second process
could then lock another file of the same name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os

from orchestrator.adapters.data_directory import ensure_private
from orchestrator.domain.plan import Slot


class FileLock:
    """A held lock."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        os.close(self._descriptor)


class FileLocks:
    """The locks of one store, in *directory*."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def try_acquire(self, slot: Slot) -> FileLock | None:
        """The lock of *slot*, or None while another process holds it."""
        ensure_private(self._directory)
        # Names may be long and the file system may fold case: the digest tells slots apart, the target's name is for people.
        digest = hashlib.sha256(slot.stream.encode()).hexdigest()[:16]
        path = os.path.join(self._directory, f"slot-{slot.target}-{digest}.lock")  # noqa: PTH118
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            if _same_file(descriptor, path):
                return FileLock(descriptor)
            os.close(descriptor)


def _same_file(descriptor: int, path: str) -> bool:
    """False when somebody removed the file between opening and locking: the lock would be on a file nobody else sees."""
    try:
        there = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
