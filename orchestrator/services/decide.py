"""Answering an open question: it is recorded; `execute` or `resume` goes on from there."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.lifecycle import State
from orchestrator.domain.questions import AFTER_FAILURE, CONFIRM_DEPLOY, QUESTIONS, STEP_OUTCOME, Option, Question
from orchestrator.services.abort import abort, give_up_rollback
from orchestrator.services.confirm import confirm
from orchestrator.services.repository import Journal
from orchestrator.services.slot import require_idle
from orchestrator.services.workspace import Workspace


def open_question(deployment: Deployment) -> Question | None:
    """The question that stands open, with the options that were shown."""
    asked = deployment.open_decision
    if asked is None:
        return None
    known = QUESTIONS.get(asked.decision_id)
    options = tuple(Option(**option) for option in asked.options)
    return Question(asked.decision_id, asked.question, asked.header, options, known.default if known else None)


def decide(workspace: Workspace, journal: Journal, decision_id: str, answer: str, *, how: str, reason: str = "") -> str:
    """Record *answer* to the open question *decision_id*; what it implies is recorded with it. Returns the stored answer.

    Raises:
        UsageProblem: That question is not open, or the answer is none of its options; nothing was recorded.
        SlotHeld: Somebody is at work on it, and may find the answer; nothing was recorded.
    """
    if journal.deployment.under_way:
        require_idle(workspace, journal)
    question = open_question(journal.deployment)
    if question is None or question.decision_id != decision_id:
        standing = f"open is {question.decision_id}" if question else "no question is open"
        raise UsageProblem(f"{journal.deployment.id}: {decision_id} is not asked here, {standing}")
    chosen = question.check(answer)
    made = e.DecisionMade(decision_id=decision_id, answer=chosen, how=how, by=workspace.actor, reason=reason)
    if (decision_id, chosen) == (CONFIRM_DEPLOY.decision_id, "proceed"):
        confirm(workspace, journal, how=how, reason=reason)
    elif chosen == "abort" and decision_id in _ENDING:
        give_up = give_up_rollback if journal.deployment.state is State.ROLLING_BACK else abort
        give_up(workspace, journal, reason=reason or "answered abort", answer=made)
    else:
        journal.record(made)
    return chosen


_ENDING = frozenset({CONFIRM_DEPLOY.decision_id, STEP_OUTCOME.decision_id, AFTER_FAILURE.decision_id})
"""Questions to which ``abort`` ends the deployment. To `confirm_rollback` it only means that nothing is done."""
