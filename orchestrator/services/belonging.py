"""Deployments that belong together: those of the answer ``all``, or of one command with several targets. `rest` is what of them
is still to be done, which the events say: whoever resumes one of them goes on with the others.

The first names no other; every other one names the first as its cause. A retry names one of its own target: it belongs to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.config import enabled_targets
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.lifecycle import BEFORE_EXECUTION, State
from orchestrator.projections import deployments
from orchestrator.services.repository import Journal, fold, load
from orchestrator.services.request import siblings
from orchestrator.services.workspace import Workspace

_LOOKED_AT = 50


@dataclass(frozen=True)
class Rest:
    """What is still to be done.

    Attributes:
        first: The deployment that they all belong to.
        begun: Requested, and not begun to run.
        missing: Targets for which none was requested yet.
        overtaken: Targets at which another deployment has begun to run since, with its ID: they are left alone.
    """

    first: Deployment
    begun: list[Journal] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    overtaken: list[tuple[str, str]] = field(default_factory=list)


def rest(workspace: Workspace, journal: Journal) -> Rest:
    """What belongs to this deployment and is neither done nor given up, in the order of the targets."""
    first = first_of(workspace, journal.deployment)
    found, every = Rest(first), set(siblings(workspace, first))
    if first.target is None:
        return found
    begun_at = deployments.get(workspace.store, first.id)[0].position
    environment = first.requested.environment
    for name in enabled_targets(workspace.config, environment):
        if name in (first.target, journal.deployment.target):
            continue
        rows = deployments.newest(
            workspace.store,
            limit=_LOOKED_AT,
            project=workspace.config.project_name,
            target=name,
            environment=environment,
            include_dry_runs=True,
        )
        mine = next((row for row in rows if row.caused_by == first.id), None)
        if (mine is not None and State(mine.state) not in BEFORE_EXECUTION) or (mine is None and name not in every):
            continue
        since = next((row.id for row in rows if row.started_at is not None and row.position > begun_at), None)
        if since is not None:
            found.overtaken.append((name, since))
        elif mine is not None:
            found.begun.append(load(workspace, mine.id))
        else:
            found.missing.append(name)
    return found


def first_of(workspace: Workspace, deployment: Deployment) -> Deployment:
    """The one that the others name; *deployment* itself where there is none, or where it is that one's retry."""
    cause = deployment.requested.caused_by
    try:
        first = fold(workspace.store, cause)[0] if cause is not None else deployment
    except UsageProblem:  # archived
        return deployment
    return deployment if first.target == deployment.target else first
