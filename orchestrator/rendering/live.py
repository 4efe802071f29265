"""The running step on a terminal: its elapsed time and its last output line, at most ten times a second.

Only what runs is live; what has ended stands as plain lines above it, so scrolling back shows the same report as a pipe gets.
rich is imported when the first step starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO, cast

from orchestrator.rendering import text
from orchestrator.rendering.progress import PlainProgress, step_title, step_verdict

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live
    from rich.text import Text

REFRESH_HZ = 10
_KEPT = 4096
_COLOURS = {"done": "green", "passed": "green", "failed": "bold red", "interrupted": "yellow"}


class LiveProgress(PlainProgress):
    """Like `PlainProgress`, with a live region for the running step."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._environ, self._clock = environ, clock
        self._console: Console | None = None
        self._live: Live | None = None
        self._running: _Running | None = None

    def step_started(self, number: int, total: int, title: str) -> None:
        from rich.live import Live

        self._begin()
        self._stop()
        self._title, self._broken = step_title(number, total, title), True
        self._running = _Running(self._title, self._clock)
        self._live = Live(
            self._running,
            console=self._open_console(),
            refresh_per_second=REFRESH_HZ,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def output(self, block: bytes) -> None:
        if self._running is not None:
            self._running.feed(block)

    def step_finished(self, status: str, duration_ms: int) -> None:
        if self._title is None:
            return
        title, self._title = self._title, None
        self._stop()
        self._coloured(title, status, step_verdict(status, duration_ms / 1000))

    def phase(self, title: str) -> None:
        self._stop()
        super().phase(title)

    def line(self, text_: str) -> None:
        if self._live is not None and self._running is not None:
            self._running.feed(text_.encode() + b"\n")
        else:
            super().line(text_)

    def close(self) -> None:
        self._stop()
        super().close()

    def _coloured(self, title: str, status: str, verdict: str) -> None:
        from rich.text import Text

        self._open_console().print(Text.assemble(title, " ", (verdict, _COLOURS.get(status, ""))), soft_wrap=True)

    def _stop(self) -> None:
        live, self._live, self._running = self._live, None, None
        if live is not None:
            live.stop()

    def _open_console(self) -> Console:
        if self._console is None:
            from rich.console import Console

            # Nothing is interpreted: titles and output are not ours. Through the outlet, because rich exits when a pipe breaks.
            self._console = Console(
                file=cast("TextIO", self._outlet),
                _environ=self._environ,
                highlight=False,
                markup=False,
                emoji=False,
                force_terminal=True,
            )
        return self._console


class _Running:
    """What rich draws: the step's title with a spinner and its time, and below it the last line it has printed."""

    def __init__(self, title: str, clock: Callable[[], float]) -> None:
        self._title, self._clock, self._started, self._tail = title, clock, clock(), b""

    def feed(self, block: bytes) -> None:
        """Keep the end of the output; it is looked at when the screen is drawn, not before: a step may print gigabytes."""
        self._tail = block[-_KEPT:] if len(block) >= _KEPT else (self._tail + block)[-_KEPT:]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        elapsed = self._clock() - self._started
        spinner = "|/-\\"[int(elapsed * REFRESH_HZ) % 4]
        # A duration of whole seconds: tenths that flicker tell nobody anything.
        yield self._line(console, f"{self._title} {spinner} {text.duration(int(elapsed)) if elapsed >= 1 else ''}", "")
        if last := self._last_line():
            yield self._line(console, f"        {last}", "dim")

    def _line(self, console: Console, what: str, style: str) -> Text:
        from rich.text import Text

        line = Text(what, style=style, no_wrap=True, end="")
        # One column is left free: some terminals wrap when the last one is filled.
        line.truncate(max(1, console.width - 1), overflow="crop")
        return line.append("\n")

    def _last_line(self) -> str:
        lines = text.printable(self._tail.decode("utf-8", "replace")).split("\n")
        return next((text.one_line(line) for line in reversed(lines) if line.strip()), "")
