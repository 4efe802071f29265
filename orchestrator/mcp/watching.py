"""What a call's process says on stderr while it runs: `StepTitles` finds the steps in it, `Relay` passes it on as the log."""

from __future__ import annotations

import os
import queue
import re
import threading
from typing import NamedTuple

LONGEST_LINE = 10_000
_STEP = re.compile(r"^ {2}\[(\d+)/(\d+)\] (.+?)\.\.\.(?: |$)")


class Step(NamedTuple):
    """A step that has begun: its number among *total*, from 1, and its title."""

    number: int
    total: int
    title: str


class StepTitles:
    """Reads the lines that `orchestrator.rendering.progress.step_title` makes, as they come."""

    def __init__(self) -> None:
        self._line = b""
        self._last: Step | None = None

    def feed(self, block: bytes) -> list[Step]:
        """The steps that have begun in *block*. A title stands there before its line has ended."""
        *whole, rest = (self._line + block).split(b"\n")
        self._line = rest[:LONGEST_LINE]
        return [step for line in (*whole, self._line) if (step := self._news(line))]

    def _news(self, line: bytes) -> Step | None:
        match = _STEP.match(line[:LONGEST_LINE].decode(errors="replace"))
        step = Step(int(match[1]), int(match[2]), match[3]) if match else None
        if step is None or step == self._last:  # the rest of its line, or the line again after something was said in between
            return None
        self._last = step
        return step


class Relay:
    """Writes to stderr from a thread of its own: a client that does not read our log must not stop the protocol."""

    MOST_BLOCKS = 1000
    """So many blocks may wait to be written; what comes then is left out of the log."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._blocks: queue.Queue[bytes] = queue.Queue(self.MOST_BLOCKS)
        threading.Thread(target=self._write, daemon=True).start()

    def say(self, block: bytes) -> None:
        try:
            self._blocks.put_nowait(block)
        except queue.Full:
            pass

    def _write(self) -> None:
        while True:
            block = self._blocks.get()
            try:
                while block:
                    block = block[os.write(self._descriptor, block) :]
            except OSError:
                return  # whoever kept our log has gone
