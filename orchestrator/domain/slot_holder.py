"""Who is at work in a slot, or claims it, as facts that a refusal names. Not here: finding out, see `services/slot_holder.py`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SlotHolder:
    """The process that took a slot last, and what it was doing.

    Attributes:
        deployment_id: The deployment it took the slot for.
        actor: Who took it: ``name@host``.
        state: Of the deployment.
        step: Title of the step that runs; None where none does.
        since: When that step started, else when the slot was taken; ISO 8601 with offset.
        for_s: Whole seconds since then.
    """

    deployment_id: str
    actor: str
    host: str
    pid: int
    state: str
    step: str | None
    since: str
    for_s: int

    def __str__(self) -> str:
        doing = f'running "{self.step}"' if self.step is not None else self.state.replace("_", " ")
        return f"{self.deployment_id} ({self.actor}, pid {self.pid} on {self.host}, {doing} for {self.for_s}s)"

    @property
    def process(self) -> str:
        """``ann@ci-7 (pid 4711 on ci-7)``."""
        return f"{self.actor} (pid {self.pid} on {self.host})"
