"""Starts launchers (`launcher.py`), the next one while the command of the one before still runs.

A launcher that stands by knows nothing yet: it waits for its request on a pipe, and ends without any effect when that is closed,
be it because nothing was left to run or because we died. So the interpreter's start is paid while somebody else works.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from orchestrator.adapters.signals import STOPPING

# Imported, not run as a script: Python would compile a script at every start. Its directory goes last on the path, because names
# of the standard library stand there, too.
_IMPORT = "import sys; sys.path.append(sys.argv[1].rpartition('/')[0]); import launcher; launcher.run()"
LAUNCHER = (
    *(sys.executable, "-I", "-S", *(("-B",) if sys.dont_write_bytecode else ())),
    *("-c", _IMPORT, str(Path(__file__).with_name("launcher.py"))),
)
_WORDS_BYTES = 64 << 10


class Request(NamedTuple):
    """What a launcher is asked for.

    Attributes:
        directory: Where the command's files go; it exists.
        env: The command's whole environment. It stands in no file and no argument.
        owner: Process whose death leaves the command only *outlive_s*, seconds; 0: its deadline stays as it is.
        hidden: Values that must not stand in a file either, longer ones first; the output is written without them.
    """

    directory: Path
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    timeout_s: float
    grace_s: float
    hidden: Sequence[str] = ()
    owner: int = 0
    outlive_s: float = 0.0

    def to_bytes(self) -> bytes:
        """As `launcher_request.receive` reads it.

        Raises:
            ValueError: An argument or variable that no program can be given.
        """
        variables = [f"{name}={value}" for name, value in self.env.items()]
        if "" in self.env or any("=" in name for name in self.env):
            raise ValueError("a variable's name is empty or has an =")
        hidden = [value for value in self.hidden if "\0" not in value]
        counts = (str(len(self.argv)), str(len(hidden)))
        head = (
            str(self.directory),
            str(self.cwd),
            repr(self.timeout_s),
            repr(self.grace_s),
            str(self.owner),
            repr(self.outlive_s),
            *counts,
        )
        fields = [os.fsencode(field) for field in (*head, *self.argv, *hidden, *variables)]
        if any(b"\0" in field for field in fields):
            raise ValueError("embedded null byte")
        body = b"\0".join(fields)
        return b"%d\n%b" % (len(body), body)


@dataclass(slots=True)
class Launcher:
    """One process, to be asked once and then closed.

    Attributes:
        pid: Ours to reap.
    """

    pid: int
    _request_end: int
    _words: int
    """A file in memory: what Python says if the launcher cannot even be loaded."""

    def send(self, request: bytes) -> None:
        """All of *request*, or less to one that has died: whoever waits for it finds no claim."""
        view = memoryview(request)
        with contextlib.suppress(BrokenPipeError):
            while view:
                view = view[os.write(self._request_end, view) :]
        os.close(self._request_end)
        self._request_end = -1

    def last_words(self) -> str:
        """What it has said before it had its request; afterwards its words go to a file in the command's directory."""
        return os.pread(self._words, _WORDS_BYTES, 0).decode(errors="replace")

    def alive(self) -> bool:
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG) is None
        except ChildProcessError:  # reaped by the system, because our parent had us ignore SIGCHLD
            return Path(f"/proc/{self.pid}").exists()

    def close(self) -> None:
        """Let go of it. Without a request it ends."""
        for fd in (self._request_end, self._words):
            if fd >= 0:
                os.close(fd)
        self._request_end = self._words = -1


class Launchers:
    """One is kept standing by."""

    def __init__(self) -> None:
        self._next: Launcher | None = None

    def start(self, request: Request) -> Launcher:
        """A launcher that has *request*, or has died.

        Raises:
            OSError: It cannot be started; nothing was begun.
            ValueError: See `Request.to_bytes`.
        """
        data = request.to_bytes()
        launcher, self._next = self._next or _spawn(), None
        if not launcher.alive():  # somebody has ended it while it stood by
            launcher.close()
            launcher = _spawn()
        launcher.send(data)
        return launcher

    def stand_by(self) -> None:
        """Have the next one ready. Where it cannot be started now, the one who needs it will say so."""
        if self._next is None:
            with contextlib.suppress(OSError):
                self._next = _spawn()

    def close(self) -> None:
        """Let go of the one that stands by. Its end is not waited for: it may not even have begun to listen."""
        if self._next is not None:
            self._next.close()
            self._next = None


def _spawn() -> Launcher:
    """Never a fork of our own: a fork would hold our locks. What else is open without close-on-exec the launcher closes itself.
    Signals are blocked until it can pass them on."""
    request, request_end = os.pipe()
    words = os.memfd_create("launcher-words", os.MFD_CLOEXEC)
    try:
        pid = os.posix_spawn(
            sys.executable,
            LAUNCHER,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, request, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, words, 2),
            ],
            setsid=True,
            setsigmask=STOPPING,
            setsigdef=(*STOPPING, signal.SIGPIPE, signal.SIGCHLD),
        )
    except BaseException:
        os.close(request_end)
        os.close(words)
        raise
    finally:
        os.close(request)
    return Launcher(pid, request_end, words)
