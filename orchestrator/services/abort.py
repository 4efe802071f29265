"""Giving a deployment up. What it has already changed stays as it is, and the report says so."""

from __future__ import annotations

from orchestrator.domain.lifecycle import Trigger
from orchestrator.services.repository import Journal
from orchestrator.services.slot import hold
from orchestrator.services.step_runner import make_sure_idle
from orchestrator.services.workspace import Workspace


def abort(workspace: Workspace, journal: Journal, *, reason: str) -> None:
    """Record the end. An interrupted deployment is fenced first, and what its children still do is waited for or stopped.

    Raises:
        IllegalTransition: It has ended already, or a rollback is under way (`resume` finishes that).
        SlotHeld: It is running: stop that process instead.
    """
    deployment = journal.deployment
    deployment.require(Trigger.ABORT)
    if not deployment.under_way:
        journal.record(deployment.abort(by=workspace.actor, reason=reason))
        return
    with hold(workspace, journal):
        make_sure_idle(workspace, journal)
        journal.record(deployment.abort(by=workspace.actor, reason=reason))
