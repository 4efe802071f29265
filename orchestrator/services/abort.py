"""Giving a deployment up. What it has already changed stays as it is, and the report says so; a canary is removed."""

from __future__ import annotations

from contextlib import nullcontext

from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.lifecycle import State, Trigger, allowed
from orchestrator.services.repository import Journal
from orchestrator.services.settling import stop_leftovers
from orchestrator.services.slot import claimant, hold, superseded_by
from orchestrator.services.workspace import Workspace


def abort(workspace: Workspace, journal: Journal, *, reason: str, answer: e.DecisionMade | None = None) -> None:
    """Record the end. An interrupted deployment is fenced first, and what its children still do is stopped.

    Args:
        answer: The answer that says so, recorded with it.

    Raises:
        IllegalTransition: It has ended already, or all its steps are done or a rollback is under way (`resume` finishes that),
            unless another deployment has begun in its slot since its claim was released: then nothing can finish it.
        SlotHeld: It is running: stop that process instead.
    """
    deployment, by = journal.deployment, answer.by if answer is not None else workspace.actor
    newer = superseded_by(workspace, journal)
    if newer is not None and Trigger.ABORT not in allowed(deployment.state):
        _end(workspace, journal, answer, _left_behind(by, deployment, newer, reason))
        return
    deployment.require(Trigger.ABORT)
    ended = deployment.abort(by=by, reason=reason)
    # Where another deployment has begun since, or this one has failed before, going back would undo what was done there later.
    leaves = deployment.under_way and newer is None and deployment.canary_up
    back = _canary_removed(workspace, journal) if leaves else None
    _end(workspace, journal, answer, ended, *([back] if back is not None else []))


def give_up_rollback(workspace: Workspace, journal: Journal, *, reason: str, answer: e.DecisionMade) -> None:
    """The same for a way back of which a person says that it cannot be finished."""
    journal.deployment.require(Trigger.FAIL_ROLLBACK)
    running = journal.deployment.running_step
    message = f"given up by {answer.by}: nobody knows whether this step was done" + (f" ({reason})" if reason else "")
    _end(workspace, journal, answer, e.RollbackFailed(step=running.step.name if running else "", message=message))


def _left_behind(by: str, deployment: Deployment, newer: str, reason: str) -> e.Event:
    """The end of a release that was never verified, or of a way back, in whose place another deployment has begun."""
    message = f"given up by {by}: {newer} has begun there since" + (f" ({reason})" if reason else "")
    if deployment.state is State.ROLLING_BACK:
        return e.RollbackFailed(step="", message=message)
    return deployment.fail("", message)


def _canary_removed(workspace: Workspace, journal: Journal) -> e.RollbackStarted | None:
    """The way back that whoever has the slot next, or has it now, has to go."""
    from orchestrator.services.rollback import leave_canary  # only a canary needs it

    return leave_canary(workspace, journal, reason="aborted")


def _end(workspace: Workspace, journal: Journal, answer: e.DecisionMade | None, *end: e.Event) -> None:
    events = [*([answer] if answer is not None else []), *end]
    deployment = journal.deployment
    if not deployment.under_way and (deployment.target is None or claimant(workspace, deployment.slot) != deployment.id):
        journal.record(*events)
        return
    # Who has the slot already, gives it back in the end: the canary is still to be removed.
    with nullcontext() if journal.lock is not None else hold(workspace, journal, superseded=True):
        left = stop_leftovers(workspace, journal)
        if left is not None:
            left.commit(journal, workspace, *events)
        else:
            journal.record(*events)
