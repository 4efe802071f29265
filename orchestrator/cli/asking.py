"""Having the open question answered: ahead by a file (`answers.py`), by the person at the terminal (`prompts.py`), or by somebody
elsewhere while that one still thinks. Start at `answer`.
"""

from __future__ import annotations

import click

from eventstore.errors import GuardFailed, WrongExpectedVersion
from orchestrator.cli import prompts
from orchestrator.cli.answers import Ahead
from orchestrator.cli.ui import Ui
from orchestrator.domain import events as e
from orchestrator.domain.errors import DecisionOpen, NotConfirmed, UsageProblem
from orchestrator.domain.lifecycle import State
from orchestrator.domain.questions import Question
from orchestrator.rendering.text import one_line
from orchestrator.services.decide import decide, open_question, take_over
from orchestrator.services.decisions import something_given
from orchestrator.services.repository import Journal
from orchestrator.services.workspace import Workspace


def answer(workspace: Workspace, journal: Journal, ui: Ui, reason: str = "") -> str:
    """The answer to the open question, on record. Whoever gives it first counts.

    Raises:
        DecisionOpen: Nobody answers here: the question stands open.
    """
    question = open_question(journal.deployment)
    assert question is not None  # noqa: S101 - asked for because it is open
    ahead = ui.ahead.take(journal.deployment.id, question.decision_id)
    if ahead is not None:
        return _ahead(workspace, journal, question, ahead, reason)
    if not ui.interactive:
        raise DecisionOpen(journal.deployment.id, question.decision_id, question.question)
    ui.progress.close()
    if journal.deployment.state is State.PREPARED:
        ui.show_plan(journal.deployment)
    while True:
        said = _asked(workspace, journal, ui, question, reason)
        if said is not None:
            return said
        question = open_question(journal.deployment) or question


def _ahead(workspace: Workspace, journal: Journal, question: Question, ahead: Ahead, reason: str) -> str:
    """What the file says. Where it cannot be taken, the deployment stays where it is."""
    try:
        return decide(workspace, journal, question.decision_id, ahead.answer, how="answers", reason=ahead.reason or reason)
    except (UsageProblem, NotConfirmed) as refused:
        raise DecisionOpen(
            journal.deployment.id, question.decision_id, f"{question.question} The answer ahead was not taken: {refused}"
        ) from refused


def _asked(workspace: Workspace, journal: Journal, ui: Ui, question: Question, reason: str) -> str | None:
    """The answer, typed or given elsewhere; None where it was not taken, and the question stands."""
    try:
        typed = prompts.ask(question, workspace.stop, lambda: _changed(workspace, journal))
    except click.Abort:
        raise DecisionOpen(journal.deployment.id, question.decision_id, question.question) from None
    ui.progress.begun = False
    # While somebody thought, the world went on: the plan is made again before it runs.
    journal.planned_at = None
    if typed is None:
        return _elsewhere(workspace, journal, ui, question)
    try:
        return decide(workspace, journal, question.decision_id, typed, how="prompt", reason=reason)
    except NotConfirmed as refused:
        ui.say(f"{refused} This prompt waits for it.")
        return None
    except (WrongExpectedVersion, GuardFailed, UsageProblem):
        said = _elsewhere(workspace, journal, ui, question)
        if said is None:
            raise
        _came_too_late(workspace, journal, question, typed, reason)
        return said


def _changed(workspace: Workspace, journal: Journal) -> bool:
    return journal.behind() or something_given(workspace, journal.deployment)


def _elsewhere(workspace: Workspace, journal: Journal, ui: Ui, question: Question) -> str | None:
    """What was answered somewhere else; None where the question still stands."""
    approved = len(journal.deployment.approvals)
    journal.catch_up()
    take_over(workspace, journal)
    deployment = journal.deployment
    for each in deployment.approvals[approved:]:
        ui.say(f"{one_line(each.by)} has approved ({each.how}){': ' + one_line(each.reason) if each.reason else ''}.")
    standing = deployment.open_decision
    if standing is not None and standing.decision_id == question.decision_id:
        return None
    made = deployment.answers.get(question.decision_id)
    if made is None:
        by = deployment.aborted.by if deployment.aborted is not None else "somebody else"
        ui.say(f"{deployment.id} is {deployment.state}, by {one_line(by)}.")
        return "abort"
    why = f": {one_line(made.reason)}" if made.reason else ""
    ui.say(f"{made.decision_id}={made.answer}, answered by {one_line(made.by)} ({made.how}){why}.")
    return made.answer


def _came_too_late(workspace: Workspace, journal: Journal, question: Question, typed: str, reason: str) -> None:
    made = journal.deployment.answers.get(question.decision_id)
    message = f"answered before: {made.answer}, by {made.by} ({made.how})" if made else f"it is {journal.deployment.state}"
    journal.record(
        e.DecisionNotTaken(
            decision_id=question.decision_id, answer=typed, how="prompt", by=workspace.actor, message=message, reason=reason
        )
    )
