"""Answering an open question: it is recorded; `execute` or `resume` goes on from there."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.questions import CONFIRM_DEPLOY, QUESTIONS, Option, Question
from orchestrator.services.abort import abort
from orchestrator.services.confirm import confirm
from orchestrator.services.repository import Journal
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
    """
    question = open_question(journal.deployment)
    if question is None or question.decision_id != decision_id:
        standing = f"open is {question.decision_id}" if question else "no question is open"
        raise UsageProblem(f"{journal.deployment.id}: {decision_id} is not asked here, {standing}")
    chosen = question.check(answer)
    if decision_id == CONFIRM_DEPLOY.decision_id and chosen == "proceed":
        confirm(workspace, journal, how=how, reason=reason)
        return chosen
    journal.record(e.DecisionMade(decision_id=decision_id, answer=chosen, how=how, by=workspace.actor, reason=reason))
    if decision_id == CONFIRM_DEPLOY.decision_id and chosen == "abort":
        abort(workspace, journal, reason=reason or "answered abort")
    return chosen
