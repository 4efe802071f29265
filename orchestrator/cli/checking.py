"""The commands about what is live: `verify` and `rollback`, from parsed options to the exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.bootstrap import open_workspace
from orchestrator.cli import errors, prompts
from orchestrator.cli.driving import shown_path
from orchestrator.cli.ui import Ui, make_ui
from orchestrator.config import default_target, environment_name
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import DecisionOpen, Interrupted, OutcomeUnknown, UsageProblem
from orchestrator.domain.plan import Release, Slot
from orchestrator.domain.questions import CONFIRM_ROLLBACK
from orchestrator.projections import releases
from orchestrator.projections.command_results import rollback_result, simulated_rollback, verify_result
from orchestrator.projections.step_results import latest_checks
from orchestrator.rendering import command_reports
from orchestrator.services import rollback as going_back
from orchestrator.services import verify as verifying
from orchestrator.services.decide import decide
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.planning import open_target
from orchestrator.services.repository import Journal, load
from orchestrator.services.request import ask
from orchestrator.services.verify import as_event
from orchestrator.services.workspace import Workspace


@dataclass(frozen=True)
class RollbackWish:
    """What is asked for: a deployment to leave, or a slot; where to go; and whether that is confirmed already."""

    deployment_id: str | None
    target: str | None
    environment: str | None
    version: str | None
    yes: bool
    reason: str


@contextmanager
def opened(directory: str, store: str | None, actor: str | None, *, as_json: bool) -> Iterator[tuple[Workspace, Ui]]:
    ui = make_ui(directory, store, as_json=as_json)
    with open_workspace(directory, store, actor=actor, narrator=ui.progress) as workspace:
        ui.warn(publish_history(workspace))
        yield workspace, ui


def verify(workspace: Workspace, ui: Ui, deployment_id: str | None, target: str | None, environment: str | None) -> int:
    """Check the named deployment, or the one whose release is live."""
    journal = load(workspace, deployment_id) if deployment_id else _live(workspace, _slot(workspace, target, environment))
    ui.watch(
        lambda: command_reports.verify_opening(verify_result(journal.deployment, checks=(), options=ui.options)) + "\nChecks:\n"
    )
    settings, opened_target = open_target(workspace, journal.deployment)
    healthy = verifying.verify_again(workspace, journal, settings, opened_target)
    ui.progress.close()
    ui.warn(publish_history(workspace))
    ui.verified(verify_result(journal.deployment, options=ui.options))
    return errors.DONE if healthy else errors.FAILED


def list_releases(workspace: Workspace, ui: Ui, wish: RollbackWish) -> int:
    """The verified releases of a slot, newest first, and which one is live."""
    slot = (
        load(workspace, wish.deployment_id).deployment.slot
        if wish.deployment_id
        else _slot(workspace, wish.target, wish.environment)
    )
    ui.releases(slot, releases.verified(workspace.store, slot, limit=50), releases.live(workspace.store, slot))
    return errors.DONE


def rollback(workspace: Workspace, ui: Ui, wish: RollbackWish, *, dry_run: bool) -> int:
    """Choose, confirm, carry out, report."""
    slot = _slot(workspace, wish.target, wish.environment) if wish.deployment_id is None else None
    journal = load(workspace, wish.deployment_id or "") if slot is None else going_back.leaving(workspace, slot)
    to = going_back.choose(workspace, journal.deployment, wish.version)
    if dry_run:
        return _simulate(workspace, journal.deployment, to, ui)
    answer = _confirmation(workspace, journal, to, wish, ui)
    if answer is None:
        return ui.waiting(journal.deployment)
    if answer == "dry_run":
        return _simulate(workspace, journal.deployment, to, ui)
    if answer == "abort":
        ui.say("Nothing was changed.")
        return errors.DONE
    ui.watch(lambda: command_reports.rollback_opening(rollback_result(journal.deployment, history_path="", options=ui.options)))
    try:
        going_back.roll_back(workspace, journal, to, reason=wish.reason)
    except (Interrupted, OutcomeUnknown) as stopped:
        ui.warn(str(stopped))
    ui.progress.close()
    ui.warn(publish_history(workspace))
    result = rollback_result(journal.deployment, history_path=shown_path(workspace), options=ui.options)
    ui.rolled_back(result)
    return errors.DONE if result.success else errors.code_of_state(result.state, success=False)


def _confirmation(workspace: Workspace, journal: Journal, to: Release, wish: RollbackWish, ui: Ui) -> str | None:
    """`confirm_rollback`, on record: by ``--yes``, by an answer given before, or asked now. None: nobody can be asked."""
    made = journal.deployment.answers.get(CONFIRM_ROLLBACK.decision_id)
    if made is not None and made.answer == "proceed" and not wish.yes:
        return made.answer
    try:
        ask(journal, CONFIRM_ROLLBACK, {"from": journal.deployment.requested.version, "to": to.version, "by": to.deployment_id})
    except DecisionOpen:
        if not wish.yes and not ui.interactive:
            return None
    ui.say(f"From {journal.deployment.requested.version} back to {to.version} (deployed by {to.deployment_id})")
    answer, how = ("proceed", "yes") if wish.yes else (prompts.ask(CONFIRM_ROLLBACK), "prompt")
    return decide(workspace, journal, CONFIRM_ROLLBACK.decision_id, answer, how=how, reason=wish.reason)


def _simulate(workspace: Workspace, deployment: Deployment, to: Release, ui: Ui) -> int:
    plan = going_back.plan_back(workspace, deployment, to)
    _, target = open_target(workspace, deployment)
    checks = latest_checks([as_event("preflight", 1, check) for check in target.preflight(plan)], "preflight")
    result = simulated_rollback(deployment, plan, to, checks=checks, options=ui.options)
    ui.rolled_back(result)
    return errors.DONE if result.success else errors.FAILED


def _slot(workspace: Workspace, target: str | None, environment: str | None) -> Slot:
    where = environment_name(workspace.config, environment, os.environ)
    name = target or default_target(workspace.config, where)
    if name is None:
        raise UsageProblem("several targets are enabled and none is primary: name one with --target")
    if name not in workspace.config.targets:
        raise UsageProblem(f"deploy.json has no target {name}; there are: {', '.join(workspace.config.targets)}")
    return Slot(workspace.config.project_name, where, name)


def _live(workspace: Workspace, slot: Slot) -> Journal:
    live = releases.live(workspace.store, slot)
    if live is None or live.deployment_id is None:
        raise UsageProblem(f"{slot}: nothing of ours is live there. Next: pop-deploy execute")
    return load(workspace, live.deployment_id)
