"""Going on in spite of a period without deployments: recorded with who, why and which one. The rule is in `domain.policy`."""

from __future__ import annotations

from orchestrator.config import rules
from orchestrator.domain import events as e
from orchestrator.domain.policy import frozen_by
from orchestrator.services.repository import Journal
from orchestrator.services.workspace import Workspace


def override_freeze(workspace: Workspace, journal: Journal, *, reason: str) -> None:
    """Record that the periods that hold now do not count for this deployment; nothing where none does."""
    deployment = journal.deployment
    here = rules(workspace.config, deployment.requested.environment)
    overridden = [
        e.FreezeOverridden(start=freeze.start, end=freeze.end, freeze_reason=freeze.reason, by=workspace.actor, reason=reason)
        for freeze in frozen_by(deployment, here, workspace.clock.now())
    ]
    if overridden:
        journal.record(*overridden)
