"""One live deployment per slot: a lock that dies with the process, and an epoch that fences out whoever was replaced.

The lock says that the holder lives; the last event of the slot's stream says who it is, and its version is the epoch. Order:
lock, then epoch event; at the end release event, then unlock. A process that dies frees the lock and leaves the claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from eventstore import Guard, RecordedEvent, WrongExpectedVersion
from orchestrator.domain.errors import SlotClaimedByDead, SlotHeld
from orchestrator.domain.events import SlotReleased, SlotTaken
from orchestrator.domain.lifecycle import Trigger, allowed
from orchestrator.domain.plan import Slot
from orchestrator.services.codec import CODEC
from orchestrator.services.repository import Journal, fold
from orchestrator.services.workspace import Workspace


@contextmanager
def hold(workspace: Workspace, journal: Journal) -> Iterator[None]:
    """Hold the deployment's slot; every append of *journal* inside is fenced by its epoch.

    At the end the claim follows the state: a deployment that is still under way keeps it, however this process leaves.

    Raises:
        SlotHeld: A living process is at work there.
        SlotClaimedByDead: Another deployment was interrupted there and must be resumed or aborted first.
    """
    slot = journal.deployment.slot
    lock = workspace.locks.try_acquire(slot)
    if lock is None:
        raise _held(workspace, slot)
    try:
        journal.guard = _claim(workspace, journal, slot)
        try:
            yield
        finally:
            guard, journal.guard = journal.guard, None
            if not journal.deployment.under_way:
                _release(workspace, journal, guard)
                workspace.children.forget(journal.deployment.id)
    finally:
        lock.release()


def require_free(workspace: Workspace, journal: Journal) -> None:
    """Refuse before anybody is asked or anything is planned, where `hold` would refuse in the end.

    Raises:
        SlotHeld, SlotClaimedByDead: As `hold` does.
    """
    slot = journal.deployment.slot
    if claimant(workspace, slot) in (None, journal.deployment.id):
        return  # the lock is left alone: to try it would disturb whoever is about to take it
    lock = workspace.locks.try_acquire(slot)
    if lock is None:
        raise _held(workspace, slot)
    try:
        _refuse_claimed(workspace, slot, journal.deployment.id)
    finally:
        lock.release()


def at_work(workspace: Workspace, slot: Slot) -> bool:
    """Whether a living process holds *slot*."""
    lock = workspace.locks.try_acquire(slot)
    if lock is not None:
        lock.release()
    return lock is None


def claimant(workspace: Workspace, slot: Slot) -> str | None:
    """ID of the deployment that claims *slot* now, or None."""
    last = _last(workspace, slot)
    return last.deployment_id if isinstance(last, SlotTaken) else None


def _claim(workspace: Workspace, journal: Journal, slot: Slot) -> Guard:
    here, mine = workspace.here, journal.deployment.id
    version = workspace.store.version(slot.stream)
    holder = _refuse_claimed(workspace, slot, mine)
    taken = SlotTaken(
        deployment_id=mine,
        host=here.host,
        pid=here.pid,
        start_ticks=here.start_ticks,
        boot_id=here.boot_id,
        taken_over_from=_previous(workspace, slot) if holder else None,
    )
    try:
        epoch = workspace.store.append(slot.stream, [CODEC.encode(taken, _metadata(workspace, mine))], expected_version=version)
    except WrongExpectedVersion as error:
        raise SlotHeld(f"{slot}: another deployment took it at the same moment", slot=str(slot), deployment_id="") from error
    return Guard(slot.stream, epoch)


def _refuse_claimed(workspace: Workspace, slot: Slot, mine: str) -> str | None:
    """With the lock held: who claims the slot, if that is nobody else's unfinished deployment."""
    holder = claimant(workspace, slot)
    if holder is None or holder == mine:
        return holder
    deployment, _ = fold(workspace.store, holder)
    if not deployment.under_way:
        return holder  # it died after its end, before it could give the slot back
    give_up = f", or pop-deploy abort {holder}" if Trigger.ABORT in allowed(deployment.state) else ""
    raise SlotClaimedByDead(
        f"{slot} is claimed by {holder}, which was interrupted. Next: pop-deploy resume {holder}{give_up}",
        slot=str(slot),
        deployment_id=holder,
    )


def _release(workspace: Workspace, journal: Journal, guard: Guard) -> None:
    deployment = journal.deployment
    released = SlotReleased(deployment_id=deployment.id, outcome=deployment.state)
    event = CODEC.encode(released, _metadata(workspace, deployment.id))
    workspace.store.append(guard.stream, [event], expected_version=guard.version)


def _held(workspace: Workspace, slot: Slot) -> SlotHeld:
    """Who is at work there, at which step and for how long."""
    last = _last(workspace, slot)
    if not isinstance(last, SlotTaken):
        return SlotHeld(f"{slot} is being taken by another process at this moment. Try again.", slot=str(slot), deployment_id="")
    deployment, _ = fold(workspace.store, last.deployment_id)
    step = deployment.running_step
    doing = f'running "{step.step.title}" for {_seconds_since(workspace, step.started_at)}s' if step else str(deployment.state)
    return SlotHeld(
        f"{slot} is held by {last.deployment_id} ({deployment.actor}, pid {last.pid} on {last.host}, {doing}). "
        f"Wait, or look: pop-deploy show {last.deployment_id}",
        slot=str(slot),
        deployment_id=last.deployment_id,
    )


def _seconds_since(workspace: Workspace, time: str | None) -> int:
    started = datetime.fromisoformat(time or workspace.clock.now())
    return max(0, round((datetime.fromisoformat(workspace.clock.now()) - started).total_seconds()))


def _last(workspace: Workspace, slot: Slot) -> SlotTaken | SlotReleased | None:
    recorded = _last_recorded(workspace, slot)
    return CODEC.decode(recorded) if recorded is not None else None


def _last_recorded(workspace: Workspace, slot: Slot) -> RecordedEvent | None:
    version = workspace.store.version(slot.stream)
    return next(iter(workspace.store.read_stream(slot.stream, version - 1)), None) if version >= 0 else None


def _previous(workspace: Workspace, slot: Slot) -> str:
    last = _last(workspace, slot)
    assert isinstance(last, SlotTaken)  # noqa: S101 - asked only when the slot is claimed
    return f"{last.deployment_id}: pid {last.pid} on {last.host}"


def _metadata(workspace: Workspace, deployment_id: str) -> dict[str, object]:
    here = workspace.here
    return {
        "actor": workspace.actor,
        "host": here.host,
        "pid": here.pid,
        "tool_version": workspace.tool_version,
        "correlation_id": deployment_id,
        "causation_id": None,
    }
