"""Ending a claim that its holder cannot end: `release`, for a person who knows better.

A dead holder's claim ends at once. A living one, stopped or not, is killed first, if it is where it can be seen. The epoch is
bumped in any case: a holder that survives all the same (its lock was lost) can write nothing more. The deployment itself stays as
it is: `resume` or `abort` are for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eventstore import WrongExpectedVersion
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import NotClaimed, SlotHeld, UsageProblem
from orchestrator.domain.plan import Slot
from orchestrator.domain.side_events import SlotReleased
from orchestrator.domain.slot_holder import SlotHolder
from orchestrator.projections import deployments, slots
from orchestrator.services.codec import CODEC
from orchestrator.services.ports import Lock
from orchestrator.services.repository import fold
from orchestrator.services.settling import stop_children
from orchestrator.services.slot import metadata
from orchestrator.services.slot_holder import holder_of, refusal
from orchestrator.services.workspace import Workspace

PASSING_S = 1.0
"""How long a lock may be held by somebody who only looks."""
FREED_S = 10.0
"""How long the lock of a process that has ended may take to be free; a lock in a server's session takes longest."""
_LOOK_S = 0.05

Kill = Callable[[str, str, int, int, str], bool | None]
"""Ends the process (host, boot_id, pid, start_ticks, pid_namespace). True: it does not run any more; False: it still does; None:
it cannot be seen from here."""


@dataclass(frozen=True, kw_only=True)
class Released:
    """What was done.

    Attributes:
        former_holder: As it was just before.
        killed: Its process was at work, and was killed for it.
        left: What may still be at work for its step, in words; "" where nothing is.
    """

    slot: Slot
    deployment_id: str
    state: str
    under_way: bool
    by: str
    reason: str
    former_holder: SlotHolder
    killed: bool
    left: str


def release(workspace: Workspace, deployment_id: str, *, reason: str, kill: Kill) -> Released:
    """End the claim of *deployment_id* on its slot, and its process if that is still there.

    Args:
        deployment_id: The whole ID: what is meant must not depend on what else there is.
        reason: Why; recorded.

    Raises:
        UsageProblem: No such ID, or no reason.
        NotClaimed: It claims nothing.
        SlotHeld: Its process lives where nobody here can end it, or cannot be ended; says what to do there. Nothing was done.
    """
    if not reason.strip():
        raise UsageProblem("--reason is needed: say why the claim may be taken from its holder")
    deployment = _named(workspace, deployment_id)
    slot = deployment.slot
    claim, holder = slots.holder(workspace.store, slot), holder_of(workspace, slot)
    if claim is None or holder is None or claim.deployment_id != deployment_id:
        raise NotClaimed(f"{deployment_id} does not claim {slot}: there is nothing to release. Next: pop-deploy slots")
    lock = _try(workspace, slot, PASSING_S)
    killed = lock is None
    if lock is None:
        lock = _lock_of_the_killed(workspace, slot, claim, holder, kill)
    try:
        # Before the claim ends: whoever takes the slot next must not meet what the old step's commands still do.
        left = _stop_what_it_started(workspace, fold(workspace.store, deployment_id)[0])
        _end_claim(
            workspace,
            slot,
            claim,
            SlotReleased(
                deployment_id=deployment_id,
                outcome=deployment.state,
                by=workspace.actor,
                reason=reason,
                former_holder=holder.process,
                killed=killed,
            ),
        )
    finally:
        lock.release()
    return Released(
        slot=slot,
        deployment_id=deployment_id,
        state=deployment.state,
        under_way=deployment.under_way,
        by=workspace.actor,
        reason=reason,
        former_holder=holder,
        killed=killed,
        left=left,
    )


def _named(workspace: Workspace, deployment_id: str) -> Deployment:
    if not deployments.get(workspace.store, deployment_id):
        raise UsageProblem(f"no deployment has the ID {deployment_id!r}; here it has to be the whole ID. Next: pop-deploy slots")
    deployment, _ = fold(workspace.store, deployment_id)
    if deployment.target is None:
        raise NotClaimed(f"{deployment_id} has no target yet, and no slot")
    return deployment


def _lock_of_the_killed(workspace: Workspace, slot: Slot, claim: slots.Holder, holder: SlotHolder, kill: Kill) -> Lock:
    ended = kill(claim.host, claim.boot_id, claim.pid, claim.start_ticks, claim.pid_namespace)
    if ended is None:
        raise _refused(
            slot,
            holder,
            f"its process cannot be seen from here, and its lock is held: it lives. On {holder.host} (in its container): "
            f"kill -TERM {holder.pid}, or pop-deploy slots release there",
        )
    if not ended:
        raise _refused(slot, holder, f"process {holder.pid} does not end: it belongs to another user, or hangs in the kernel")
    lock = _try(workspace, slot, FREED_S)
    if lock is None:
        raise refusal(workspace, slot, " Its former process has ended, and another one has the lock.")
    return lock


def _refused(slot: Slot, holder: SlotHolder, why: str) -> SlotHeld:
    message = f"{slot} is held by {holder}: {why}. Nothing was done"
    return SlotHeld(message, slot=str(slot), deployment_id=holder.deployment_id, holder=holder)


def _try(workspace: Workspace, slot: Slot, wait_s: float) -> Lock | None:
    clock = workspace.clock
    deadline = clock.monotonic() + wait_s
    while (lock := workspace.locks.try_acquire(slot)) is None and clock.monotonic() < deadline:
        clock.sleep(_LOOK_S)
    return lock


def _stop_what_it_started(workspace: Workspace, deployment: Deployment) -> str:
    settled = stop_children(workspace, deployment)
    step = deployment.running_step
    if settled is None or step is None or not settled.unknown:
        return ""
    return f"what the step {step.step.name} had started may still be at work: {settled.unknown}"


def _end_claim(workspace: Workspace, slot: Slot, claim: slots.Holder, released: SlotReleased) -> None:
    event = CODEC.encode(released, metadata(workspace, released.deployment_id))
    try:
        workspace.store.append(slot.stream, [event], expected_version=claim.epoch)
    except WrongExpectedVersion as error:
        raise refusal(workspace, slot, " It has changed hands meanwhile: nothing was released.") from error
