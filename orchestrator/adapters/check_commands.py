"""The commands of `validate`'s checks: run beside each other, their output kept, masked and packed for the store.

Not for what changes a target: these leave no trace from which a step could be resumed. Start at `CheckLog`, one for each check.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventstore import Attachment
from orchestrator.adapters.programs import tool_missing
from orchestrator.adapters.query import TAIL_BYTES
from orchestrator.adapters.spool import Spool, spool_chunks
from orchestrator.domain.errors import Interrupted
from orchestrator.domain.masking import Masker
from orchestrator.targets.base import CommandResult, QueryTimeout, ToolMissing

if TYPE_CHECKING:
    from subprocess import Popen

HEAD_BYTES, LOG_TAIL_BYTES = 1 << 20, 4 << 20
_BLOCK_BYTES = 64 << 10
_LOOK_S = 0.1
_GRACE_S = 2.0
_DRAIN_S = 0.2


class CheckLogs:
    """Implements `services.ports.CheckLogs`."""

    def __init__(self, project_dir: Path, masker: Masker) -> None:
        self._project_dir, self._masker = project_dir, masker

    def open(self, stopped: Callable[[], bool]) -> CheckLog:
        return CheckLog(self._project_dir, self._masker, stopped)


class CheckLog:
    """Runs one check's commands and keeps what they print: the first megabyte, and the last four.

    Args:
        stopped: Looked at ten times a second; True ends the running command.
    """

    def __init__(self, project_dir: Path, masker: Masker, stopped: Callable[[], bool]) -> None:
        self._project_dir, self._masker, self._stopped = project_dir, masker, stopped
        self._head, self._tail, self._total = bytearray(), bytearray(), 0

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 600.0, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> CommandResult:
        """See `validation.base.Run`; a program that ignores SIGTERM for two seconds is killed, with all that it started.

        Raises:
            Interrupted: *stopped* said so.
        """
        started = time.monotonic()
        self._keep(f"$ {shlex.join(argv)}\n".encode())
        process = _start(argv, cwd or self._project_dir, {**os.environ, **(env or {})})
        try:
            tails = self._read(process, started + timeout_s)
        finally:
            _end(process)
        if tails is None:
            self._keep(f"[stopped after {timeout_s:g} s]\n".encode())
            raise QueryTimeout(f"{' '.join(argv[:3])} did not end in {timeout_s:g} s and was stopped")
        code = process.returncode
        self._keep(f"[exit code {code}]\n".encode())
        return CommandResult(
            argv=tuple(argv),
            exit_code=128 - code if code < 0 else code,
            stdout=self._text(tails[0]),
            stderr=self._text(tails[1]),
            duration_ms=int((time.monotonic() - started) * 1000),
        )

    def note(self, text: str) -> None:
        """Add a line of our own, such as the place of a mistake."""
        self._keep(text.rstrip("\n").encode(errors="replace") + b"\n")

    def packed(self, name: str) -> tuple[Attachment, Mapping[str, Any]] | None:
        """All that was kept, masked, as an attachment called *name*, and its digest and size; None where nothing was."""
        if not self._total:
            return None
        kept = Spool(bytes(self._head), bytes(self._tail), b"", self._total, self._total - len(self._head) - len(self._tail))
        output = spool_chunks(kept, self._masker)
        described = {"command": "log", "sha256": output.digest, "bytes": output.size_bytes, "cut_bytes": output.cut_bytes}
        return Attachment(name, output.chunks), {"attachment": name, "commands": [described]}

    def _read(self, process: Popen[bytes], deadline: float) -> tuple[bytes, bytes] | None:
        """Ends of both streams once the process has ended; None at *deadline*. A grandchild may hold them open."""
        assert process.stdout is not None and process.stderr is not None  # noqa: S101 - both are pipes
        tails = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
        poll, reading = select.poll(), set(tails)
        for fd in reading:
            poll.register(fd, select.POLLIN)
        while reading or process.poll() is None:
            if self._stopped():
                raise Interrupted("SIGTERM")
            if (left := deadline - time.monotonic()) <= 0:
                break
            if not reading:
                time.sleep(min(_LOOK_S, left))
            for fd, _ in poll.poll(min(_LOOK_S, left) * 1000) if reading else ():
                block = os.read(fd, _BLOCK_BYTES)
                if not block:
                    reading.discard(fd)
                    poll.unregister(fd)
                self._keep(block)
                tails[fd] += block
                del tails[fd][: -2 * TAIL_BYTES]
            if process.poll() is not None:
                deadline = min(deadline, time.monotonic() + _DRAIN_S)
        stdout, stderr = tails.values()
        return (bytes(stdout), bytes(stderr)) if process.poll() is not None else None

    def _keep(self, block: bytes) -> None:
        self._total += len(block)
        room = HEAD_BYTES - len(self._head)
        self._head += block[:room]
        self._tail += block[room:] if room < len(block) else b""
        if len(self._tail) > 2 * LOG_TAIL_BYTES:
            del self._tail[:-LOG_TAIL_BYTES]

    def _text(self, tail: bytes) -> str:
        return self._masker.mask_bytes(tail).decode(errors="replace")[-TAIL_BYTES:]


def _start(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Popen[bytes]:
    from subprocess import DEVNULL, PIPE, Popen

    try:
        return Popen(argv, cwd=cwd, env=env, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, bufsize=0, start_new_session=True)
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise tool_missing(argv[0], path=env.get("PATH"), cwd=cwd) from problem
    except OSError as problem:
        raise ToolMissing(f"{argv[0]} cannot be started: {problem.strerror}: correct that, then try again") from problem


def _end(process: Popen[bytes]) -> None:
    """Nothing of it goes on: asked first, then killed. Its pipes are closed."""
    from subprocess import TimeoutExpired

    if process.poll() is None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutExpired):
                process.wait(_GRACE_S)
                break
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
