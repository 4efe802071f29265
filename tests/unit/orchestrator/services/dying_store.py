"""An in-memory event store that fails, or in which the process dies, at an append of the test's choice: `Store`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from eventstore import Appended, Attachment, Guard, NewEvent, StoreUnavailable
from eventstore.memory import MemoryEventStore
from orchestrator.projections.registry import inline


class Killed(BaseException):
    """The process is gone, without another word."""


class Store:
    """A `MemoryEventStore` that remembers its appends, and fails or dies at one of them.

    Attributes:
        fail_at: Type of an event that cannot be written.
        die_at: ``before`` or ``after`` the append with an event of that type, the process dies.
        meanwhile: What happens, once, just before an append to a slot's stream.
    """

    def __init__(self) -> None:
        self.inner = MemoryEventStore(projections=inline())
        self.appends: list[tuple[str, tuple[str, ...]]] = []
        self.guards: list[Guard | None] = []
        self.fail_at: str | None = None
        self.die_at: tuple[str, str] | None = None
        self.meanwhile: Callable[[], object] | None = None
        self._dead = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected_version: int,
        guard: Guard | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> Appended:
        types = tuple(event.type for event in events)
        if self._dead:
            raise Killed
        if self.fail_at in types:
            raise StoreUnavailable("no space left on device: nothing was written")
        self._die("before", types)
        if self.meanwhile is not None and stream.startswith("slot-"):
            happens, self.meanwhile = self.meanwhile, None
            happens()
        appended = self.inner.append(stream, events, expected_version=expected_version, guard=guard, attachments=attachments)
        self.appends.append((stream.partition("-")[0], types))
        self.guards.append(guard)
        self._die("after", types)
        return appended

    def revive(self) -> None:
        """The next process opens it."""
        self._dead, self.die_at, self.fail_at = False, None, None

    def _die(self, side: str, types: tuple[str, ...]) -> None:
        if self.die_at is not None and self.die_at[0] == side and self.die_at[1] in types:
            self._dead = True
            raise Killed
