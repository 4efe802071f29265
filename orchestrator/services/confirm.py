"""Confirming: a live plan is bound to who agreed to it, how and why."""

from __future__ import annotations

from orchestrator.config import rules
from orchestrator.domain import events as e
from orchestrator.domain.policy import check_approval
from orchestrator.domain.questions import CONFIRM_DEPLOY
from orchestrator.services.repository import Journal
from orchestrator.services.workspace import Workspace


def confirm(workspace: Workspace, journal: Journal, *, how: str, reason: str = "", digest: str | None = None) -> None:
    """Record the answer `proceed` and the confirmation of the prepared plan in one commit.

    Args:
        how: ``prompt``, ``yes``, ``decide``, ``confirm`` or ``script``.
        digest: The plan that is meant; the prepared one if None.

    Raises:
        PlanStale: Another plan was prepared.
        IllegalTransition: The deployment is past it, or a dry run.
        NotConfirmed: The environment wants a second person.
    """
    deployment = journal.deployment
    if deployment.prepared is not None and digest is not None:
        deployment.check_digest(digest)
    planned = deployment.prepared.plan_digest if deployment.prepared else ""
    check_approval(deployment, rules(workspace.config, deployment.requested.environment), workspace.actor)
    confirmed = deployment.confirm(planned, how=how, by=workspace.actor, reason=reason)
    made = e.DecisionMade(decision_id=CONFIRM_DEPLOY.decision_id, answer="proceed", how=how, by=workspace.actor, reason=reason)
    journal.record(made, confirmed)
