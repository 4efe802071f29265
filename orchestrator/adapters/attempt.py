"""The directory of one command of a step's attempt, as `child.py` and `settle.py` read it, and the result they make of it.

The launcher writes it (`launcher.py` lists the files). The only thing written here is "revoked", in the place of a record whose
writer came too late: whoever creates `claim` or `child` first decides whether the command starts.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from orchestrator.adapters.launcher import REVOKED
from orchestrator.adapters.spool import ExitRecord, Spool, read_exit, read_spool
from orchestrator.targets.processes import ProcessId

Record = Literal["claim", "child"]


class ChildResult(NamedTuple):
    """How a command went.

    Attributes:
        exit_code: As a shell says it: 128 + N when signal N ended it. None when nobody knows how it ended, or it still runs.
        signal: Number of the signal that ended it.
        timed_out: It was stopped because its time was up; *exit_code* is then what it made of that.
        interrupted: It was asked to stop because this process was, or an earlier one.
        spool: Its output, as its launcher kept it.
        spool_errno: Why some output could not be stored (a full disc), or 0.
    """

    exit_code: int | None
    signal: int | None
    timed_out: bool
    interrupted: bool
    duration_ms: int
    spool: Spool
    spool_errno: int = 0

    @property
    def ended(self) -> bool:
        """Is its end on record? If not, only the target can say what it did."""
        return self.exit_code is not None

    @property
    def head(self) -> bytes:
        return self.spool.head

    @property
    def tail(self) -> bytes:
        return self.spool.tail

    @property
    def stderr_tail(self) -> bytes:
        return self.spool.stderr_tail

    @property
    def total_bytes(self) -> int:
        return self.spool.total_bytes

    @property
    def cut_bytes(self) -> int:
        return self.spool.cut_bytes


class ExecError(NamedTuple):
    """Why a command could not be started: *what* is ``exec``, ``chdir`` or ``start``."""

    errno: int
    what: str
    on: str

    def __str__(self) -> str:
        return f"cannot {self.what} {self.on}: {os.strerror(self.errno)}"


@dataclass(frozen=True, slots=True)
class CommandDirectory:
    """One command's files. Reading never fails for what is not there yet: it is None."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def revoke(self, record: Record) -> bool:
        """Take the place of *record*. True: its writer will never go on. False: it was there first."""
        draft = self.path / f"{record}.{os.getpid()}"
        draft.write_text(REVOKED)
        try:
            (self.path / record).hardlink_to(draft)  # appears with its content, unlike an exclusive open
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def revoked(self, record: Record) -> bool:
        return self._read(record) == REVOKED

    def process(self, record: Record) -> ProcessId | None:
        """Launcher (``claim``) or command (``child``); None when it never came so far."""
        text = self._read(record)
        if text in (None, REVOKED):
            return None
        try:
            return ProcessId.from_line(str(text))
        except ValueError:  # it is not as it was written (a damaged disc): nobody can tell whose it is
            return None

    def claimed_at(self) -> float:
        """For bringing the commands of a step into the order in which they ran."""
        claim = self.path / "claim"
        return claim.stat().st_mtime if claim.exists() else float("inf")

    def exit(self) -> ExitRecord | None:
        return read_exit(self.path)

    def exec_error(self) -> ExecError | None:
        text = self._read("exec-error")
        if text is None:
            return None
        number, what, on = (*text.split(" ", 2), "", "")[:3]
        if not (
            number.isascii() and number.isdigit() and len(number) < 5
        ):  # not as it was written: it says only that there was one
            return ExecError(errno.EIO, "start", self.name)
        return ExecError(int(number), what, on)

    def launcher_error(self) -> str:
        """The launcher's own last words, where it failed; they hold no environment and no argument."""
        return (self._read("launcher-error") or "").strip()[-2000:]

    def result(self, *, interrupted: bool = False) -> ChildResult:
        """What is on record now; `ChildResult.ended` says whether that is all of it."""
        spool, record = read_spool(self.path), self.exit()
        if record is None:
            return ChildResult(None, None, False, interrupted, 0, spool)
        return ChildResult(
            exit_code=128 + record.signal if record.signal else record.code,
            signal=record.signal or None,
            timed_out=record.timed_out,
            interrupted=interrupted or bool(record.forwarded),
            duration_ms=record.duration_ms,
            spool=spool,
            spool_errno=record.spool_errno,
        )

    def _read(self, name: str) -> str | None:
        try:
            return (self.path / name).read_text(errors="surrogateescape")
        except FileNotFoundError:
            return None
