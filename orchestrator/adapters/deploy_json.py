"""deploy.json on disc, shared with editors and other tools: read it, publish the history in it, create it.

Not here: what its fields mean (`orchestrator.config`), nor which history should stand there (`projections`). The file is its
user's; of a file that exists we only ever change the value of ``history``, and nothing when that is right already. Start at
`DeployJsonFile.publish`; how a file is replaced under the eyes of an editor is in `exchange`.

    PopDeployError
    ├── DeployJsonUnwritable    permissions, a full disc, a read-only file system
    └── DeployJsonBusy          others keep writing it, or hold its lock
"""
# ruff: noqa: PTH100, PTH108, PTH116, PTH118, PTH119, PTH120, PTH123 - see data_directory

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from orchestrator.adapters import exchange
from orchestrator.adapters.data_directory import LOCKS, Path, ensure_private
from orchestrator.adapters.exclusive import exclusive
from orchestrator.adapters.json_text import replace_member
from orchestrator.domain.errors import PopDeployError, UsageProblem

History = list[dict[str, Any]]
Render = Callable[[History], History | None]
Look = Callable[[Mapping[str, Any]], None]

HISTORY = "history"
SETTLING_S = 0.5
"""How long a file that is not JSON, or is gone, may be one that somebody is saving."""
PUBLISH_S = 10.0
"""Deadline of publishing: of waiting for the lock, and of merging with others' edits."""
POLL_S = 0.01

EVENTS_SAFE = "The events are safe in the store; the next command writes the history again."


class DeployJsonUnwritable(PopDeployError):
    """The file cannot be written; it is as it was, and so is the store."""


class DeployJsonBusy(PopDeployError):
    """Others kept changing the file until the deadline; their edits stand there."""


class DeployJson(NamedTuple):
    """What the file held at one moment; *mode* is its permission bits."""

    raw: bytes
    document: dict[str, Any]
    mode: int

    @property
    def history(self) -> History:
        return list(self.document.get(HISTORY, ()))


class Published(NamedTuple):
    """Outcome of `DeployJsonFile.publish`.

    Attributes:
        changed: False when the history was right already and nothing was written.
        recovered: Backups of edits found beside the file that a killed process had pushed aside.
    """

    changed: bool
    recovered: tuple[str, ...] = ()


class DeployJsonFile:
    """The deploy.json at *path*. Nothing is opened before a method is called; a symbolic link is followed and kept."""

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        self._parsed_last: tuple[bytes | None, dict[str, Any]] = None, {}

    def read(self) -> DeployJson:
        """What the file holds. Changes nothing.

        A file that is not JSON but was changed within the last half second is read again: somebody is saving it.

        Raises:
            ConfigMissing: There is no file.
            ConfigError: It is no regular file, not one JSON object, or its history is not a list of objects.
        """
        return self._settled(may_be_missing=False)

    def read_history(self) -> History:
        """The records under ``history``, as they stand in the file, newest first; `[]` when the key is missing."""
        return self.read().history

    def publish(self, render: Render, look: Look = lambda document: None) -> Published:
        """Make the history in the file what *render* says it should be, and touch nothing else.

        Args:
            render: Called with the records that stand there, under the file's lock; returns those that should, or None if
                nothing is to change. Called again when somebody else saves meanwhile, so it must take records in only once.
            look: Called before it with all that stands there, which it must not change.

        Raises:
            ConfigMissing, ConfigError: See `read`; the file is left alone.
            DeployJsonUnwritable: The file or its directory cannot be written.
            DeployJsonBusy: Others kept writing, or kept the lock, for ten seconds.
        """
        deadline = time.monotonic() + PUBLISH_S
        with self._locked() as target:
            with self._writing():
                recovered = exchange.recover(target)
            while time.monotonic() < deadline:
                found = self._settled(may_be_missing=True)
                look(found.document)
                history = render(found.history)
                if history is not None and "\\u" in json.dumps(history):  # how all that is not plain text is written
                    history = _acceptable(history)
                if history is None or _same(history, found.history):
                    return Published(changed=False, recovered=recovered)
                new = replace_member(found.raw.decode(), HISTORY, history).encode()
                self._parsed(new)  # nothing is written that we would refuse to read
                with self._writing():
                    if exchange.replace_if_unchanged(target, found.raw, new):
                        return Published(changed=True, recovered=recovered)
        raise DeployJsonBusy(f"{self.path}: somebody writes it again and again. {EVENTS_SAFE}")

    def create(self, document: Mapping[str, Any]) -> None:
        """Write *document* to a new file with mode 0600, and its directory with 0700 when missing.

        Raises:
            UsageProblem: Something stands there already; it is untouched.
            DeployJsonUnwritable: It cannot be written; nothing is left behind.
        """
        there = f"{self.path}: is there already; it was not touched."
        if os.path.lexists(self.path):
            raise UsageProblem(there)
        ensure_private(os.path.dirname(os.path.abspath(self.path)))
        with self._locked() as target, self._writing():
            exchange.recover(target)
            temporary = exchange.partial_name(target)
            exchange.write_new(temporary, _dump(document), 0o600)
            try:
                os.link(temporary, target)  # unlike a rename, this never replaces anything
            except FileExistsError:
                raise UsageProblem(there) from None
            finally:
                os.unlink(temporary)
            exchange.sync_directory(os.path.dirname(target))

    def replace(self, document: Mapping[str, Any], *, read: DeployJson) -> None:
        """Write *document* in place of the file that *read* came from; mode and owner stay. Make a `backup` first.

        Raises:
            DeployJsonBusy: Somebody has changed the file since; their edit stands there.
            DeployJsonUnwritable: It cannot be written.
        """
        with self._locked() as target, self._writing():
            exchange.recover(target)
            if not exchange.replace_if_unchanged(target, read.raw, _dump(document)):
                raise DeployJsonBusy(f"{self.path}: somebody has changed it meanwhile; it was not touched. Try again.")

    def backup(self) -> str:
        """Copy the file to ``deploy.json.bak-<UTC time>`` beside it, with its mode and owner, and return that path.

        Raises:
            ConfigMissing: There is no file.
            DeployJsonUnwritable: The copy cannot be written.
        """
        with self._locked() as target:
            raw, found = self._bytes()
            with self._writing():
                name = exchange.backup_name(target)
                exchange.write_new(name, raw, stat.S_IMODE(found.st_mode), like=found)
                exchange.sync_directory(os.path.dirname(name))
            return name

    @contextmanager
    def _locked(self) -> Iterator[str]:
        """Hold the file's own lock; gives the path of the real file, beside which temporary files have to lie."""
        target = os.path.realpath(self.path)
        lock = os.path.join(os.path.dirname(target), LOCKS, f"{os.path.basename(target)}.lock")
        with ExitStack() as held:
            with self._writing():
                held.enter_context(exclusive(lock, timeout_s=PUBLISH_S))
            yield target

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say what an error of the operating system means for the user."""
        try:
            yield
        except TimeoutError as error:
            raise DeployJsonBusy(f"{self.path}: {error}. {EVENTS_SAFE}") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise DeployJsonUnwritable(f"{self.path}: cannot be written: {reason}. {_advice(error)} {EVENTS_SAFE}") from error

    def _settled(self, *, may_be_missing: bool) -> DeployJson:
        from orchestrator.config.errors import ConfigError, ConfigMissing

        deadline = time.monotonic() + SETTLING_S
        while True:
            try:
                raw, found = self._bytes()
            except ConfigMissing:
                if not may_be_missing or time.monotonic() > deadline:
                    raise
            else:
                try:
                    return DeployJson(raw, self._parsed(raw), stat.S_IMODE(found.st_mode))
                except ConfigError:
                    if time.monotonic() > deadline or time.time() - found.st_mtime > SETTLING_S:
                        raise
            time.sleep(POLL_S)

    def _bytes(self) -> tuple[bytes, os.stat_result]:
        from orchestrator.config.errors import ConfigError, ConfigMissing, Problem
        from orchestrator.config.reading import MAX_BYTES

        name = os.path.basename(self.path)
        try:
            if not stat.S_ISREG(os.stat(self.path).st_mode):  # opening a pipe would wait for its writer for ever
                raise ConfigError(name, [Problem("", "a file", "something else", f"{self.path} is not a regular file")])
            with open(self.path, "rb") as file:
                return file.read(MAX_BYTES + 1), os.fstat(file.fileno())
        except (FileNotFoundError, NotADirectoryError):
            raise ConfigMissing(self.path) from None
        except OSError as error:
            raise ConfigError(name, [Problem("", "a readable file", str(error), f"cannot be read: {error}")]) from error

    def _parsed(self, raw: bytes) -> dict[str, Any]:
        from orchestrator.config.errors import ConfigError, Problem
        from orchestrator.config.reading import parse_json

        name = os.path.basename(self.path)
        if raw == self._parsed_last[0]:  # at the end of most commands the file is what it was at their beginning
            return self._parsed_last[1]
        document = parse_json(raw, name)
        history = document.get(HISTORY, [])
        if not isinstance(history, list) or not all(isinstance(record, dict) for record in history):
            raise ConfigError(name, [Problem(HISTORY, "a list of objects", "something else")])
        self._parsed_last = raw, document
        return document


def _same(history: History, found: History) -> bool:
    """Whether both are the same JSON; not ``==``, for which 1 is true."""
    return json.dumps(history, sort_keys=True) == json.dumps(found, sort_keys=True)


def _acceptable(value: Any) -> Any:
    """*value* without the two kinds of text that no deploy.json may hold: half surrogate pairs (from odd file names) and NUL."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_acceptable(item) for item in value]
    if isinstance(value, dict):
        return {_acceptable(key): _acceptable(item) for key, item in value.items()}
    return value


def _dump(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _advice(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"Allow writing to it and to {os.path.dirname(str(error.filename or '')) or 'its directory'}."
    return "Look at the file and its directory."
