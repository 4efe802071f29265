"""How far long work has come, on a terminal's stderr, in one line that is wiped in the end; nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.rendering.text import write

_EVERY_S = 0.1
_WIPE = "\r\x1b[K"


class Meter:
    """Called with what is being done and a number that grows."""

    def __init__(self, *, shown: bool) -> None:
        self._shown, self._next, self._dirty = shown, 0.0, False

    def __call__(self, phase: str, done: int) -> None:
        if self._shown and (now := time.monotonic()) >= self._next:
            self._next, self._dirty = now + _EVERY_S, True
            write(sys.stderr, f"{_WIPE}{phase}: {done:,}")

    def close(self) -> None:
        if self._dirty:
            write(sys.stderr, _WIPE)


@contextmanager
def metered(*, as_json: bool) -> Iterator[Meter]:
    """*as_json*: a program reads the result; nobody watches."""
    meter = Meter(shown=not as_json and sys.stderr.isatty())
    try:
        yield meter
    finally:
        meter.close()
