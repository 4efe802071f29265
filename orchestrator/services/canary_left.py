"""A canary whose deployment has lost its claim (`slots release`): it still serves, and nobody is at work on it.

Whoever begins next in its slot, or goes back there, would leave it behind for good: nothing could go on with its deployment then.
"""

from __future__ import annotations

from orchestrator.domain.errors import CanaryLeft
from orchestrator.domain.lifecycle import UNDER_WAY, State
from orchestrator.domain.plan import Mode
from orchestrator.projections import deployments, releases
from orchestrator.services.repository import Journal, load
from orchestrator.services.slot import claimant, superseded_by
from orchestrator.services.workspace import Workspace


def canary_left(workspace: Workspace, journal: Journal) -> Journal | None:
    """The other deployment that has its canary up in the slot of *journal*, and no claim on it."""
    mine, slot = journal.deployment.id, journal.deployment.slot
    for row in deployments.unfinished(workspace.store, project=slot.project):
        here = (row.environment, row.target) == (slot.environment, slot.target)
        if not here or row.mode != Mode.CANARY or row.state not in UNDER_WAY or row.id in (mine, claimant(workspace, slot)):
            continue
        found = load(workspace, row.id)
        if found.deployment.canary_up and superseded_by(workspace, found) is None:
            return found
    return None


def require_no_canary_left(workspace: Workspace, journal: Journal) -> None:
    """Refuse to begin, or to go back, where a canary would be left behind.

    Raises:
        CanaryLeft: Names the deployment that has to be finished or given up first.
    """
    _refuse_not_removed(workspace, journal)
    left = canary_left(workspace, journal)
    if left is not None:
        other = left.deployment.id
        raise CanaryLeft(
            f"{journal.deployment.slot}: the canary of {other} is still up, though its claim was released. "
            f"Next: pop-deploy resume {other}, or pop-deploy abort {other} to have it removed"
        )


def _refuse_not_removed(workspace: Workspace, journal: Journal) -> None:
    """The way back from a canary has failed before it was removed: only that way back, gone again, removes it."""
    slot = journal.deployment.slot
    found = next(iter(releases.live_slots(workspace.store, slot)), None)
    if found is None or found.in_doubt in (None, journal.deployment.id):
        return
    other = load(workspace, found.in_doubt).deployment
    if other.state is State.ROLLBACK_FAILED and other.canary_up:
        raise CanaryLeft(
            f"{slot}: the canary of {other.id} is still up: its removal failed. "
            f"Next: pop-deploy rollback {other.id}, which tries again"
        )
