"""What somebody changed at a target by hand: found before a live deployment overwrites it, and refused unless accepted."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.domain import events as e
from orchestrator.domain.errors import Drifted
from orchestrator.services.repository import Journal
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import Check, CheckStatus, Target


def require_no_drift(workspace: Workspace, journal: Journal, target: Target, *, accepts: bool, reason: str) -> None:
    """Refuse to overwrite what this deployment has not been allowed to.

    Args:
        accepts: ``--accept-drift``; what there is now is put on record with *reason*.

    Raises:
        Drifted: Says what was changed, and the next command.
        Unreachable: The target cannot be asked.
    """
    known = {line for event in journal.deployment.drift_accepted for line in event.drift}
    new = [line for line in target.drift() if line not in known]
    if not new:
        return
    if accepts:
        journal.record(e.DriftAccepted(drift=new, by=workspace.actor, reason=reason))
        return
    raise Drifted(
        f"{journal.deployment.slot} was changed by hand since it was last deployed: {'; '.join(new)}. "
        "Next: put it back, or overwrite it with --accept-drift and a --reason"
    )


def drift_check(target: Target) -> Iterator[Check]:
    """The same for a dry run: only where there is something to say."""
    changed = list(target.drift())
    if changed:
        yield Check("drift", CheckStatus.WARN, f"changed by hand since it was last deployed: {'; '.join(changed)}")
