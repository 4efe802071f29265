"""Confirming: a live plan is bound to who agreed to it, how and why. Where others have to approve, each of them is on record."""

from __future__ import annotations

from orchestrator.config import rules
from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import NotConfirmed
from orchestrator.domain.policy import askers, check_approval, people
from orchestrator.domain.questions import CONFIRM_DEPLOY
from orchestrator.services.repository import Journal
from orchestrator.services.workspace import Workspace


def confirm(
    workspace: Workspace,
    journal: Journal,
    *,
    how: str,
    reason: str = "",
    digest: str | None = None,
    answer: e.DecisionMade | None = None,
) -> bool:
    """Record the answer `proceed` and the confirmation of the prepared plan in one commit.

    Args:
        how: ``prompt``, ``yes``, ``answers``, ``decide``, ``mcp``, ``confirm`` or ``script``.
        digest: The plan that is meant; the prepared one if None.
        answer: The answer where somebody else gave it; then *how* and *reason* are its own.

    Returns:
        False where the environment wants more people to approve: this one is on record.

    Raises:
        PlanStale: Another plan was prepared.
        IllegalTransition: The deployment is past it, or a dry run.
        NotConfirmed: The environment wants a second person.
    """
    deployment = journal.deployment
    if deployment.prepared is not None and digest is not None:
        deployment.check_digest(digest)
    made = answer or e.DecisionMade(
        decision_id=CONFIRM_DEPLOY.decision_id, answer="proceed", how=how, by=workspace.actor, reason=reason
    )
    planned = deployment.prepared.plan_digest if deployment.prepared else ""
    confirmed = deployment.confirm(planned, how=made.how, by=made.by, reason=made.reason)
    here = rules(workspace.config, deployment.requested.environment)
    check_approval(deployment, here, made.by)
    approved = [_approval(planned, made)] if here.approvals else []
    if here.approvals > len(deployment.approvals) + len(approved):
        journal.record(*approved)
        return False
    journal.record(*approved, made, confirmed)
    return True


def confirmation_detail(workspace: Workspace, deployment: Deployment) -> dict[str, object]:
    """What `confirm_deploy` is about: the plan and, where others have to approve, how many and who does not count."""
    wanted = rules(workspace.config, deployment.requested.environment).approvals
    about: dict[str, object] = {"plan_digest": deployment.prepared.plan_digest if deployment.prepared else ""}
    if wanted:
        about |= {"approvals": wanted, "needs": f"{people(wanted)}, not {' or '.join(askers(deployment))}"}
    return about


def may_confirm(workspace: Workspace, deployment: Deployment) -> bool:
    """Whether the approval of whoever runs this process would count."""
    here = rules(workspace.config, deployment.requested.environment)
    try:
        check_approval(deployment, here, workspace.actor)
    except NotConfirmed:
        return False
    return True


def _approval(planned: str, made: e.DecisionMade) -> e.DeploymentApproved:
    return e.DeploymentApproved(
        plan_digest=planned, how=made.how, by=made.by, reason=made.reason, given=made.given, given_at=made.given_at
    )
