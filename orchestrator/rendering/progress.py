"""Telling whoever watches what is happening: `for_command` chooses how.

`PlainProgress` writes lines as things happen, `LiveProgress` shows the running step with its time and last output on a terminal,
`SilentProgress` says nothing. All are what the services call a narrator. What they write is the upper part of the report;
`orchestrator.rendering.report.text(result, begun=progress.begun)` writes the rest, so that nothing stands there twice.

Watching never affects a deployment: when the reader has gone (``| head``), the rest is not written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Protocol, TextIO

from orchestrator.rendering import text

INTERRUPTED = "interrupted"
_TIMED = frozenset({"done", "failed", INTERRUPTED})


class Progress(Protocol):
    """What a deployment tells while it runs.

    Attributes:
        opening: Called before the first thing is shown; gives the head of the report.
        begun: Something was shown.
    """

    opening: Callable[[], str]
    begun: bool

    def phase(self, title: str) -> None:
        """A new list of steps or checks begins."""

    def step_started(self, number: int, total: int, title: str) -> None: ...

    def output(self, block: bytes) -> None:
        """What the running step prints, as it comes: any size, any bytes."""

    def step_finished(self, status: str, duration_ms: int) -> None: ...

    def check(self, name: str, status: str, message: str) -> None:
        """A check was answered: pass, warn, fail or skip. Within a step only the step's own result is shown."""

    def line(self, text: str) -> None:
        """Something worth saying that is neither step nor check."""

    def close(self) -> None:
        """Nothing more comes; a step that is still open was interrupted. Safe to call twice."""


def for_command(*, as_json: bool, quiet: bool = False, environ: Mapping[str, str] = os.environ) -> Progress:
    """The progress that fits: live on a terminal, plain lines elsewhere; on stderr when stdout is for JSON."""
    if quiet:
        return SilentProgress()
    stream = sys.stderr if as_json else sys.stdout
    if stream.isatty() and environ.get("TERM", "dumb") not in {"dumb", "unknown"}:
        from orchestrator.rendering.live import LiveProgress

        return LiveProgress(stream, environ)
    return PlainProgress(stream)


def step_title(number: int, total: int, title: str) -> str:
    """``  [2/5] Pushing to registry...``"""
    return f"  [{number}/{total}] {text.one_line(title)}..."


def step_verdict(status: str, duration_s: float | None, *, found: bool = False) -> str:
    """``done (12s)``, ``passed``, ``failed (3s)``: a duration where it says something."""
    if found:
        return f"{status} (found on resume)"
    timed = duration_s is not None and status in _TIMED
    return f"{status} ({text.duration(duration_s)})" if timed and duration_s is not None else status


def check_line(name: str, status: str, message: str) -> str:
    """``  [pass] docker engine: answers``"""
    said = text.one_line(message)
    return f"  [{status}] {text.one_line(name)}{': ' + said if said else ''}"


class Outlet:
    """A stream that may go away, and whose locale may be anything: writing to it never fails."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self.gone = stream, False

    @property
    def encoding(self) -> str:
        return self._stream.encoding or "ascii"

    def write(self, what: str) -> int:
        if not self.gone:
            try:
                text.write(self._stream, what)
            except (OSError, ValueError):
                # The reader has gone or the stream is closed: the deployment goes on, and its report is on record.
                self.gone = True
        return len(what)

    def flush(self) -> None:
        """Every write is flushed."""

    def isatty(self) -> bool:
        return not self.gone and self._stream.isatty()


class SilentProgress:
    """Says nothing."""

    def __init__(self) -> None:
        self.opening: Callable[[], str] = str
        self.begun = False

    def phase(self, title: str) -> None:
        pass

    def step_started(self, number: int, total: int, title: str) -> None:
        pass

    def output(self, block: bytes) -> None:
        pass

    def step_finished(self, status: str, duration_ms: int) -> None:
        pass

    def check(self, name: str, status: str, message: str) -> None:
        pass

    def line(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class PlainProgress:
    """One line a step: its title when it starts, its result when it ends. No control characters, no width."""

    def __init__(self, stream: TextIO) -> None:
        self.opening: Callable[[], str] = str
        self.begun = False
        self._outlet = Outlet(stream)
        self._title: str | None = None
        self._broken = False
        self._shown = ""

    def phase(self, title: str) -> None:
        self._begin()
        self._break_line()
        heading = f"\n{text.one_line(title)}:\n"
        if heading not in self._shown:
            self._outlet.write(heading)
        self._shown = ""

    def step_started(self, number: int, total: int, title: str) -> None:
        self._begin()
        self._break_line()
        self._title, self._broken = step_title(number, total, title), False
        self._outlet.write(self._title)

    def output(self, block: bytes) -> None:
        """Output is not shown: it is kept, and the report has its end."""

    def step_finished(self, status: str, duration_ms: int) -> None:
        if self._title is None:
            return
        again = self._title if self._broken else ""
        self._title = None
        self._outlet.write(f"{again} {step_verdict(status, duration_ms / 1000)}\n")

    def check(self, name: str, status: str, message: str) -> None:
        self._begin()
        if self._title is None:
            self._outlet.write(check_line(name, status, message) + "\n")

    def line(self, text_: str) -> None:
        self._begin()
        self._break_line()
        self._outlet.write(f"  {text.one_line(text_)}\n")

    def close(self) -> None:
        if self._title is not None:
            self._outlet.write(f"{self._title if self._broken else ''} {INTERRUPTED}\n")
        self._title = None

    def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            self._shown = self.opening()
            self._outlet.write(self._shown)

    def _break_line(self) -> None:
        if self._title is not None and not self._broken:
            self._broken = True
            self._outlet.write("\n")
