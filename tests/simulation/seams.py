"""The ports of one process of a history: each use of them is a seam, where others may go on and things may go wrong.

What happens at a seam is in `process.py`; here is only where the seams are.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from eventstore import Appended, Attachment, EventStore, Guard, NewEvent, StoreUnavailable
from orchestrator.domain.plan import Slot
from orchestrator.domain.questions import Question
from orchestrator.services.ports import Here, Lock
from orchestrator.services.repository import Journal
from tests.unit.orchestrator.services.ports import Clock, Stop

if TYPE_CHECKING:
    from tests.simulation.process import Process


class Signals(Stop):
    """Signals that come at a seam. *ponder* is carried along to where a person is asked."""

    def __init__(self, ponder: Callable[[Question], str]) -> None:
        super().__init__()
        self.ponder = ponder
        self._came, self._breaks_at = 0, 0

    def arrive(self) -> None:
        self.signal, self._came = signal.SIGTERM, self._came + 1
        self._break()

    @contextmanager
    def breakable(self, at: int) -> Iterator[None]:
        before, self._breaks_at = self._breaks_at, at
        try:
            self._break()
            yield
        finally:
            self._breaks_at = before

    def _break(self) -> None:
        if self._breaks_at and self._came >= self._breaks_at:
            self.check()


class SeamStore:
    """The store as one process sees it."""

    def __init__(self, process: Process, inner: EventStore) -> None:
        self._process, self._inner = process, inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected_version: int,
        guard: Guard | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> Appended:
        process, types = self._process, ", ".join(event.type for event in events)
        if process.happens("lost_lock"):
            process.world.take_locks(process)
        process.seam(f"before {types}")
        if process.happens("refused_append"):
            process.note("refused", types)
            process.hindered = True
            raise StoreUnavailable("no space left on device: nothing was written")
        before = process.world.invariants.before(stream)
        try:
            appended = self._inner.append(stream, events, expected_version=expected_version, guard=guard, attachments=attachments)
        except Exception as error:
            process.note("too late", f"{stream}: {types}: {error}")
            raise
        process.note("append", f"{stream}@{appended.version}: {types}")
        process.world.invariants.appended(process, self._inner, stream, before, guard)
        process.seam(f"after {types}")
        return appended

    def version(self, stream: str) -> int:
        self._process.glance()
        return self._inner.version(stream)

    def same_as_replay(self, journal: Journal) -> None:
        self._process.world.invariants.same_as_replay(journal)

    def read_stream(self, stream: str, after_version: int = -1) -> Any:
        self._process.glance()
        return self._inner.read_stream(stream, after_version)

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self._process.glance()
        return self._inner.query(statement, parameters)


class SeamLocks:
    """The locks as one process takes them."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def try_acquire(self, slot: Slot) -> Lock | None:
        process = self._process
        process.seam("before the lock")
        lock = process.world.locks.try_acquire(slot)
        if lock is None:
            return None
        process.locks[slot.stream] = True
        return SeamLock(process, slot.stream, lock)

    def notice_s(self, holder: Here) -> float:
        """Only one that has lost its lock may still live."""
        return 3.0 if any(one.pid == holder.pid for one in self._process.world.living) else 0.0


class SeamLock:
    """A lock that may be lost, and that dies with its process."""

    def __init__(self, process: Process, name: str, inner: Lock) -> None:
        self._process, self._name, self._inner = process, name, inner

    def release(self) -> None:
        if self._process.dead:
            return  # free already, and perhaps somebody else's
        if self._process.locks.pop(self._name, False):
            self._inner.release()


class SeamClock(Clock):
    """The world's time; waiting is a seam."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> str:
        return self._process.world.clock.now()

    def monotonic(self) -> float:
        return self._process.world.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._process.world.clock.pass_by(seconds)
        self._process.seam("asleep")
        self._process.stop.check()


class SeamHistory:
    """deploy.json, which its own lock keeps for one process at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.path = process.world.history_file.path

    def publish(
        self,
        render: Callable[[list[dict[str, Any]]], list[dict[str, Any]] | None],
        look: Callable[[Mapping[str, Any]], None],
    ) -> object:
        self._process.seam("before deploy.json")
        with self._process.world.stage.alone():
            return self._process.world.history_file.publish(render, look)
