"""Giving a deployment up. What it has already changed stays as it is, and the report says so."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.lifecycle import Trigger
from orchestrator.services.repository import Journal
from orchestrator.services.settling import stop_leftovers
from orchestrator.services.slot import hold
from orchestrator.services.workspace import Workspace


def abort(workspace: Workspace, journal: Journal, *, reason: str, answer: e.DecisionMade | None = None) -> None:
    """Record the end. An interrupted deployment is fenced first, and what its children still do is stopped.

    Args:
        answer: The answer that says so, recorded with it.

    Raises:
        IllegalTransition: It has ended already, or a rollback is under way (`resume` finishes that).
        SlotHeld: It is running: stop that process instead.
    """
    deployment = journal.deployment
    deployment.require(Trigger.ABORT)
    _end(workspace, journal, answer, deployment.abort(by=workspace.actor, reason=reason))


def give_up_rollback(workspace: Workspace, journal: Journal, *, reason: str, answer: e.DecisionMade) -> None:
    """The same for a way back of which a person says that it cannot be finished."""
    journal.deployment.require(Trigger.FAIL_ROLLBACK)
    running = journal.deployment.running_step
    message = f"given up by {workspace.actor}: nobody knows whether this step was done" + (f" ({reason})" if reason else "")
    _end(workspace, journal, answer, e.RollbackFailed(step=running.step.name if running else "", message=message))


def _end(workspace: Workspace, journal: Journal, answer: e.DecisionMade | None, end: e.Event) -> None:
    events = [*([answer] if answer is not None else []), end]
    if not journal.deployment.under_way:
        journal.record(*events)
        return
    with hold(workspace, journal):
        left = stop_leftovers(workspace, journal)
        if left is not None:
            left.commit(journal, workspace, *events)
        else:
            journal.record(*events)
