"""A file that others cannot get at while it is looked at or swapped: `HeldFile`.

The kernel's leases do that. A read lease is granted only on a file that nobody has open for writing, a write lease only on one
that nobody else has open at all; while it is held, whoever opens the file for what the lease excludes waits until it is given
back (at most ``/proc/sys/fs/lease-break-time`` seconds). So hold one for microseconds, and never while waiting. Where there is
none (not our file, or a file system without leases) `leased` is false, and the file is only open.
"""
# ruff: noqa: PTH116 - see data_directory

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from types import TracebackType

WRITERS_GRACE_S = 0.2
"""How long those who have the file open for writing are waited for."""
POLL_S = 0.002

Seen = tuple[int, ...]
"""Which file, and in which state: device, inode, size, time of the last change of its contents."""


class HeldFile:
    """The file at *path*, open between ``with`` and its end.

    Args:
        alone: Keep others from opening it for reading too, and let us write it.
        leases: False where the file system is known to grant none: network file systems then say of every file that it has
            writers.

    Attributes:
        leased: Others wait when they open it.
        has_writers: Somebody has it open for writing, and has not closed it in time; what it holds may change at any moment.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: str, *, alone: bool = False, leases: bool = True) -> None:
        self._path, self._alone, self._leases = path, alone, leases
        self._descriptor = -1
        self.leased = self.has_writers = False

    def __enter__(self) -> HeldFile:
        self._descriptor = os.open(self._path, (os.O_RDWR if self._alone else os.O_RDONLY) | os.O_CLOEXEC)
        deadline = time.monotonic() + WRITERS_GRACE_S
        while self._leases and self._lease() == errno.EAGAIN and not self._alone:
            if time.monotonic() > deadline:
                self.has_writers = True
                break
            time.sleep(POLL_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._descriptor)  # gives the lease back

    def read(self) -> bytes:
        """All it holds."""
        parts, at = [], 0
        while part := os.pread(self._descriptor, 1 << 16, at):
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def overwrite(self, contents: bytes) -> None:
        os.ftruncate(self._descriptor, 0)
        at = 0
        while at < len(contents):
            at += os.pwrite(self._descriptor, contents[at:], at)

    def seen(self) -> Seen:
        return _seen(os.fstat(self._descriptor))

    def is_at(self, path: str) -> bool:
        return os.path.samestat(os.fstat(self._descriptor), os.stat(path))

    def still_holds(self, contents: bytes) -> bool:
        """Whether it holds the *contents* read before, and nobody waits to write it."""
        return not self.writer_waits() if self.leased else self.read() == contents

    def writer_waits(self) -> bool:
        """Whether somebody's attempt to open it for writing waits for us. Always false without a lease."""
        return self.leased and fcntl.fcntl(self._descriptor, fcntl.F_GETLEASE) == fcntl.F_UNLCK

    def _lease(self) -> int:
        try:
            # The kernel asks for a lease back with SIGIO, which ends a process. SIGURG is ignored, and the lease soon given back.
            fcntl.fcntl(self._descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK if self._alone else fcntl.F_RDLCK)
        except OSError as error:
            return error.errno or errno.EIO
        self.leased = True
        return 0


def seen_at(path: str) -> Seen:
    return _seen(os.stat(path))


def _seen(found: os.stat_result) -> Seen:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
