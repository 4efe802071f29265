"""Going back from a command: choose, confirm, carry out, report. For `rollback`, and for the questions after a deployment."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.cli import asking, choosing, errors, incidents, urls
from orchestrator.cli.ui import Ui, shown_path
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import DecisionOpen, Interrupted, OutcomeUnknown
from orchestrator.domain.plan import Release
from orchestrator.domain.questions import CONFIRM_ROLLBACK
from orchestrator.projections.command_results import rollback_result, simulated_rollback
from orchestrator.projections.step_results import latest_checks
from orchestrator.rendering import command_reports
from orchestrator.services import rollback
from orchestrator.services.anchoring import publish_anchor
from orchestrator.services.decide import decide
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.planning import open_target
from orchestrator.services.repository import Journal
from orchestrator.services.request import ask
from orchestrator.services.verify import as_event, asked
from orchestrator.services.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Way:
    """What is asked for.

    Attributes:
        version: ``--to``; None for what was confirmed before, else the last verified release.
        yes: ``--yes``: answers `confirm_rollback`.
        how: What is recorded as the way of that answer.
        asks: Ask a person at a terminal where to; otherwise it is the last verified release.
    """

    version: str | None = None
    yes: bool = False
    dry_run: bool = False
    reason: str = ""
    how: str = "yes"
    asks: bool = True


def go_back(workspace: Workspace, journal: Journal, way: Way, ui: Ui) -> int:
    """Leave this deployment for a verified release. Returns the exit code of `rollback`.

    Raises:
        Refused: It cannot be left, or there is nowhere to go; nothing was done.
        SlotHeld, SlotClaimedByDead: Somebody is at work there; nothing was done.
    """
    rollback.require_leaving(workspace, journal)
    deployment = journal.deployment
    try:
        to = _destination(workspace, journal, way, ui)
        answer = _answer(workspace, journal, to, way, ui)
    except choosing.Investigated as shown:
        return shown.code
    except DecisionOpen:
        return ui.waiting(deployment)
    if to is None or answer == "abort":
        return _left_alone(workspace, journal, ui)
    return _simulate(workspace, deployment, to, ui) if answer == "dry_run" else _carry_out(workspace, journal, to, way, ui)


def _answer(workspace: Workspace, journal: Journal, to: Release | None, way: Way, ui: Ui) -> str:
    """What is to be done: proceed, dry_run or abort. Raises DecisionOpen when nobody can be asked."""
    if to is None:
        return "abort"
    return "dry_run" if way.dry_run else _confirmation(workspace, journal, to, way, ui)


def _left_alone(workspace: Workspace, journal: Journal, ui: Ui) -> int:
    from orchestrator.cli.driving import result_of  # which imports this module for the questions after a deployment

    ui.answer(text="Nothing was changed.\n", data=result_of(workspace, journal, ui))
    return errors.DONE


def _carry_out(workspace: Workspace, journal: Journal, to: Release, way: Way, ui: Ui) -> int:
    ui.watch(lambda: command_reports.rollback_opening(rollback_result(journal.deployment, history_path="", options=ui.options)))
    try:
        rollback.roll_back(workspace, journal, to, reason=way.reason)
    except (Interrupted, OutcomeUnknown) as stopped:
        if not journal.deployment.under_way:
            raise  # while the slot was taken: nothing has begun
        ui.warn(str(stopped))
    ui.progress.close()
    problem = publish_history(workspace)
    ui.warn(problem)
    ui.warn(publish_anchor(workspace, journal))
    path = "" if problem else shown_path(workspace)
    url = urls.of_deployment(workspace, journal.deployment)
    result = rollback_result(journal.deployment, history_path=path, deploy_url=url, options=ui.options)
    if not ui.as_json:
        ui.rolled_back(result)
    incidents.offer(workspace, journal, ui)
    if ui.as_json:  # one object, in which all of it stands
        ui.rolled_back(replace(result, incident_report=next(iter(ui.written), None)))
    return errors.DONE if result.success else errors.code_of_state(result.state, success=False)


def _destination(workspace: Workspace, journal: Journal, way: Way, ui: Ui) -> Release | None:
    """Said, confirmed before, or chosen now; without anybody who says it the last verified release before this deployment."""
    version = way.version or _confirmed_version(journal.deployment)
    if version is not None:
        return rollback.choose(workspace, journal.deployment, version)
    return choosing.choose(workspace, journal, ui, ask_strategy=way.asks and not (way.yes or way.dry_run), reason=way.reason)


def _confirmed_version(deployment: Deployment) -> str | None:
    """Where the confirmation that was given and not used yet leads to."""
    made, question = deployment.answers.get(CONFIRM_ROLLBACK.decision_id), deployment.asked.get(CONFIRM_ROLLBACK.decision_id)
    return str(question.detail["to"]) if made is not None and question is not None and made.answer != "abort" else None


def _confirmation(workspace: Workspace, journal: Journal, to: Release, way: Way, ui: Ui) -> str:
    """`confirm_rollback`, on record: by ``--yes``, by an answer given before to this very question, or asked now.

    Raises:
        DecisionOpen: Nobody can be asked.
    """
    deployment, question = journal.deployment, CONFIRM_ROLLBACK
    about: dict[str, object] = {"from": deployment.requested.version, "to": to.version, "by": to.deployment_id}
    made, before = deployment.answers.get(question.decision_id), deployment.asked.get(question.decision_id)
    said = made.answer if made is not None and before is not None and before.detail == about and not way.yes else None
    if said == "proceed":
        return said
    try:
        ask(journal, question, about)
    except DecisionOpen:
        if said == "dry_run":
            return said  # shown now; the question stands open again
    if way.yes:
        return decide(workspace, journal, question.decision_id, "proceed", how=way.how, reason=way.reason)
    if ui.interactive:
        ui.say(f"From {deployment.requested.version} back to {to.version} (deployed by {to.deployment_id})")
    return asking.answer(workspace, journal, ui, way.reason)


def _simulate(workspace: Workspace, deployment: Deployment, to: Release, ui: Ui) -> int:
    plan = rollback.plan_back(workspace, deployment, to)
    _, target = open_target(workspace, deployment)
    answers = asked("preflight", lambda: target.preflight(plan))
    checks = latest_checks([as_event("preflight", 1, check) for check in answers], "preflight")
    url = urls.of_deployment(workspace, deployment)
    result = simulated_rollback(deployment, plan, to, checks=checks, deploy_url=url, options=ui.options)
    ui.rolled_back(result)
    return errors.DONE if result.success else errors.FAILED
