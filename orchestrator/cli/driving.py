"""Driving a deployment from a command: advance, ask what is open, advance again, report.

The same loop serves `execute`, `resume` and the questions after a deployment. What happens is decided in
`services/execute.py`; here it is only asked for and shown.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace

from eventstore.errors import EventStoreError
from orchestrator.cli import asking, errors, incidents, urls
from orchestrator.cli.ui import Ui, shown_path
from orchestrator.domain.errors import (
    DecisionOpen,
    Interrupted,
    NotConfirmed,
    OfSlot,
    PopDeployError,
    SlotLost,
)
from orchestrator.domain.lifecycle import BEFORE_EXECUTION, State
from orchestrator.domain.plan import Mode
from orchestrator.domain.questions import ABORT, AFTER_FAILURE, DEPLOY_MODE, DEPLOY_TARGET, POST_DEPLOY, Question
from orchestrator.projections.deployment_result import DeploymentResult, deployment_result
from orchestrator.projections.next_commands import resume_or_abort
from orchestrator.projections.outcome import ErrorResult
from orchestrator.rendering import command_reports, report
from orchestrator.services import belonging
from orchestrator.services import resume as resuming
from orchestrator.services.anchoring import publish_anchor
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.execute import Consent, advance, note_refusal
from orchestrator.services.planning import open_target
from orchestrator.services.repository import Journal, load
from orchestrator.services.request import Wish, ask, request, settle_mode, settle_target
from orchestrator.services.slot import at_work, claimant
from orchestrator.services.verify import verify_again
from orchestrator.services.workspace import Workspace


@dataclass(frozen=True)
class Ended:
    """How one deployment's drive ended: what is reported, and the exit code.

    Attributes:
        error: What stopped it where its state alone does not say.
    """

    result: DeploymentResult
    code: int
    error: Exception | None = None


def begin(workspace: Workspace, wish: Wish) -> Journal:
    return request(workspace, wish, dict(os.environ))


def drive(workspace: Workspace, journal: Journal, consent: Consent, ui: Ui) -> Ended:
    """Advance to the end, or to a question that nobody here can answer."""
    error: Exception | None = None
    over = journal.deployment.state is State.ABORTED
    ui.watch(lambda: report.opening(result_of(workspace, journal, ui)))
    try:
        _advance_and_ask(workspace, journal, consent, ui)
    except (PopDeployError, EventStoreError) as problem:
        error = problem
        _close_refused(workspace, journal, consent, problem)
    ui.progress.close()
    unpublished = publish_history(workspace)
    ui.warn(unpublished)
    ui.warn(publish_anchor(workspace, journal))
    done = ended(workspace, journal, ui, error, published=unpublished is None)
    if error is None and not over and _given_up_elsewhere(journal):
        done = replace(done, code=errors.FAILED)
    return replace(done, result=incidents.automatic(workspace, journal, done.result, ui))


def refused(workspace: Workspace, journal: Journal, consent: Consent, ui: Ui, error: PopDeployError) -> Ended:
    """A deployment that could not even be driven, as `drive` would have left it."""
    if not isinstance(error, Interrupted):
        note_refusal(journal, error)
    _close_refused(workspace, journal, consent, error)
    return ended(workspace, journal, ui, error)


def _close_refused(workspace: Workspace, journal: Journal, consent: Consent, error: Exception) -> None:
    """What was begun by this command and refused before it did anything is not left behind as waiting."""
    refused = isinstance(error, PopDeployError) and not isinstance(error, DecisionOpen | Interrupted | NotConfirmed | SlotLost)
    if consent.begun_here and refused and journal.deployment.state in BEFORE_EXECUTION:
        journal.record(
            journal.deployment.abort(by=workspace.actor, reason=f"refused ({getattr(error, 'rule', type(error).__name__)})")
        )


def ended(workspace: Workspace, journal: Journal, ui: Ui, error: Exception | None = None, *, published: bool = True) -> Ended:
    """The report. *published*: deploy.json shows it."""
    result = _as_others_see_it(workspace, journal, ui) if isinstance(error, SlotLost) else result_of(workspace, journal, ui)
    if not published:
        result = replace(result, history_path=None)
    if error is None:
        code = errors.code_of_state(result.state, success=result.success)
        return Ended(result, errors.DONE if _left_on_purpose(journal) else code)
    if isinstance(error, Interrupted) and journal.deployment.state in BEFORE_EXECUTION:
        result = replace(result, next=resume_or_abort(journal.deployment, options=ui.options))
    said = result.error or ErrorResult(message=workspace.mask.mask(str(error)), step="", trace="")
    if isinstance(error, OfSlot):
        said = replace(said, message=workspace.mask.mask(str(error)), holder=error.holder)
    code = errors.code_of(error)
    if code == errors.FAILED and journal.deployment.under_way:
        code = errors.INTERRUPTED  # a full disc, an engine that does not answer: nothing has ended, resume goes on
    return Ended(replace(result, success=False, error=said), code, error)


def _given_up_elsewhere(journal: Journal) -> bool:
    """It was aborted, and not by an answer that was given to this command."""
    answers = journal.deployment.answers.values()
    here = any(made.answer == ABORT and made.how in {"prompt", "answers"} and made.given is None for made in answers)
    return journal.deployment.state is State.ABORTED and not here


def _left_on_purpose(journal: Journal) -> bool:
    """A person's rollback has succeeded, by whichever command: `resume` ends like the `rollback` that was interrupted."""
    back = journal.deployment.rollback
    return journal.deployment.state is State.ROLLED_BACK and back is not None and not back.automatic


def _as_others_see_it(workspace: Workspace, journal: Journal, ui: Ui) -> DeploymentResult:
    """The report of a deployment that another process may have gone on with meanwhile."""
    now = load(workspace, journal.deployment.id)
    running = claimant(workspace, now.deployment.slot) == now.deployment.id and at_work(workspace, now.deployment.slot)
    return replace(result_of(workspace, now, ui, running=running), history_path=None)


def _advance_and_ask(workspace: Workspace, journal: Journal, consent: Consent, ui: Ui) -> None:
    while True:
        try:
            advance(workspace, journal, replace(consent, interactive=ui.interactive, asks=ui.ahead.decisions))
            return
        except DecisionOpen:
            asking.answer(workspace, journal, ui, consent.reason)


def settle(workspace: Workspace, journal: Journal, consent: Consent, ui: Ui) -> bool:
    """Ask for what decides whether the deployment is live, before anything else. False: nobody answers, the question is open."""
    while True:
        try:
            settle_target(workspace, journal, interactive=ui.interactive or DEPLOY_TARGET.decision_id in ui.ahead.decisions)
            settle_mode(workspace, journal, interactive=ui.interactive or DEPLOY_MODE.decision_id in ui.ahead.decisions)
            return True
        except DecisionOpen:
            try:
                asking.answer(workspace, journal, ui, consent.reason)
            except DecisionOpen:
                return False


def planned_live(wish: Wish) -> Wish:
    """`prepare` without ``--mode`` plans a live deployment."""
    return replace(wish, mode=Mode.DEPLOY)


def others(workspace: Workspace, journal: Journal, ui: Ui) -> list[Journal]:
    """What belongs together with this deployment and is still to be done: begun by a process that has died, or begun now, after
    the answer ``all``, with the same version."""
    left = belonging.rest(workspace, journal)
    first = left.first
    for name, since in left.overtaken:
        ui.warn(f"{name} is left as it is: {since} has begun there since {first.id} was asked for")
    for waiting in left.begun:
        resuming.free_claim(workspace, waiting)
    return left.begun + [
        begin(
            workspace,
            Wish(
                target=name,
                environment=first.requested.environment,
                version=first.requested.version,
                mode=first.mode,
                simulate=first.simulate,
                caused_by=first.id,
                reason=first.requested.reason,
            ),
        )
        for name in left.missing
    ]


def result_of(workspace: Workspace, journal: Journal, ui: Ui, *, running: bool = False) -> DeploymentResult:
    deployment = journal.deployment
    return deployment_result(
        deployment,
        history_path=shown_path(workspace),
        deploy_url=urls.of_deployment(workspace, deployment),
        running=running,
        options=ui.options,
    )


def afterwards(workspace: Workspace, journal: Journal, done: Ended, consent: Consent, ui: Ui) -> Ended:
    """On a terminal, or where it was answered ahead: what next? Never changes what happened; `retry` and `rollback` are deeds of
    their own, and their exit codes count."""
    state = journal.deployment.state
    if done.error is None:
        incidents.offer(workspace, journal, ui)
    asked = AFTER_FAILURE if state is State.FAILED else POST_DEPLOY
    if not (ui.interactive or asked.decision_id in ui.ahead.decisions) or done.error is not None:
        return done
    try:
        if state is State.VERIFIED:
            return _after_success(workspace, journal, done, consent, ui)
        if state is State.FAILED:
            return _after_failure(workspace, journal, done, consent, ui)
    except DecisionOpen:
        return _as_it_stands(workspace, journal, done, ui)  # nobody answered: nothing follows from that
    except (PopDeployError, EventStoreError) as problem:
        ui.warn(workspace.mask.mask(str(problem)))
    return done


def concluded(workspace: Workspace, journal: Journal, done: Ended, consent: Consent, ui: Ui) -> int:
    """With ``--json``: carry out what was answered ahead, and report how it all has ended in the one object."""
    after = afterwards(workspace, journal, done, consent, replace(ui, parts=[]))
    report = next(iter(ui.written), after.result.incident_report)
    return ui.report(replace(after, result=replace(after.result, incident_report=report)))


def _as_it_stands(workspace: Workspace, journal: Journal, done: Ended, ui: Ui) -> Ended:
    """*done* with what has been verified, answered or asked since."""
    before, now = done.result, result_of(workspace, journal, ui)
    return replace(done, result=replace(now, history_path=before.history_path, incident_report=before.incident_report))


def _after_success(workspace: Workspace, journal: Journal, done: Ended, consent: Consent, ui: Ui) -> Ended:
    answer = _ask_afterwards(workspace, journal, POST_DEPLOY, ui)
    if answer == "verify":
        from orchestrator.projections.command_results import verify_result

        settings, target = open_target(workspace, journal.deployment)
        ui.watch(lambda: command_reports.verify_opening(verify_result(journal.deployment, checks=())) + "\nChecks:\n")
        healthy = verify_again(workspace, journal, settings, target)
        url = urls.of_deployment(workspace, journal.deployment)
        ui.verified(verify_result(journal.deployment, deploy_url=url, options=ui.options))
        done = _as_it_stands(workspace, journal, done, ui)
        return done if healthy else _after_failure(workspace, journal, done, consent, ui)
    return _go_back(workspace, journal, done, ui) if answer == "rollback" else _as_it_stands(workspace, journal, done, ui)


def _after_failure(workspace: Workspace, journal: Journal, done: Ended, consent: Consent, ui: Ui) -> Ended:
    answer = _ask_afterwards(workspace, journal, AFTER_FAILURE, ui)
    if answer == "retry":
        return retry(workspace, journal, consent, ui)
    return _go_back(workspace, journal, done, ui) if answer == "rollback" else _as_it_stands(workspace, journal, done, ui)


def retry(workspace: Workspace, journal: Journal, consent: Consent, ui: Ui) -> Ended:
    """A new deployment of the same version, caused by the failed one."""
    before = journal.deployment
    wish = Wish(
        target=before.target,
        environment=before.requested.environment,
        version=before.requested.version,
        mode=before.mode or Mode.DEPLOY,
        caused_by=before.id,
        reason=consent.reason,
    )
    again = begin(workspace, wish)
    done = drive(workspace, again, replace(consent, plan_digest=None, begun_here=True), ui)
    ui.report(done)
    return afterwards(workspace, again, done, consent, ui)


def _ask_afterwards(workspace: Workspace, journal: Journal, question: Question, ui: Ui) -> str:
    with suppress(DecisionOpen):  # that is what asking says: the question is on record
        ask(journal, question)
    return asking.answer(workspace, journal, ui)


def _go_back(workspace: Workspace, journal: Journal, done: Ended, ui: Ui) -> Ended:
    """The way back is a deed of its own; a success that is left on purpose stays one unless the way back fails."""
    from orchestrator.cli import going_back

    code = going_back.go_back(workspace, journal, going_back.Way(reason="answered rollback", asks=False), ui)
    state = journal.deployment.state
    if state is State.ROLLED_BACK:
        code = errors.ROLLED_BACK if done.code else errors.DONE
    elif state not in (State.ROLLING_BACK, State.ROLLBACK_FAILED):
        code = done.code
    return replace(ended(workspace, journal, ui), code=code)
