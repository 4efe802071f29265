"""Finding what was interrupted, to go on with it; going on itself is `execute.advance`."""

from __future__ import annotations

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.lifecycle import UNDER_WAY
from orchestrator.projections import deployments
from orchestrator.services.repository import Journal, load
from orchestrator.services.slot import claimant, hold
from orchestrator.services.workspace import Workspace


def interrupted(workspace: Workspace, deployment_id: str | None) -> Journal:
    """The deployment to resume: the one named, else the only one that is under way and not at work.

    Raises:
        UsageProblem: There is none, or there are several; names them.
    """
    if deployment_id is not None:
        return load(workspace, deployment_id)
    found = [row.id for row in deployments.unfinished(workspace.store) if row.state in UNDER_WAY]
    if len(found) == 1:
        return load(workspace, found[0])
    if not found:
        raise UsageProblem("nothing to resume: no deployment is under way")
    raise UsageProblem(f"several deployments are under way: {', '.join(found)}. Next: pop-deploy resume ID")


def free_claim(workspace: Workspace, journal: Journal) -> None:
    """A deployment that ended just before its process died still claims its slot: give it back."""
    deployment = journal.deployment
    if deployment.target is not None and claimant(workspace, deployment.slot) == deployment.id:
        with hold(workspace, journal):
            pass
