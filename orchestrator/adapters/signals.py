"""How a signal asks this process to stop: `Signals` catches it, `StopFlag` remembers it and wakes whoever waits.

Nothing is torn down from inside a handler: everything that waits polls the flag's descriptor beside its own and decides itself.
The one exception is what says itself that it may be left anywhere (`StopFlag.breakable`).
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

from orchestrator.domain.errors import Interrupted

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopFlag:
    """Set once and for all by the first signal.

    Attributes:
        signal: Number of the first signal, None before it.
        count: How many came; the second means "stop waiting".
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.count = 0
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._break_at = 0  # how many signals leave what runs now; 0: none does

    def fileno(self) -> int:
        """Readable when something has happened since the last `drain`; then look at *signal* and *count*."""
        return self._read

    def wake_fd(self) -> int:
        """For `signal.set_wakeup_fd`."""
        return self._write

    def set(self, number: int) -> None:
        """What a handler does."""
        self.signal = self.signal or number
        self.count += 1
        with contextlib.suppress(BlockingIOError):  # full: the waiter is awake already
            os.write(self._write, b"\0")

    def drain(self) -> None:
        """Make `fileno` quiet until the next signal."""
        with contextlib.suppress(BlockingIOError):  # empty: that is what we want
            while os.read(self._read, 512):
                pass

    def check(self) -> None:
        """Raises Interrupted when the flag is set."""
        if self.signal is not None:
            raise Interrupted(signal.Signals(self.signal).name)

    @contextlib.contextmanager
    def breakable(self, at: int) -> Iterator[None]:
        """What runs inside is left, wherever it is, when signal number *at* comes: Interrupted is raised there, or right away.

        For what only looks (1), and for an effect that would survive SIGKILL as well (2: the first signal lets it end). Never
        around an append: whoever is thrown out of one does not know whether it was made. 0, inside another one: it polls itself.
        """
        before, self._break_at = self._break_at, at
        try:
            self.break_off()
            yield
        finally:
            self._break_at = before

    def break_off(self) -> None:
        """Raises Interrupted when enough signals came for what is under way."""
        if self._break_at and self.count >= self._break_at:
            self.check()

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


class Signals:
    """Context manager: INT, TERM and HUP set *flag* inside it. For the main thread only.

    INT is caught even where a shell's ``&`` had it ignored. HUP stays ignored where `nohup` wants it so.
    """

    def __init__(self, flag: StopFlag) -> None:
        self._flag = flag
        self._previous: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
        self._wakeup = -1

    def __enter__(self) -> StopFlag:
        # The flag's own write is not enough: a signal just before a poll would be handled only after it.
        self._wakeup = signal.set_wakeup_fd(self._flag.wake_fd(), warn_on_full_buffer=False)
        for number in STOPPING:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._handle)
        return self._flag

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous if previous is not None else signal.SIG_DFL)
        self._previous.clear()
        signal.set_wakeup_fd(self._wakeup)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._flag.set(number)
        self._flag.break_off()
