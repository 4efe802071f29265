"""Answering an open question: it is recorded; `execute` or `resume` goes on from there.

`answer` is what a command does: where another living process is at work on the deployment, it leaves the answer to that one
(`decisions.py`), which calls `take_over` at every wait and between steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from eventstore import Guard
from orchestrator.config import rules
from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import Refused, UsageProblem
from orchestrator.domain.incidents import is_incident
from orchestrator.domain.lifecycle import State, Trigger, allowed
from orchestrator.domain.policy import check_approval
from orchestrator.domain.questions import (
    ABORT,
    AFTER_FAILURE,
    CANARY_PAUSE,
    CONFIRM_DEPLOY,
    INCIDENT_REPORT,
    PROMOTE,
    QUESTIONS,
    ROLLBACK_STRATEGY,
    STEP_OUTCOME,
    Option,
    Question,
)
from orchestrator.services import decisions
from orchestrator.services.abort import abort, give_up_rollback
from orchestrator.services.confirm import confirm
from orchestrator.services.decisions import Given, held_elsewhere
from orchestrator.services.repository import Journal
from orchestrator.services.slot import claimant, require_idle
from orchestrator.services.slot_holder import refusal
from orchestrator.services.workspace import Workspace

PROCEED = (CONFIRM_DEPLOY.decision_id, "proceed")


@dataclass(frozen=True)
class Answered:
    """*answer* in its stored form. *given*: its version in the stream of decisions, None where it was recorded at once."""

    answer: str
    given: int | None = None


def open_question(deployment: Deployment) -> Question | None:
    """The question that stands open, with the options that were shown."""
    asked = deployment.open_decision
    if asked is None:
        return None
    known = QUESTIONS.get(asked.decision_id)
    options = tuple(Option(**option) for option in asked.options)
    default, also = known.default if known else None, tuple(asked.detail.get("also", ()))
    return Question(asked.decision_id, asked.question, asked.header, options, default, also)


def answer(workspace: Workspace, journal: Journal, decision_id: str, answer: str, *, how: str, reason: str = "") -> Answered:
    """Record an answer, or leave it to the living process that is at work on the deployment.

    Raises:
        UsageProblem: That question is not open, or the answer is none of its options; nothing was recorded.
        Refused: A rule refuses the answer; nothing was recorded.
    """
    if not held_elsewhere(workspace, journal):
        return Answered(decide(workspace, journal, decision_id, answer, how=how, reason=reason))
    deployment = journal.deployment
    chosen = _asked(deployment, decision_id).check(answer)
    if (decision_id, chosen) == PROCEED:
        check_approval(deployment, rules(workspace.config, deployment.requested.environment), workspace.actor)
    version = decisions.give(workspace, journal, decision_id, chosen, how=how, reason=reason)
    if version is not None:
        return Answered(chosen, version)
    journal.catch_up()  # it was just let go
    return Answered(decide(workspace, journal, decision_id, chosen, how=how, reason=reason))


def ask_to_abort(workspace: Workspace, journal: Journal, *, reason: str) -> int | None:
    """Ask the process at work to stop before its next step; None where none is: then `abort` does it.

    Raises:
        IllegalTransition: It has ended, or all its steps are done, or a rollback is under way.
    """
    if not held_elsewhere(workspace, journal):
        return None
    journal.deployment.require(Trigger.ABORT)
    version = decisions.give(workspace, journal, ABORT, ABORT, how=ABORT, reason=reason)
    if version is None:
        journal.catch_up()
    return version


def await_taken(workspace: Workspace, journal: Journal, version: int, wait_s: float) -> bool:
    """Follow the deployment until what was given at *version* is dealt with; False when that takes longer than *wait_s*.

    What a process that has gone left behind is dealt with here.
    """
    clock = workspace.clock
    until = clock.monotonic() + wait_s
    while True:
        journal.catch_up()
        deployment = journal.deployment
        if deployment.taken_over >= version:
            return True
        over = clock.monotonic() >= until
        gone = claimant(workspace, deployment.slot) != deployment.id
        # The lock is looked at only in the end: to try it would disturb whoever is about to take it.
        if gone or (over and not held_elsewhere(workspace, journal)):
            take_over(workspace, journal)
            return journal.deployment.taken_over >= version
        if over:
            return False
        workspace.stop.check()
        clock.sleep(decisions.LOOK_S)


def decide(workspace: Workspace, journal: Journal, decision_id: str, answer: str, *, how: str, reason: str = "") -> str:
    """Record *answer* to the open question *decision_id*; what it implies is recorded with it. Returns the stored answer.

    Raises:
        UsageProblem: That question is not open, or the answer is none of its options; nothing was recorded.
        SlotHeld: Somebody is at work on it, and may find the answer; nothing was recorded.
        GuardFailed: Somebody has begun to work on it at this moment; nothing was recorded.
    """
    if journal.deployment.under_way:
        require_idle(workspace, journal)
    take_over(workspace, journal)
    chosen = _asked(journal.deployment, decision_id).check(answer)
    made = e.DecisionMade(decision_id=decision_id, answer=chosen, how=how, by=workspace.actor, reason=reason)
    with _not_overtaking(workspace, journal):
        if held_elsewhere(workspace, journal):
            raise refusal(workspace, journal.deployment.slot)
        _settle(workspace, journal, made)
    return chosen


@contextmanager
def _not_overtaking(workspace: Workspace, journal: Journal) -> Iterator[None]:
    """What is recorded inside without the slot is refused when somebody takes it meanwhile: its events must not be overtaken."""
    before, target = journal.guard, journal.deployment.target
    if before is None and target is not None:
        stream = journal.deployment.slot.stream
        journal.guard = Guard(stream, workspace.store.version(stream))
    try:
        yield
    finally:
        if journal.lock is None:
            journal.guard = before


def take_over(workspace: Workspace, journal: Journal) -> bool:
    """Take over what others have given: each as an event of the deployment, with who, when and why, once and in order.

    What cannot be taken (it came too late, a rule refuses it) is on record with its reason. Returns whether there was anything.

    Raises:
        SlotLost, WrongExpectedVersion: Another process goes on with the deployment; what is left is left to it.
    """
    if not decisions.something_given(workspace, journal.deployment):
        return False
    with _not_overtaking(workspace, journal):
        if held_elsewhere(workspace, journal):
            return False
        for each in list(decisions.given(workspace, journal.deployment)):
            try:
                _take(workspace, journal, each)
            except (UsageProblem, Refused) as why:
                _not_taken(journal, each, str(why))
    return True


def not_taken(deployment: Deployment, version: int) -> e.DecisionNotTaken | None:
    """What was given at *version* and came to nothing; None where it was taken over."""
    return next((event for event in deployment.not_taken if event.given == version), None)


def _take(workspace: Workspace, journal: Journal, each: Given) -> None:
    said = each.event
    made = e.DecisionMade(
        decision_id=said.decision_id,
        answer=said.answer,
        how=said.how,
        by=said.by,
        reason=said.reason,
        given=each.version,
        given_at=each.time,
    )
    workspace.narrator.line(f"{said.decision_id}={said.answer}, by {said.by}{': ' + said.reason if said.reason else ''}")
    if said.decision_id == ABORT:
        abort(workspace, journal, reason=said.reason, answer=made)
        return
    _asked(journal.deployment, said.decision_id).check(said.answer)
    if (said.decision_id, said.answer) == (CANARY_PAUSE.decision_id, PROMOTE) and _of_an_earlier_pause(journal.deployment, each):
        raise UsageProblem("it came too late: the pause that it was meant for was over, and this is the next one")
    _settle(workspace, journal, made)


def _of_an_earlier_pause(deployment: Deployment, each: Given) -> bool:
    watched = deployment.canary_watched
    return watched is not None and watched.started_at is not None and each.time < watched.started_at


def _not_taken(journal: Journal, each: Given, why: str) -> None:
    said = each.event
    journal.record(
        e.DecisionNotTaken(
            decision_id=said.decision_id,
            answer=said.answer,
            how=said.how,
            by=said.by,
            message=why,
            reason=said.reason,
            given=each.version,
            given_at=each.time,
        )
    )


def _asked(deployment: Deployment, decision_id: str) -> Question:
    """The open question *decision_id*. Raises UsageProblem; says what is open, or how it was answered before."""
    question = open_question(deployment)
    if question is not None and question.decision_id == decision_id:
        return question
    if (unasked := _answerable_unasked(deployment).get(decision_id)) is not None:
        return unasked
    standing = f"open is {question.decision_id}" if question else "no question is open"
    made = deployment.answers.get(decision_id)
    before = f". It was answered before: {made.answer}, by {made.by} ({made.how})" if made is not None else ""
    raise UsageProblem(f"{deployment.id}: {decision_id} is not asked here, {standing}{before}")


def _answerable_unasked(deployment: Deployment) -> dict[str, Question]:
    """Nobody is made to wait for these without a terminal, so they need not have been asked to be answered."""
    strategy = (ROLLBACK_STRATEGY,) if Trigger.ROLL_BACK in allowed(deployment.state) else ()
    report = (INCIDENT_REPORT,) if is_incident(deployment) else ()
    canary = (CANARY_PAUSE,) if deployment.canary_watched is not None else ()
    return {question.decision_id: question for question in (*strategy, *report, *canary)}


def _settle(workspace: Workspace, journal: Journal, made: e.DecisionMade) -> None:
    """Record *made* with what it implies."""
    if (made.decision_id, made.answer) == PROCEED:
        confirm(workspace, journal, how=made.how, reason=made.reason, answer=made)
    elif made.answer == ABORT and made.decision_id in _ENDING:
        give_up = give_up_rollback if journal.deployment.state is State.ROLLING_BACK else abort
        give_up(workspace, journal, reason=made.reason or "answered abort", answer=made)
    else:
        journal.record(made)


_ENDING = frozenset({CONFIRM_DEPLOY.decision_id, STEP_OUTCOME.decision_id, AFTER_FAILURE.decision_id, CANARY_PAUSE.decision_id})
"""Questions to which ``abort`` ends the deployment. To `confirm_rollback` it only means that nothing is done."""
