"""Making room for a new deployment where a canary is up: the canary is given up and removed first, and both say so."""

from __future__ import annotations

from orchestrator.domain.canary_events import CanarySuperseded
from orchestrator.domain.errors import Refused
from orchestrator.domain.lifecycle import State
from orchestrator.services.abort import abort
from orchestrator.services.canary_left import canary_left
from orchestrator.services.decide import ask_to_abort
from orchestrator.services.decisions import held_elsewhere
from orchestrator.services.execute import Consent, advance
from orchestrator.services.repository import Journal, load
from orchestrator.services.slot import claimant
from orchestrator.services.slot_holder import refusal
from orchestrator.services.workspace import Workspace

REMOVED_S = 300.0
"""So long the process at work may take to remove its canary."""
_LOOK_S = 0.2


def supersede(workspace: Workspace, journal: Journal, *, reason: str) -> None:
    """Have the canary removed that another deployment has up in the slot of *journal*. Nothing is done where there is none.

    Raises:
        SlotHeld: It was not removed in time.
        SlotClaimedByDead, OutcomeUnknown: It could not be removed; `resume` of that deployment goes on.
        Refused: Its way back has failed.
    """
    deployment = journal.deployment
    other = claimant(workspace, deployment.slot)
    theirs = load(workspace, other) if other is not None else canary_left(workspace, journal)
    if theirs is None or theirs.deployment.id == deployment.id or not theirs.deployment.canary_up:
        return  # whatever else is at work there is not for us to end
    other = theirs.deployment.id
    why = f"superseded by {deployment.id}" + (f": {reason}" if reason else "")
    workspace.narrator.line(f"{deployment.slot}: the canary of {other} is removed first")
    if theirs.deployment.state is State.ROLLING_BACK and claimant(workspace, deployment.slot) is None:
        advance(workspace, theirs, Consent())  # its claim was released on its way back
    elif theirs.deployment.state is State.ROLLING_BACK:
        _await_removed(workspace, theirs)
    elif ask_to_abort(workspace, theirs, reason=why) is None:
        abort(workspace, theirs, reason=why)
        advance(workspace, theirs, Consent())
    else:
        _await_removed(workspace, theirs)
    theirs.catch_up()
    if theirs.deployment.state is not State.ROLLED_BACK:
        _refuse_left_behind(theirs)
        return  # it was promoted before it could be asked
    journal.record(CanarySuperseded(deployment_id=other, by=workspace.actor, reason=reason))


def _refuse_left_behind(theirs: Journal) -> None:
    deployment = theirs.deployment
    if deployment.canary_up or deployment.state is State.ROLLBACK_FAILED:
        what = "the canary could not be removed" if deployment.canary_up else "the way back from its canary has failed"
        raise Refused(f"{deployment.slot}: {deployment.id}: {what}. Next: pop-deploy rollback {deployment.id}")


def _await_removed(workspace: Workspace, theirs: Journal) -> None:
    """Until the process at work has removed it, or has died: then that is done here."""
    clock, slot = workspace.clock, theirs.deployment.slot
    until = clock.monotonic() + REMOVED_S
    while claimant(workspace, slot) == theirs.deployment.id:
        workspace.stop.check()
        if clock.monotonic() >= until:
            raise refusal(workspace, slot, f" It was asked to remove its canary, and has not for {REMOVED_S:g} s.")
        if not held_elsewhere(workspace, theirs):
            theirs.catch_up()
            advance(workspace, theirs, Consent())
            return
        clock.sleep(_LOOK_S)
