"""pop-deploy with a store that kills the process: run as ``python victim.py ARGUMENTS`` with CRASH_POINT and CRASH_LOG set.

CRASH_POINT is ``before:N`` or ``after:N`` (the N-th append of this process), ``during:N`` (a moment after it, in the middle of
the effect that it announced) or ``never``. Every append is written to CRASH_LOG with the types of its events, so that the
suite knows which points there are.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from orchestrator import bootstrap
from orchestrator.cli.main import main
from orchestrator.services import canary

DURING_S = 0.12


class KillingStore:
    """An event store that dies at the chosen append."""

    def __init__(self, inner: Any, point: str, log: str) -> None:
        self._inner, self._log, self._count = inner, log, 0
        self._side, _, number = point.partition(":")
        self._number = int(number or 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def append(self, stream: str, events: Any, **options: Any) -> int:
        self._count += 1
        self._die("before")
        version: int = self._inner.append(stream, events, **options)
        with open(self._log, "a") as log:  # noqa: PTH123 - unbuffered is not needed: the file is closed before we die
            log.write(f"{stream.partition('-')[0]} {','.join(event.type for event in events)}\n")
        self._die("after")
        if self._side == "during" and self._count == self._number:
            threading.Timer(DURING_S, kill).start()
        return version

    def _die(self, side: str) -> None:
        if (side, self._count) == (self._side, self._number):
            kill()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm() -> None:
    open_store = bootstrap.open_store
    point, log = os.environ["CRASH_POINT"], os.environ["CRASH_LOG"]
    # The samples of a canary are recorded with what they decide: how many appends there are is no matter of a busy machine.
    canary.BATCH_S = 3600.0
    bootstrap.open_store = lambda directory, store: KillingStore(open_store(directory, store), point, log)


if __name__ == "__main__":
    arm()
    main(sys.argv[1:])
