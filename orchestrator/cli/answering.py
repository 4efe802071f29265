"""The commands that only record: `confirm`, `decide`, `abort`. What follows from an answer is done by `execute` or `resume`.

Where a living process is at work on the deployment, the answer is left to that one, and what becomes of it is awaited a moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.bootstrap import open_workspace
from orchestrator.cli import errors
from orchestrator.cli.driving import drive, result_of
from orchestrator.cli.ui import Ui, make_ui
from orchestrator.config import rules
from orchestrator.domain.errors import Refused, UsageProblem
from orchestrator.domain.lifecycle import State
from orchestrator.domain.questions import CANARY_PAUSE, PROMOTE, PROMOTE_FULL
from orchestrator.services import abort as aborting
from orchestrator.services import confirm as confirming
from orchestrator.services import decide as deciding
from orchestrator.services.decisions import held_elsewhere
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.execute import Consent
from orchestrator.services.repository import Journal, load
from orchestrator.services.slot import awaited
from orchestrator.services.slot_holder import holder_of, refusal
from orchestrator.services.slot_waiting import Patience
from orchestrator.services.workspace import Workspace

SOON_S = 3.0
"""A process at a prompt looks every second: most answers are taken over before the command that gave them ends."""


@contextmanager
def opened(
    directory: str, store: str | None, actor: str | None, deployment_id: str, *, as_json: bool
) -> Iterator[tuple[Workspace, Journal, Ui]]:
    """The workspace and the deployment, for writing."""
    ui = make_ui(directory, store, as_json=as_json)
    with open_workspace(directory, store, actor=actor, narrator=ui.progress) as workspace:
        yield workspace, load(workspace, deployment_id), ui


def confirm(workspace: Workspace, journal: Journal, ui: Ui, plan_digest: str | None, reason: str) -> int:
    if held_elsewhere(workspace, journal):
        if plan_digest is not None and journal.deployment.prepared is not None:
            journal.deployment.check_digest(plan_digest)
        return _answer(workspace, journal, ui, *deciding.PROCEED, how="confirm", reason=reason)
    if confirming.confirm(workspace, journal, how="confirm", reason=reason, digest=plan_digest):
        return _said(workspace, journal, ui, f"Confirmed by {workspace.actor}.")
    return _said(workspace, journal, ui, _approved(workspace, journal))


def decide(workspace: Workspace, journal: Journal, ui: Ui, answer: str, reason: str, how: str = "decide") -> int:
    decision_id, equals, value = answer.partition("=")
    if not equals:
        raise UsageProblem(f"{answer}: expected QUESTION=ANSWER, for example confirm_deploy=proceed")
    return _answer(workspace, journal, ui, decision_id, value, how=how, reason=reason)


def abort(workspace: Workspace, journal: Journal, ui: Ui, reason: str, wait_s: float) -> int:
    """Give it up; where a living process is at work on it, ask that one to stop, and see for *wait_s* what becomes of it."""
    workspace.patience = Patience.of(wait_s)
    version = deciding.ask_to_abort(workspace, journal, reason=reason)
    if version is None:
        journal = awaited(workspace, journal)
        aborting.abort(workspace, journal, reason=reason)
        if journal.deployment.under_way:
            return _canary_removed(workspace, journal, ui)
        return _said(workspace, journal, ui, f"Aborted by {workspace.actor}.")
    if _dealt_with(workspace, journal, version, max(wait_s, SOON_S)):
        if journal.deployment.state is State.ROLLING_BACK:
            if _nobody_is_left(workspace, journal):
                return _canary_removed(workspace, journal, ui)
            return _left(workspace, journal, ui, f"Aborted by {workspace.actor}; the process at work removes the canary")
        return _said(workspace, journal, ui, f"Aborted by {workspace.actor}; the process at work has stopped.")
    if wait_s:
        raise refusal(workspace, journal.deployment.slot, f" It was asked to stop, and has not for {wait_s:g}s; that stands.")
    return _left(workspace, journal, ui, "Asked to stop: it finishes the step that is running, and aborts before the next one")


def promoted_elsewhere(workspace: Workspace, journal: Journal, ui: Ui, *, full: bool, reason: str) -> bool:
    """Leave it to the process at work to let its canary go on. False: none is; the decision is on record, and it goes on here."""
    answer = PROMOTE_FULL if full else PROMOTE
    answered = deciding.answer(workspace, journal, CANARY_PAUSE.decision_id, answer, how="promote", reason=reason)
    if answered.given is None:
        return False
    if _dealt_with(workspace, journal, answered.given, SOON_S):
        if _nobody_is_left(workspace, journal):
            return False
        way = "to the promotion" if full else "with the next step"
        sentence = f"the canary goes on {way}, as {workspace.actor} said; the process at work has taken it over"
    else:
        sentence = "left to the process at work, which goes on when the step that is running is done"
    _left(workspace, journal, ui, sentence)
    return True


def _nobody_is_left(workspace: Workspace, journal: Journal) -> bool:
    """The process that was at work has gone in the middle: what was left to it is on record, and it goes on here."""
    if held_elsewhere(workspace, journal):
        return False
    journal.catch_up()
    return journal.deployment.under_way


def _answer(workspace: Workspace, journal: Journal, ui: Ui, decision_id: str, value: str, *, how: str, reason: str) -> int:
    answered = deciding.answer(workspace, journal, decision_id, value, how=how, reason=reason)
    given = f"{decision_id}={answered.answer}"
    if answered.given is not None and not _dealt_with(workspace, journal, answered.given, SOON_S):
        return _left(workspace, journal, ui, f"{given}, left to the process at work, which takes it over before its next step")
    if answered.given is not None:
        return _said(workspace, journal, ui, f"{given}, taken over from {workspace.actor} by the process at work.")
    open_ = journal.deployment.open_decision
    if open_ is not None and open_.decision_id == decision_id:
        return _said(workspace, journal, ui, _approved(workspace, journal))
    return _said(workspace, journal, ui, f"{given}, recorded as decided by {workspace.actor}.")


def _canary_removed(workspace: Workspace, journal: Journal, ui: Ui) -> int:
    """Nobody else will do it."""
    done = drive(workspace, journal, Consent(), ui)
    ui.report(done)
    return errors.DONE if journal.deployment.state is State.ROLLED_BACK else done.code


def _dealt_with(workspace: Workspace, journal: Journal, version: int, wait_s: float) -> bool:
    """What was given there has been taken over. Raises Refused where it came to nothing."""
    done = deciding.await_taken(workspace, journal, version, wait_s)
    refused = deciding.not_taken(journal.deployment, version)
    if refused is not None:
        raise Refused(f"{refused.decision_id}={refused.answer} was not taken: {refused.message}")
    return done


def _approved(workspace: Workspace, journal: Journal) -> str:
    deployment = journal.deployment
    wanted = rules(workspace.config, deployment.requested.environment).approvals
    return f"Approved by {workspace.actor}: {len(deployment.approvals)} of {wanted}."


def _left(workspace: Workspace, journal: Journal, ui: Ui, sentence: str) -> int:
    """What another process has still to read."""
    holder = holder_of(workspace, journal.deployment.slot)
    result = result_of(workspace, journal, ui, running=True)
    text = f"{journal.deployment.id}: {sentence}{f' ({holder})' if holder else ''}.\nNext: {result.next[0]}\n"
    ui.answer(text=text, data=result)
    return errors.DONE


def _said(workspace: Workspace, journal: Journal, ui: Ui, sentence: str) -> int:
    ui.warn(publish_history(workspace))
    result = result_of(workspace, journal, ui)
    lines = [f"{journal.deployment.id}: {sentence}"]
    if result.live_now:
        lines.append(f"Live now: {result.live_now}")
    if result.next:
        lines.append(f"Next: {result.next[0]}")
    ui.answer(text="\n".join(lines) + "\n", data=result)
    return errors.DONE
