"""Waiting for a slot that a living process holds (``--wait``), saying for whom. Start at `Waiting.go_on`; `slot.py` uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.errors import SlotHeld
from orchestrator.domain.plan import Slot
from orchestrator.services.slot_holder import holder_of, refusal

if TYPE_CHECKING:
    from orchestrator.services.workspace import Workspace

LOOK_S = 0.2
"""Between two tries of the lock: its end cannot be waited on together with a signal."""


@dataclass
class Patience:
    """How long a command waits for slots, all its waits together.

    Attributes:
        given_s: ``--wait``.
        left_s: What is left of it.
    """

    given_s: float = 0.0
    left_s: float = 0.0

    @classmethod
    def of(cls, seconds: float) -> Patience:
        return cls(seconds, seconds)


class Waiting:
    """One wait for one slot."""

    def __init__(self, workspace: Workspace, slot: Slot) -> None:
        self._workspace, self._slot = workspace, slot
        self._told: tuple[str, int] | None = None

    def go_on(self) -> None:
        """Wait a moment; say whom for when that has changed.

        Raises:
            SlotHeld: No time is left; names the holder.
            Interrupted: A signal.
        """
        patience, clock = self._workspace.patience, self._workspace.clock
        if patience.left_s <= 0:
            raise self._given_up()
        self._tell()
        started = clock.monotonic()
        clock.sleep(min(LOOK_S, patience.left_s))
        patience.left_s -= clock.monotonic() - started

    def _tell(self) -> None:
        holder = holder_of(self._workspace, self._slot)
        if holder is None or (holder.deployment_id, holder.pid) == self._told:
            return  # whoever has the lock and no claim yet will be named in a moment
        self._told = (holder.deployment_id, holder.pid)
        left = max(1, round(self._workspace.patience.left_s))
        self._workspace.narrator.line(f"Waiting up to {left}s for {self._slot}, held by {holder}")

    def _given_up(self) -> SlotHeld:
        given = self._workspace.patience.given_s
        return refusal(self._workspace, self._slot, f" Waited {given:g}s in vain." if given else "")
