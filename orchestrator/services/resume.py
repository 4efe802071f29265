"""Finding what was interrupted, to go on with it; going on itself is `execute.advance`."""

from __future__ import annotations

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.lifecycle import BEFORE_EXECUTION, UNDER_WAY
from orchestrator.projections import deployments
from orchestrator.services.repository import Journal, load
from orchestrator.services.slot import at_work, claimant, hold
from orchestrator.services.workspace import Workspace


def interrupted(workspace: Workspace, deployment_id: str | None) -> Journal:
    """The deployment to resume: the one named, else the only one that is under way and not at work.

    Raises:
        UsageProblem: There is none, or there are several; names them.
    """
    if deployment_id is not None:
        return load(workspace, deployment_id)
    begun = [
        load(workspace, row.id)
        for row in deployments.unfinished(workspace.store, project=workspace.config.project_name)
        if row.state in UNDER_WAY
    ]
    found = [journal for journal in begun if not at_work(workspace, journal.deployment.slot)]
    if not begun:
        found = _left_between(workspace)
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageProblem(
            f"several were interrupted: {', '.join(one.deployment.id for one in found)}. Next: pop-deploy resume ID"
        )
    if begun:
        raise UsageProblem(f"nothing to resume: {', '.join(one.deployment.id for one in begun)} is being worked on")
    raise UsageProblem("nothing to resume: no deployment is under way")


def _left_between(workspace: Workspace) -> list[Journal]:
    """Of several that belong together the one that comes next, where the process died between two of them. What waits and claims
    no slot was not interrupted."""
    found: dict[str, Journal] = {}
    for row in reversed(deployments.unfinished(workspace.store, project=workspace.config.project_name)):
        if row.caused_by is None or row.target is None or row.state not in BEFORE_EXECUTION or row.caused_by in found:
            continue
        journal = load(workspace, row.id)
        slot = journal.deployment.slot
        if claimant(workspace, slot) == row.id and not at_work(workspace, slot):
            found[row.caused_by] = journal
    return list(found.values())


def free_claim(workspace: Workspace, journal: Journal) -> None:
    """A deployment whose process died after its end, or before it began (`--all`), still claims its slot: give it back."""
    deployment = journal.deployment
    if deployment.target is None or deployment.under_way:
        return
    if claimant(workspace, deployment.slot) == deployment.id:
        with hold(workspace, journal):
            pass
