"""Asks programs questions: `docker inspect`, `git rev-parse`. Read-only commands; what changes a target runs under `child.py`."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from orchestrator.adapters.programs import tool_missing
from orchestrator.adapters.signals import StopFlag
from orchestrator.targets.base import CommandResult, QueryTimeout, ToolMissing

if TYPE_CHECKING:
    from subprocess import Popen

TAIL_BYTES = 64 << 10
_DRAIN_S = 0.2
_BLOCK_BYTES = 64 << 10


class SubprocessQuery:
    """Implements `targets.base.Query`.

    A question runs in a session of its own (a password prompt fails instead of waiting for a person), with its input from
    ``/dev/null`` and our environment plus *env*.

    Args:
        stop: Its signal kills the running question and raises Interrupted: an answer is not worth waiting for then.
    """

    def __init__(self, project_dir: Path, stop: StopFlag | None = None) -> None:
        self._project_dir = project_dir
        self._stop = stop

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float = 30.0,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> CommandResult:
        """See `targets.base.Query`; *cwd* is the project's directory by default. 128 + N as exit code means signal N."""
        if not self._stop:
            return self._ask(argv, timeout_s, cwd, env)
        self._stop.check()
        with self._stop.breakable(0):  # what waits here polls
            return self._ask(argv, timeout_s, cwd, env)

    def _ask(self, argv: Sequence[str], timeout_s: float, cwd: Path | None, env: Mapping[str, str] | None) -> CommandResult:
        started = time.monotonic()
        with _Reading(_start(argv, cwd or self._project_dir, {**os.environ, **(env or {})}), self._stop) as reading:
            code = reading.read(started + timeout_s)
            if code is None:
                words = f"; its last words: {reading.last_words()}" if reading.last_words() else ""
                raise QueryTimeout(f"{' '.join(argv[:3])} did not answer in {timeout_s:g} s and was stopped{words}")
            return CommandResult(
                argv=tuple(argv),
                exit_code=128 - code if code < 0 else code,
                stdout=reading.stdout(),
                stderr=reading.stderr(),
                duration_ms=int((time.monotonic() - started) * 1000),
            )


def _start(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Popen[bytes]:
    from subprocess import DEVNULL, PIPE, Popen

    if not cwd.is_dir():
        raise ToolMissing(f"{argv[0]} cannot run in {cwd}: there is no such directory")
    try:
        return Popen(argv, cwd=cwd, env=env, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, bufsize=0, start_new_session=True)
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise tool_missing(argv[0], path=env.get("PATH"), cwd=cwd) from problem
    except OSError as problem:
        raise ToolMissing(f"{argv[0]} cannot be started: {problem.strerror}: correct that, then try again") from problem


class _Reading:
    """The ends of both streams, until the process has ended. Not until end of file: a grandchild may hold the pipes."""

    def __init__(self, process: Popen[bytes], stop: StopFlag | None) -> None:
        self._process = process
        self._stop = stop
        self._pidfd = os.pidfd_open(process.pid)
        self._streams = [stream for stream in (process.stdout, process.stderr) if stream]
        self._tails = {stream.fileno(): bytearray() for stream in self._streams}
        self._poll = select.poll()
        for fd in (*self._tails, self._pidfd, *([stop.fileno()] if stop else [])):
            self._poll.register(fd, select.POLLIN)

    def __enter__(self) -> _Reading:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._pidfd)
        for stream in self._streams:
            stream.close()
        if self._process.returncode is None:
            with contextlib.suppress(PermissionError):  # it runs as another user: it cannot be stopped, nor be waited for
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def read(self, deadline: float) -> int | None:
        """Returns its return code at its end, None at *deadline*. Raises Interrupted."""
        reading = set(self._tails)
        while (reading or self._process.returncode is None) and (left := deadline - time.monotonic()) > 0:
            for fd, _ in self._poll.poll(left * 1000):
                if fd in reading:
                    if not self._take(fd):
                        reading.discard(fd)
                        self._poll.unregister(fd)
                elif fd == self._pidfd:
                    self._poll.unregister(fd)
                    self._process.wait()
                    deadline = min(deadline, time.monotonic() + _DRAIN_S)
                elif self._stop:
                    self._stop.drain()
                    self._stop.check()
        return self._process.returncode

    def stdout(self) -> str:
        return _text(self._tails[self._streams[0].fileno()])

    def stderr(self) -> str:
        return _text(self._tails[self._streams[1].fileno()])

    def last_words(self) -> str:
        return self.stderr().strip().rpartition("\n")[2]

    def _take(self, fd: int) -> bool:
        block, tail = os.read(fd, _BLOCK_BYTES), self._tails[fd]
        tail += block
        if len(tail) > 2 * TAIL_BYTES:
            del tail[:-TAIL_BYTES]
        return bool(block)


def _text(tail: bytearray) -> str:
    return tail[-TAIL_BYTES:].decode(errors="replace")
