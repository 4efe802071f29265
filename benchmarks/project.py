"""A project with one fake target, opened as a command opens it, with a deployment ready to run its steps. Not a benchmark."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from orchestrator.bootstrap import open_workspace
from orchestrator.domain.events import DeploymentDeployed
from orchestrator.domain.plan import Mode, Step
from orchestrator.rendering.progress import SilentProgress
from orchestrator.services.confirm import confirm
from orchestrator.services.planning import Planned
from orchestrator.services.prepare import prepare
from orchestrator.services.repository import Journal
from orchestrator.services.request import Wish, request
from orchestrator.services.road import Road
from orchestrator.services.slot import hold
from orchestrator.services.step_runner import run_steps
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import StepOutcome, StepRun, Target

VERSION = "1.0.0"


def write_project(path: Path, config: dict[str, Any], *, kind: str = "fake", hooks: Sequence[Sequence[str]] = ()) -> Path:
    """A project in *path* with one target, called like its kind; return *path*."""
    data = path / ".claude" / "popkit"
    data.mkdir(parents=True)
    target = {"enabled": True, "primary": True, "config": config, "hooks": {"before_deploy": [list(argv) for argv in hooks]}}
    document = {"project_name": "bench", "targets": {kind: target}}
    (data / "deploy.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    set_version(path, VERSION)
    return path


def set_version(path: Path, version: str) -> None:
    (path / "package.json").write_text(json.dumps({"name": "bench", "version": version}) + "\n", encoding="utf-8")


@contextmanager
def workspace_of(project: Path) -> Iterator[Workspace]:
    """As a command has it: durable store, all read models, real locks and children; nothing is shown."""
    with open_workspace(str(project), None, actor="bench", narrator=SilentProgress()) as workspace:
        yield workspace


@contextmanager
def held(workspace: Workspace) -> Iterator[tuple[Journal, Planned]]:
    """A confirmed deployment that holds its slot; what is left is its execution. It is closed at the end."""
    journal = request(workspace, Wish(target="fake", mode=Mode.DEPLOY), {})
    planned = prepare(workspace, journal)
    confirm(workspace, journal, how="yes")
    with hold(workspace, journal):
        yield journal, planned
        journal.record(journal.deployment.fail("benchmark", "its end does not matter"))


@contextmanager
def ready_to_run(workspace: Workspace) -> Iterator[Road]:
    """The same after its beginning: what is left is `run_steps`."""
    with held(workspace) as (journal, planned):
        yield _road(workspace, journal, planned)


def run_whole(workspace: Workspace, journal: Journal, planned: Planned) -> None:
    """The execution of a deployment whose steps do nothing, from the event that begins it to the one that ends it."""
    run_all(without_effect(_road(workspace, journal, planned)))
    journal.record(DeploymentDeployed(release=planned.plan.release.to_json()))


def _road(workspace: Workspace, journal: Journal, planned: Planned) -> Road:
    assert journal.guard is not None
    journal.record(journal.deployment.start(journal.guard.version))
    steps = journal.deployment.forward
    assert steps is not None
    return Road(workspace, journal, planned.target, steps, len(steps.records))


def without_effect(road: Road) -> Road:
    """The same with steps that are done as soon as they are begun: what is left is what running a step costs."""
    return replace(road, target=cast("Target", _Nothing()))


class _Nothing:
    """The only part of a target that running steps needs."""

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        return StepOutcome("done")


def run_all(road: Road) -> None:
    """Every step, through the product's own runner."""
    failed = run_steps(road)
    if failed is not None:
        raise RuntimeError(f"{failed.step.name}: {failed.error}")
