"""The system's clock, for everything that waits: a signal ends a wait at once."""

from __future__ import annotations

import select
import time
from datetime import UTC, datetime

from orchestrator.adapters.signals import StopFlag


class SystemClock:
    """Implements `targets.base.Clock`. Without a *stop* flag its waits cannot be interrupted."""

    def __init__(self, stop: StopFlag | None = None) -> None:
        self._stop = stop

    def now(self) -> str:
        """For example ``2026-03-18T14:30:22.000120+00:00``: always with microseconds, so that texts sort as times do."""
        return datetime.now(UTC).isoformat(timespec="microseconds")

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait *seconds*; not at all when they are negative. Raises Interrupted when the flag is set, before or meanwhile."""
        if self._stop is None:
            time.sleep(max(0.0, seconds))
            return
        poll = select.poll()
        poll.register(self._stop.fileno(), select.POLLIN)
        until = time.monotonic() + seconds
        self._stop.check()
        while (left := until - time.monotonic()) > 0:
            if poll.poll(left * 1000):
                self._stop.drain()
            self._stop.check()
