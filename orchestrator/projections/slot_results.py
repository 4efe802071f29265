"""What `pop-deploy slots` shows: every slot that was ever taken with who has it (`slot_list`), and what a release came to."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.projections import deployments, slots

if TYPE_CHECKING:
    from eventstore.store import EventReader

LIVING, STOPPED, DEAD, UNKNOWN = "living", "stopped", "dead", "unknown"

Liveness = Callable[[slots.Holder], str]


@dataclass(frozen=True, kw_only=True)
class SlotResult:
    """One slot.

    Attributes:
        slot: As messages name it.
        epoch: Version of the slot's stream.
        deployment_id: That claims it; None while it is free, and so is all that follows.
        holder: Its process: living, stopped (SIGSTOP), dead, or unknown where it cannot be seen from here.
        actor: Who took it: ``name@host``.
        state: Of the deployment.
        step: Title of the step that runs, or ran when its process died.
        step_since: When that step started; ISO 8601 with offset.
        since: When the slot was taken.
    """

    slot: str
    project: str
    environment: str
    target: str
    epoch: int
    deployment_id: str | None = None
    holder: str | None = None
    actor: str | None = None
    host: str | None = None
    pid: int | None = None
    state: str | None = None
    step: str | None = None
    step_since: str | None = None
    since: str | None = None


@dataclass(frozen=True, kw_only=True)
class SlotList:
    """Slots that were ever taken, in the order of their names."""

    slots: tuple[SlotResult, ...]


@dataclass(frozen=True, kw_only=True)
class ReleaseResult:
    """What `slots release` has done.

    Attributes:
        former_holder: ``ann@ci-7 (pid 4711 on ci-7)``.
        killed: Its process was still there, and was killed.
        warning: What may still be at work on another machine; None where nothing is.
        next: What can be done with the deployment.
    """

    slot: str
    deployment_id: str
    state: str
    former_holder: str
    killed: bool
    by: str
    reason: str
    warning: str | None
    next: tuple[str, ...]


def slot_list(reader: EventReader | None, liveness: Liveness, project: str | None = None) -> SlotList:
    """The slots of *project*, or of all that share the store.

    Args:
        reader: None while nothing was ever recorded.
        liveness: Whether the holder's process lives.
    """
    if reader is None:
        return SlotList(slots=())
    holders = [each for each in slots.holders(reader) if project in (None, each.project)]
    return SlotList(slots=tuple(_slot(reader, each, liveness) for each in holders))


def next_after_release(deployment_id: str, options: Sequence[str]) -> tuple[str, ...]:
    return tuple(shlex.join(["pop-deploy", verb, deployment_id, *options]) for verb in ("resume", "abort"))


def _slot(reader: EventReader, holder: slots.Holder, liveness: Liveness) -> SlotResult:
    place: dict[str, Any] = {
        "slot": f"{holder.environment}/{holder.target}",
        **{name: getattr(holder, name) for name in ("project", "environment", "target", "epoch")},
    }
    if holder.deployment_id is None:
        return SlotResult(**place)
    row = next(iter(deployments.get(reader, holder.deployment_id)), None)
    return SlotResult(
        **place,
        deployment_id=holder.deployment_id,
        holder=liveness(holder),
        actor=holder.actor or None,
        host=holder.host,
        pid=holder.pid,
        state=row.state if row is not None else None,
        step=row.step_title if row is not None else None,
        step_since=row.step_started_at if row is not None else None,
        since=holder.taken_at,
    )
