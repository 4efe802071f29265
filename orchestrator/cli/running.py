"""The commands that run deployments: `execute`, `prepare` and `resume`, from parsed options to the exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.bootstrap import open_workspace
from orchestrator.cli import driving, several
from orchestrator.cli.ui import Ui, make_ui
from orchestrator.config import enabled_targets, environment_name
from orchestrator.domain.errors import Refused, UsageProblem
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode
from orchestrator.services import resume as resuming
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.execute import Consent
from orchestrator.services.repository import Journal, load
from orchestrator.services.request import Wish, like_plan
from orchestrator.services.slot import awaited
from orchestrator.services.slot_waiting import Patience
from orchestrator.services.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options of these commands as they were typed."""

    directory: str = "."
    store: str | None = None
    as_json: bool = False
    actor: str | None = None
    reason: str = ""
    targets: tuple[str, ...] = ()
    all_targets: bool = False
    environment: str | None = None
    version: str | None = None
    mode: str | None = None
    dry_run: bool = False
    plan_digest: str | None = None
    yes: bool = False
    wait_s: float = 0.0
    how: str = field(default="yes")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Given:
        return cls(**options)

    def consent(self, *, begun_here: bool) -> Consent:
        return Consent(yes=self.yes, how=self.how, reason=self.reason, plan_digest=self.plan_digest, begun_here=begun_here)

    def wish(self, target: str | None) -> Wish:
        return Wish(
            target=target,
            environment=self.environment,
            version=self.version,
            mode=Mode(self.mode) if self.mode else None,
            simulate=self.dry_run,
            reason=self.reason,
        )


def execute(deployment_id: str | None, given: Given) -> int:
    """Begin deployments, or go on with one, and drive them to their end."""
    ui = make_ui(given.directory, given.store, as_json=given.as_json)
    with open_workspace(given.directory, given.store, actor=given.actor, narrator=ui.progress) as workspace:
        workspace.patience = Patience.of(given.wait_s)
        ui.warn(publish_history(workspace))
        if deployment_id is not None:
            return _one(workspace, _loaded(workspace, deployment_id, given), given.consent(begun_here=False), ui)
        names = _names(workspace, given)
        if names is not None:
            return several.one_after_another(workspace, [given.wish(name) for name in names], given.consent(begun_here=True), ui)
        wish = given.wish(given.targets[0] if given.targets else None)
        if given.plan_digest is not None:
            wish = like_plan(workspace, wish, given.plan_digest)
        journal = driving.begin(workspace, wish)
        return _one(workspace, journal, given.consent(begun_here=True), ui)


def prepare(given: Given) -> int:
    """Plan and stop."""
    ui = make_ui(given.directory, given.store, as_json=given.as_json)
    consent = Consent(reason=given.reason, stop_when_prepared=True, begun_here=True)
    with open_workspace(given.directory, given.store, actor=given.actor, narrator=ui.progress) as workspace:
        ui.warn(publish_history(workspace))
        names = _names(workspace, given) or given.targets or (None,)
        ends = []
        for name in names:
            wish = given.wish(name)
            journal = driving.begin(workspace, wish if wish.mode else driving.planned_live(wish))
            ends.append((driving.drive(workspace, journal, consent, ui), journal))
        return ui.prepared(ends)


def resume(deployment_id: str | None, given: Given) -> int:
    """Take an interrupted deployment over and finish it."""
    ui = make_ui(given.directory, given.store, as_json=given.as_json)
    with open_workspace(given.directory, given.store, actor=given.actor, narrator=ui.progress) as workspace:
        workspace.patience = Patience.of(given.wait_s)
        journal = awaited(workspace, resuming.interrupted(workspace, deployment_id))
        resuming.free_claim(workspace, journal)
        ui.warn(publish_history(workspace))
        return _one(workspace, journal, given.consent(begun_here=False), ui)


def _loaded(workspace: Workspace, deployment_id: str, given: Given) -> Journal:
    if given.targets or given.all_targets or given.version or given.mode or given.environment:
        raise UsageProblem(
            f"{deployment_id} says already what is deployed where: leave --target, --version, --mode and the like out"
        )
    journal = load(workspace, deployment_id)
    if journal.deployment.state is State.ABORTED:
        raise Refused(f"{deployment_id} was aborted, it does not go on. Next: pop-deploy execute")
    if given.plan_digest is not None and journal.deployment.prepared is not None:
        journal.deployment.check_digest(given.plan_digest)
    return journal


def _names(workspace: Workspace, given: Given) -> tuple[str, ...] | None:
    """The targets of a run over several, or None for a single deployment."""
    if given.all_targets and given.targets:
        raise UsageProblem("--all and --target exclude each other")
    environment = environment_name(workspace.config, given.environment, os.environ)
    names = enabled_targets(workspace.config, environment) if given.all_targets else given.targets
    if given.plan_digest is not None and (given.all_targets or len(names) > 1):
        raise UsageProblem("--plan names the plan of one target: name that target with --target")
    return tuple(dict.fromkeys(names)) if given.all_targets or len(names) > 1 else None


def _one(workspace: Workspace, journal: Journal, consent: Consent, ui: Ui) -> int:
    """One deployment, and those of the other targets if the answer was ``all``."""
    done = driving.drive(workspace, journal, consent, ui)
    if journal.deployment.answers.get("deploy_target") and (more := driving.others(workspace, journal, done)):
        return several.the_rest(workspace, done, more, consent, ui)
    ui.report(done)
    return driving.afterwards(workspace, journal, done, consent, ui).code
