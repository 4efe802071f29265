"""The commands about what is live: `verify` and `rollback`, from parsed options to the exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.bootstrap import open_workspace
from orchestrator.cli import choosing, errors, going_back, reading, urls
from orchestrator.cli.ui import Ui, make_ui
from orchestrator.config import UnknownTarget, default_target, environment_name
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.plan import Slot
from orchestrator.projections import releases
from orchestrator.projections.command_results import verify_result
from orchestrator.rendering import command_reports
from orchestrator.rendering import investigation as rendering
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.planning import open_target
from orchestrator.services.repository import load
from orchestrator.services.rollback import leaving
from orchestrator.services.slot import await_free
from orchestrator.services.slot_waiting import Patience
from orchestrator.services.verify import verify_again, what_is_live
from orchestrator.services.workspace import Workspace


@contextmanager
def opened(directory: str, store: str | None, actor: str | None, *, as_json: bool) -> Iterator[tuple[Workspace, Ui]]:
    ui = make_ui(directory, store, as_json=as_json)
    with open_workspace(directory, store, actor=actor, narrator=ui.progress) as workspace:
        ui.warn(publish_history(workspace))
        yield workspace, ui


def verify(workspace: Workspace, ui: Ui, deployment_id: str | None, target: str | None, environment: str | None) -> int:
    """Check the named deployment, or the one whose release is live."""
    slot = _slot(workspace, deployment_id, target, environment)
    journal = load(workspace, deployment_id) if deployment_id else what_is_live(workspace, slot)
    ui.watch(
        lambda: command_reports.verify_opening(verify_result(journal.deployment, checks=(), options=ui.options)) + "\nChecks:\n"
    )
    settings, opened_target = open_target(workspace, journal.deployment)
    healthy = verify_again(workspace, journal, settings, opened_target)
    ui.progress.close()
    ui.warn(publish_history(workspace))
    url = urls.of_deployment(workspace, journal.deployment)
    ui.verified(verify_result(journal.deployment, deploy_url=url, options=ui.options))
    return errors.DONE if healthy else errors.FAILED


def list_releases(workspace: Workspace, ui: Ui, deployment_id: str | None, target: str | None, environment: str | None) -> int:
    """The verified releases of a slot, newest first, and which one is live."""
    slot = _slot(workspace, deployment_id, target, environment)
    ui.releases(slot, releases.verified(workspace.store, slot, limit=50), releases.live(workspace.store, slot))
    return errors.DONE


def investigate(
    directory: str, store: str | None, deployment_id: str | None, target: str | None, environment: str | None, *, as_json: bool
) -> int:
    """All that is known of the named deployment, or of the one that a rollback would leave. deploy.json is not even written."""
    ui = make_ui(directory, store, as_json=as_json)
    with reading.opened(directory, store):
        pass  # to open it for writing would make one where there is none
    with open_workspace(directory, store, actor=None, narrator=ui.progress) as workspace:
        slot = _slot(workspace, deployment_id, target, environment)
        journal = load(workspace, deployment_id) if deployment_id else leaving(workspace, slot)
        found = choosing.known(workspace, journal.deployment, ui)
        ui.answer(text=rendering.investigated(found), data=found)
    return errors.DONE


def rollback(
    workspace: Workspace,
    ui: Ui,
    deployment_id: str | None,
    target: str | None,
    environment: str | None,
    way: going_back.Way,
    wait_s: float,
) -> int:
    """Leave the named deployment, or what is live once nobody works there (*wait_s* at most)."""
    slot = _slot(workspace, deployment_id, target, environment)
    workspace.patience = Patience.of(0 if way.dry_run else wait_s)
    await_free(workspace, slot)
    journal = load(workspace, deployment_id) if deployment_id else leaving(workspace, slot)
    return going_back.go_back(workspace, journal, way, ui)


def _slot(workspace: Workspace, deployment_id: str | None, target: str | None, environment: str | None) -> Slot:
    """The slot that is meant: that of a deployment, or the one named."""
    if deployment_id is not None:
        if target or environment:
            raise UsageProblem(f"{deployment_id} says already which target it is: leave --target and --environment out")
        return load(workspace, deployment_id).deployment.slot
    where = environment_name(workspace.config, environment, os.environ)
    name = target or default_target(workspace.config, where)
    if name is None:
        raise UsageProblem("several targets are enabled and none is primary: name one with --target")
    if name not in workspace.config.targets:
        raise UnknownTarget(workspace.config.file, name, workspace.config.targets)
    return Slot(workspace.config.project_name, where, name)
