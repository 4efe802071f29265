"""A file that nobody can write in place while it is looked at: `HeldFile`.

Editors that save in place (open, truncate, write) would write into a file that we have compared and are about to replace. A read
lease of the kernel is granted only on a file that nobody has open for writing; while it is held, whoever opens it for writing
waits (at most ``/proc/sys/fs/lease-break-time`` seconds) until it is given back. So hold it for microseconds, never while waiting.
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


class HeldFile:
    """The file at *path*, open for reading between ``with`` and its end.

    Attributes:
        has_writers: Somebody has it open for writing, and has not closed it in time; what it holds may change at any moment.
        leased: Nobody can open it for writing now. False where the kernel gives no lease: not our file, or a file system without.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self.has_writers = self.leased = False

    def __enter__(self) -> HeldFile:
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        deadline = time.monotonic() + WRITERS_GRACE_S
        while self._lease() == errno.EAGAIN:
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

    def is_at(self, path: str) -> bool:
        return os.path.samestat(os.fstat(self._descriptor), os.stat(path))

    def still_holds(self, contents: bytes) -> bool:
        """Whether it holds the *contents* read before, and nobody is waiting to write."""
        if self.leased:
            return fcntl.fcntl(self._descriptor, fcntl.F_GETLEASE) == fcntl.F_RDLCK
        return self.read() == contents

    def _lease(self) -> int:
        try:
            # The kernel asks for a lease back with SIGIO, which ends a process. SIGURG is ignored, and the lease soon given back.
            fcntl.fcntl(self._descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            return error.errno or errno.EIO
        self.leased = True
        return 0
