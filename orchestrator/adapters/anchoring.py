"""Delivering signed heads: to a command's standard input, to a file, or both. Implements `services.ports.Anchors`."""

from __future__ import annotations

import os
from pathlib import Path

from eventstore.appending import Now, utc_now
from eventstore.events import Head
from orchestrator.adapters import signing
from orchestrator.adapters.given_input import run
from orchestrator.domain.anchor import Anchor
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.settings import AuditSettings


class AnchorUndelivered(PopDeployError):
    """The command or the file did not take the head."""


class AnchorReceivers:
    """What deploy.json names.

    Args:
        key: File of the private key; made when it is missing.
        now: Clock, ISO 8601 with offset.
    """

    def __init__(self, settings: AuditSettings, project_dir: Path, key: str, now: Now = utc_now) -> None:
        self._settings, self._project, self._key, self._now = settings, project_dir, key, now

    def publish(self, store_id: str, head: Head) -> None:
        anchor = signed(self._key, store_id, head, self._now())
        problems = []
        if self._settings.anchor_file is not None:
            try:
                append(str(self._project / self._settings.anchor_file), anchor)
            except OSError as error:
                problems.append(f"{self._settings.anchor_file}: {error.strerror}")
        if self._settings.anchor_command is not None:
            given = f"{anchor.to_line()}\n".encode()
            problems += filter(None, [run(self._settings.anchor_command, given, self._project, self._settings.timeout_s)])
        if problems:
            raise AnchorUndelivered("; ".join(problems))


def signed(key: str, store_id: str, head: Head, time: str) -> Anchor:
    """*head*, signed; the key is made when it is missing."""
    if not os.path.exists(key):  # noqa: PTH110
        signing.new_key(key)
    return signing.sign(key, store_id, head, time)


def append(path: str, anchor: Anchor) -> None:
    """Add a line to the file *path*, durably; made private when it is missing. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, f"{anchor.to_line()}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
