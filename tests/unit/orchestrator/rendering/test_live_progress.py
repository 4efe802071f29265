"""The running step on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.rendering import text
from orchestrator.rendering.live import REFRESH_HZ, LiveProgress
from tests.unit.orchestrator.rendering.watching import Gone, Terminal, deploy, plain

ROOT = Path(__file__).parents[4]


# --- a terminal ---------------------------------------------------------------


def test_a_terminal_ends_with_the_same_lines_as_a_pipe() -> None:
    terminal, (progress, stream) = Terminal(), plain()
    live = LiveProgress(terminal, {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "100"})

    deploy(live, healthy=False)
    live.close()
    deploy(progress, healthy=False)

    assert _what_stays(terminal.getvalue()) == stream.getvalue().splitlines()


def test_the_running_step_shows_its_time_and_its_last_line_without_controls() -> None:
    terminal, now = Terminal(), [100.0]
    live = LiveProgress(terminal, {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "60"}, clock=lambda: now[0])

    live.step_started(1, 1, "Building image")
    live.output(b"Step 1/9\n\x1b[31mStep 2/9 : RUN \x1b]0;evil\x07make\x1b[0m\r\n\n")
    now[0] += 12.3
    live._live.refresh()  # type: ignore[union-attr] # what its clock does ten times a second
    live.close()

    shown = text.printable(terminal.getvalue())
    assert "  [1/1] Building image... " in shown
    assert " 12s\n        Step 2/9 : RUN make" in shown
    assert "evil" not in terminal.getvalue()
    assert shown.endswith("  [1/1] Building image... interrupted\n")


@pytest.mark.parametrize("columns", ["1", "8", "30"])
def test_a_narrow_terminal_is_never_wrapped(columns: str) -> None:
    terminal = Terminal()
    live = LiveProgress(terminal, {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": columns, "LINES": "24"})

    live.step_started(1, 1, "Building a very long title indeed")
    live.output(b"x" * 10_000)
    live._live.refresh()  # type: ignore[union-attr]
    drawn = terminal.getvalue()
    live.close()

    assert all(len(line) <= max(1, int(columns)) for line in text.printable(drawn).splitlines())


def test_a_gigabyte_of_output_is_not_drawn_and_not_kept() -> None:
    terminal = Terminal()
    live = LiveProgress(terminal, {"TERM": "xterm", "COLUMNS": "80"})
    block = (b"y" * 79 + b"\n") * 800

    live.step_started(1, 1, "Printing")
    started = time.monotonic()
    for _ in range(16_000):
        live.output(block)
    seconds = time.monotonic() - started
    writes = terminal.writes
    live.close()

    # Each refresh writes a few times; what counts is that it does not write per block.
    assert writes <= 10 + 10 * REFRESH_HZ * (seconds + 1)
    assert seconds < 5


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_left_out_on_request(environ: dict[str, str], coloured: bool) -> None:
    terminal = Terminal()
    live = LiveProgress(terminal, {"TERM": "xterm-256color", "COLUMNS": "80", **environ})

    live.step_started(1, 1, "Building")
    live.step_finished("done", 1000)

    assert ("\x1b[32mdone (1s)" in terminal.getvalue()) is coloured


def test_a_remark_within_a_step_is_its_last_line_and_outside_a_line_of_its_own() -> None:
    terminal = Terminal()
    live = LiveProgress(terminal, {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "80"})

    live.step_started(1, 1, "Waiting")
    live.line("2 of 3 replicas")
    live._live.refresh()  # type: ignore[union-attr]
    live.step_finished("done", 1000)
    live.line("outside")
    live.step_finished("done", 1000)

    assert "        2 of 3 replicas" in text.printable(terminal.getvalue())
    assert _what_stays(terminal.getvalue()) == ["  [1/1] Waiting... done (1s)", "  outside"]


def test_a_terminal_that_hangs_up_stops_nothing() -> None:
    live = LiveProgress(Gone(), {"TERM": "xterm", "COLUMNS": "80"})

    deploy(live)
    live.close()

    assert live.begun


_PROGRAM = """
from orchestrator.rendering.progress import for_command
progress = for_command(as_json=False)
progress.phase("Steps")
progress.step_started(1, 1, "Building")
progress.output(b"a line\\n")
progress.step_finished("done", 3000)
progress.close()
"""


def test_on_a_real_terminal_the_cursor_is_given_back() -> None:
    drawn = _on_a_terminal({"TERM": "xterm", "COLUMNS": "80"})

    assert drawn.rfind("\x1b[?25h") > drawn.rfind("\x1b[?25l") >= 0
    assert _what_stays(drawn) == ["", "Steps:", "  [1/1] Building... done (3s)"]


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"TERM": "dumb", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}])
def test_a_dumb_terminal_gets_plain_lines(environ: dict[str, str]) -> None:
    assert _on_a_terminal(environ).replace("\r\n", "\n") == "\nSteps:\n  [1/1] Building... done (3s)\n"


def _on_a_terminal(environ: dict[str, str]) -> str:
    """What `_PROGRAM` writes to a pseudo-terminal."""
    ours, theirs = pty.openpty()
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ}
    child = subprocess.Popen([sys.executable, "-c", _PROGRAM], stdout=theirs, stderr=subprocess.PIPE, env=env)
    os.close(theirs)
    drawn = b""
    while block := _read(ours):
        drawn += block
    os.close(ours)
    _, said = child.communicate(timeout=30)
    assert (child.returncode, said) == (0, b"")
    return drawn.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux says that the other end of a pseudo-terminal is closed
        return b""


def _what_stays(drawn: str) -> list[str]:
    """The lines of *drawn* that are left when every line that was erased is taken away: a very small terminal."""
    lines, row, at = [""], 0, 0
    while at < len(drawn):
        character = drawn[at]
        if character == "\x1b" and drawn[at + 1 : at + 2] == "[":
            end = at + 2
            while not drawn[end].isalpha():
                end += 1
            row = max(0, row - int(drawn[at + 2 : end] or 1)) if drawn[end] == "A" else row
            if drawn[end] == "K":
                lines[row] = ""
            at = end + 1
            continue
        if character == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif character != "\r":
            lines[row] += character
        at += 1
    return "\n".join(lines).rstrip().split("\n")
