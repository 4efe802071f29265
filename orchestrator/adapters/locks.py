"""Slot locks on this machine: each a file of its own that is locked as `exclusive` explains, and freed when the process dies."""

from __future__ import annotations

import hashlib
import os

from orchestrator.adapters.data_directory import DirectoryUnusable, ensure_private
from orchestrator.adapters.exclusive import try_lock
from orchestrator.domain.plan import Slot
from orchestrator.services.ports import Here


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

    def notice_s(self, holder: Here) -> float:
        """A file's lock is only free when its process has ended."""
        return 0.0

    def try_acquire(self, slot: Slot) -> FileLock | None:
        """The lock of *slot*, or None while another process holds it."""
        # Names may be long and the file system may fold case: the digest tells slots apart, the target's name is for people.
        return self._try(f"slot-{slot.target}", slot.stream)

    def try_named(self, name: str) -> FileLock | None:
        return self._try("named", name)

    def _try(self, kind: str, name: str) -> FileLock | None:
        ensure_private(self._directory)
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        path = os.path.join(self._directory, f"{kind}-{digest}.lock")  # noqa: PTH118
        try:
            descriptor = try_lock(path)
        except OSError as error:
            raise DirectoryUnusable(
                f"{path}: {error.strerror}: this lock cannot be taken. Who deploys has to be able to write here."
            ) from error
        return FileLock(descriptor) if descriptor is not None else None
