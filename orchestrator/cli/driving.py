"""Driving a deployment from a command: advance, ask what is open, advance again, report.

The same loop serves `execute`, `resume` and the questions after a deployment. What happens is decided in
`services/execute.py`; here it is only asked for and shown.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from eventstore.errors import EventStoreError
from orchestrator.cli import errors, prompts
from orchestrator.cli.ui import Ui
from orchestrator.domain.errors import DecisionOpen, Interrupted, PopDeployError
from orchestrator.domain.lifecycle import BEFORE_EXECUTION, State
from orchestrator.domain.plan import Mode
from orchestrator.domain.questions import AFTER_FAILURE, CONFIRM_ROLLBACK, POST_DEPLOY, Question
from orchestrator.projections.command_results import verify_result
from orchestrator.projections.deployment_result import DeploymentResult, deployment_result
from orchestrator.projections.outcome import ErrorResult
from orchestrator.rendering import command_reports, report
from orchestrator.services import rollback
from orchestrator.services.decide import decide, open_question
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.execute import Consent, advance
from orchestrator.services.planning import open_target
from orchestrator.services.repository import Journal
from orchestrator.services.request import Wish, ask, request, siblings
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
    ui.watch(lambda: report.opening(result_of(workspace, journal, ui)))
    try:
        _advance_and_ask(workspace, journal, consent, ui)
    except (PopDeployError, EventStoreError) as problem:
        error = problem
        _close_refused(workspace, journal, consent, problem)
    ui.progress.close()
    ui.warn(publish_history(workspace))
    return ended(workspace, journal, ui, error)


def _close_refused(workspace: Workspace, journal: Journal, consent: Consent, error: Exception) -> None:
    """What was begun by this command and refused before it did anything is not left behind as waiting."""
    refused = isinstance(error, PopDeployError) and not isinstance(error, DecisionOpen | Interrupted)
    if consent.begun_here and refused and journal.deployment.state in BEFORE_EXECUTION:
        journal.record(journal.deployment.abort(by=workspace.actor, reason=f"refused: {error}"))


def ended(workspace: Workspace, journal: Journal, ui: Ui, error: Exception | None = None) -> Ended:
    result = result_of(workspace, journal, ui)
    if error is not None:
        said = result.error or ErrorResult(message=str(error), step="", trace="")
        return Ended(replace(result, success=False, error=said), errors.code_of(error), error)
    return Ended(result, errors.code_of_state(result.state, success=result.success))


def _advance_and_ask(workspace: Workspace, journal: Journal, consent: Consent, ui: Ui) -> None:
    while True:
        try:
            advance(workspace, journal, replace(consent, interactive=ui.interactive))
            return
        except DecisionOpen:
            if not ui.interactive:
                raise
            _answer(workspace, journal, ui, consent.reason)


def _answer(workspace: Workspace, journal: Journal, ui: Ui, reason: str) -> str:
    """Ask the open question at the terminal and record the answer."""
    question = open_question(journal.deployment)
    assert question is not None  # noqa: S101 - asked for because it is open
    ui.progress.close()
    if journal.deployment.prepared is not None and journal.deployment.state is State.PREPARED:
        ui.show_plan(journal.deployment)
    answer = prompts.ask(question)
    ui.progress.begun = False
    # While somebody thought, the world went on: the plan is made again before it runs.
    journal.planned_at = None
    return decide(workspace, journal, question.decision_id, answer, how="prompt", reason=reason)


def planned_live(wish: Wish) -> Wish:
    """`prepare` without ``--mode`` plans a live deployment."""
    return replace(wish, mode=Mode.DEPLOY)


def others(workspace: Workspace, journal: Journal, done: Ended) -> list[Journal]:
    """After the answer ``all`` and a success: a deployment of the same version for each other enabled target."""
    deployment = journal.deployment
    if done.code:
        return []
    return [
        begin(
            workspace,
            Wish(
                target=name,
                environment=deployment.requested.environment,
                version=deployment.requested.version,
                mode=deployment.mode,
                simulate=deployment.simulate,
                caused_by=deployment.id,
                reason=deployment.requested.reason,
            ),
        )
        for name in siblings(workspace, journal)
    ]


def result_of(workspace: Workspace, journal: Journal, ui: Ui) -> DeploymentResult:
    deployment = journal.deployment
    return deployment_result(
        deployment,
        history_path=shown_path(workspace),
        deploy_url=_url(workspace, journal),
        options=ui.options,
    )


def afterwards(workspace: Workspace, journal: Journal, done: Ended, consent: Consent, ui: Ui) -> Ended:
    """On a terminal: what next? Never changes what happened; `retry` and `rollback` are deeds of their own."""
    state = journal.deployment.state
    if not ui.interactive or done.error is not None:
        return done
    if state is State.VERIFIED:
        return _after_success(workspace, journal, done, consent, ui)
    if state is State.FAILED:
        return _after_failure(workspace, journal, done, consent, ui)
    return done


def _after_success(workspace: Workspace, journal: Journal, done: Ended, consent: Consent, ui: Ui) -> Ended:
    answer = _ask_afterwards(workspace, journal, POST_DEPLOY, ui)
    if answer == "verify":
        settings, target = open_target(workspace, journal.deployment)
        ui.watch(lambda: command_reports.verify_opening(verify_result(journal.deployment, checks=())) + "\nChecks:\n")
        healthy = verify_again(workspace, journal, settings, target)
        ui.verified(verify_result(journal.deployment, options=ui.options))
        return done if healthy else _after_failure(workspace, journal, ended(workspace, journal, ui), consent, ui)
    return _go_back(workspace, journal, done, ui) if answer == "rollback" else done


def _after_failure(workspace: Workspace, journal: Journal, done: Ended, consent: Consent, ui: Ui) -> Ended:
    answer = _ask_afterwards(workspace, journal, AFTER_FAILURE, ui)
    if answer == "retry":
        return retry(workspace, journal, consent, ui)
    if answer == "rollback":
        return _go_back(workspace, journal, done, ui)
    if journal.deployment.state is State.FAILED:
        journal.record(journal.deployment.abort(by=workspace.actor, reason="answered abort"))
    return done


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
    try:
        ask(journal, question)
    except DecisionOpen:
        pass  # that is what asking says: the question is on record
    return _answer(workspace, journal, ui, "")


def _go_back(workspace: Workspace, journal: Journal, done: Ended, ui: Ui) -> Ended:
    """Choose, confirm, carry out; the code of what happened before stays."""
    to = rollback.choose(workspace, journal.deployment, None)
    ui.say(f"Back to {to.version}, deployed by {to.deployment_id}.")
    if prompts.ask(CONFIRM_ROLLBACK) != "proceed":
        return done
    rollback.roll_back(workspace, journal, to, reason="answered rollback")
    publish_history(workspace)
    return ended(workspace, journal, ui)


def _url(workspace: Workspace, journal: Journal) -> str:
    """The target's own URL, else the configured one, else the origin of its health check, else ""."""
    deployment = journal.deployment
    if deployment.target is None:
        return ""
    settings, target = open_target(workspace, deployment)
    own = target.url(deployment.release) if deployment.release else ""
    if own:
        return own
    if settings.url:
        return settings.url.replace("{{version}}", deployment.requested.version)
    check = settings.health_check.url if settings.health_check else None
    return "/".join(check.split("/", 3)[:3]) if check else ""


def shown_path(workspace: Workspace) -> str:
    """deploy.json as people see it: relative to the project where it lies inside."""
    path, project = workspace.history_file.path, str(workspace.project_dir)
    return os.path.relpath(path, project) if path.startswith(project + os.sep) else path
