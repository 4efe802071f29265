"""A terminal session with `pop-deploy` on a pseudo terminal: `Terminal`. Waits for what is shown, types, and sees the end."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.e2e.project import COMMAND, DEADLINE_S, Project, wait_until

_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>]|\r")


class Terminal:
    """``pop-deploy WORDS`` in *project*, with a terminal as stdin, stdout and stderr.

    Attributes:
        raw: Everything that was shown, as it came.
    """

    def __init__(self, project: Project, *words: str, program: Sequence[str] = (COMMAND,), **env: str) -> None:
        self.raw = b""
        self._seen = 0
        self._terminal, other = pty.openpty()
        self._process = subprocess.Popen(
            [*program, *words],
            cwd=project.path,
            env=project.environ(**{"TERM": "xterm", "COLUMNS": "120", "LINES": "40", **env}),
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            preexec_fn=_control,  # noqa: PLW1509 - this process has one thread
        )
        os.close(other)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(DEADLINE_S)
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def text(self) -> str:
        """What was shown, without control sequences."""
        return _SEQUENCE.sub("", self.raw.decode(errors="replace"))

    def expect(self, what: str) -> str:
        """Wait until *what* is shown after all that was expected before; returns what came up to its end."""
        until = time.monotonic() + DEADLINE_S
        while (at := self.text.find(what, self._seen)) < 0:
            assert time.monotonic() < until, f"{what!r} was not shown:\n{self.text[self._seen :]}"
            assert self._read(until - time.monotonic()), f"it ended before {what!r} was shown:\n{self.text[self._seen :]}"
        shown, self._seen = self.text[self._seen : at + len(what)], at + len(what)
        return shown

    def type(self, keys: str) -> None:
        """*keys* as they are; ``\\n`` is Enter, ``\\x03`` is Ctrl-C."""
        os.write(self._terminal, keys.encode())

    def answer(self, question: str, keys: str) -> str:
        """Wait for *question* and its prompt, then answer with *keys* and Enter; returns what was shown before the prompt."""
        shown = self.expect(question) + self.expect("]")
        self.type(keys + "\n")
        return shown

    def wait_for_prompt(self) -> None:
        """Until it really waits: a signal that comes between showing the prompt and reading is only seen with the next key."""
        self.expect("]")
        stat = Path(f"/proc/{self.pid}/stat")
        wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", "it reads the answer")

    def close(self) -> None:
        """As when its window is closed: the kernel hangs up, and whoever writes to it gets an error."""
        if self._terminal >= 0:
            os.close(self._terminal)
        self._terminal = -1

    def end(self) -> int:
        """Wait for the end; returns the exit code."""
        until = time.monotonic() + DEADLINE_S
        while self._read(until - time.monotonic()):
            assert time.monotonic() < until, f"it does not end:\n{self.text}"
        return self._process.wait(DEADLINE_S)

    def _read(self, timeout_s: float) -> bool:
        """More of what is shown. False when nobody is left at the other end."""
        if self._terminal < 0:
            return False
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, timeout_s))
        if not ready:
            return True
        try:
            block = os.read(self._terminal, 1 << 16)
        except OSError:  # how Linux says that the other end is closed
            return False
        self.raw += block
        return bool(block)


def _control() -> None:
    """Make the terminal the one that Ctrl-C comes from."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
