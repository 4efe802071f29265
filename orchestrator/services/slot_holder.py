"""Who holds a slot, and how it went from one holder to another: for refusals, for who waits, and for who was replaced.

Everything here comes from the slot's own stream and the read models. Whether the holder lives is not known here: its lock says
so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import orjson

from eventstore import RecordedEvent
from orchestrator.domain.errors import SlotHeld, SlotLost
from orchestrator.domain.plan import Slot
from orchestrator.domain.side_events import SlotReleased, SlotTaken
from orchestrator.domain.slot_holder import SlotHolder
from orchestrator.projections import deployments, slots
from orchestrator.services.codec import CODEC

if TYPE_CHECKING:
    from orchestrator.services.workspace import Workspace

_MOST_CHANGES = 4


def holder_of(workspace: Workspace, slot: Slot) -> SlotHolder | None:
    """Who claims *slot*, with what it does at this moment; None while nobody does."""
    taken = slots.holder(workspace.store, slot)
    if taken is None or taken.deployment_id is None:
        return None
    row = next(iter(deployments.get(workspace.store, taken.deployment_id)), None)
    step, since = (row.step_title, row.step_started_at) if row is not None else (None, None)
    since = since if step is not None and since is not None else taken.taken_at
    return SlotHolder(
        deployment_id=taken.deployment_id,
        actor=taken.actor or "unknown",
        host=taken.host,
        pid=taken.pid,
        state=row.state if row is not None else "unknown",
        step=step,
        since=since,
        for_s=seconds_between(since, workspace.clock.now()),
    )


def refusal(workspace: Workspace, slot: Slot, also: str = "") -> SlotHeld:
    """That *slot* is held, by whom and what for. *also*: a sentence in between, with a blank before it."""
    holder = holder_of(workspace, slot)
    if holder is None:
        message = (
            f"{slot} is being taken by another process at this moment.{also} Try again, or give it time with --wait SECONDS."
        )
        return SlotHeld(message, slot=str(slot), deployment_id="")
    row = next(iter(deployments.get(workspace.store, holder.deployment_id)), None)
    canary = ", or have its canary removed first: --supersede" if row is not None and row.mode == "canary" else ""
    return SlotHeld(
        f"{slot} is held by {holder}.{also} Wait (--wait SECONDS), or look: pop-deploy show {holder.deployment_id}{canary}",
        slot=str(slot),
        deployment_id=holder.deployment_id,
        holder=holder,
    )


def loss(workspace: Workspace, slot: Slot, deployment_id: str, epoch: int) -> SlotLost:
    """Why the process that held *slot* at *epoch* may write no more, and who took over."""
    changes = list(_changes(workspace, slot, epoch))
    shown = changes if len(changes) <= _MOST_CHANGES else [*changes[: _MOST_CHANGES - 1], "...", changes[-1]]
    return SlotLost(
        f"{deployment_id} has lost {slot}: {'; '.join(shown)}. Nothing was written since, and nothing more is started. "
        f"Next: pop-deploy show {deployment_id}",
        slot=str(slot),
        deployment_id=deployment_id,
        holder=holder_of(workspace, slot),
    )


def seconds_between(earlier: str, later: str) -> int:
    """Whole seconds between two times as the store gives them, never negative: a clock may have been set back."""
    return max(0, round((datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()))


def actor_of(recorded: RecordedEvent) -> str:
    """Who wrote an event: ``name@host``."""
    return str(orjson.loads(recorded.metadata).get("actor") or "unknown")


def _changes(workspace: Workspace, slot: Slot, epoch: int) -> Iterator[str]:
    for recorded in workspace.store.read_stream(slot.stream, epoch):
        event, when = CODEC.decode(recorded), f"at {recorded.time[:19]}Z"
        if isinstance(event, SlotTaken):
            yield f"{event.deployment_id} took it {when} ({actor_of(recorded)}, pid {event.pid} on {event.host})"
        elif isinstance(event, SlotReleased):
            yield (
                f"{event.by} released the claim {when} ({event.reason})" if event.by else f"{event.deployment_id} left it {when}"
            )
