"""The commands that run deployments: `execute`, `prepare` and `resume`, from parsed options to the exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.bootstrap import open_workspace
from orchestrator.cli import driving, errors, several
from orchestrator.cli.evidence import evidence
from orchestrator.cli.ui import Ui, make_ui
from orchestrator.config import enabled_targets, environment_name
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import Refused, UsageProblem, ValidationRequired
from orchestrator.domain.lifecycle import BEFORE_EXECUTION, ENDED, State
from orchestrator.domain.plan import Mode
from orchestrator.projections.deployment_result import DeploymentResult
from orchestrator.services import belonging
from orchestrator.services import resume as resuming
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.execute import Consent
from orchestrator.services.repository import Journal, load
from orchestrator.services.request import Wish, like_plan, siblings
from orchestrator.services.slot import awaited
from orchestrator.services.slot_waiting import Patience
from orchestrator.services.workspace import Workspace


class Unvalidated(Exception):
    """A person at a terminal wanted to deploy what has to be validated first; the refusal is on record and was shown."""

    def __init__(self, deployment: Deployment, code: int) -> None:
        super().__init__(deployment.id)
        self.slot, self.version, self.code = deployment.slot, deployment.given_version, code


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
    answers: str | None = None
    override_freeze: bool = False
    accept_drift: bool = False
    supersede: bool = False
    validation_report: str | None = None
    accept_warnings: bool = False
    how: str = field(default="yes")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Given:
        return cls(**options)

    def consent(self, *, begun_here: bool) -> Consent:
        if self.override_freeze and not self.reason:
            raise UsageProblem("--override-freeze needs a --reason: it is recorded, and shown in the history")
        if self.accept_drift and not self.reason:
            raise UsageProblem("--accept-drift needs a --reason: it is recorded with what is overwritten")
        return Consent(
            yes=self.yes,
            how=self.how,
            reason=self.reason,
            plan_digest=self.plan_digest,
            override_freeze=self.override_freeze,
            accept_drift=self.accept_drift,
            supersede=self.supersede,
            evidence=evidence(self.validation_report, accept_warnings=self.accept_warnings, reason=self.reason),
            begun_here=begun_here,
        )

    def opened_ui(self) -> Ui:
        """The command's way to its user. Raises UsageProblem for options that cannot be meant, before anything is begun."""
        self.consent(begun_here=False)
        return make_ui(self.directory, self.store, as_json=self.as_json)

    def answered(self, workspace: Workspace, ui: Ui) -> Ui:
        """*ui* with what was answered ahead. Raises UsageProblem."""
        return ui.with_answers(self.answers, enabled_targets(workspace.config), yes=self.yes)

    def wish(self, target: str | None) -> Wish:
        return Wish(
            target=target,
            environment=self.environment,
            version=self.version,
            mode=Mode(self.mode) if self.mode else None,
            simulate=self.dry_run,
            reason=self.reason,
        )


def execute(deployment_id: str | None, given: Given, parts: list[DeploymentResult] | None = None) -> int:
    """Begin deployments, or go on with one, and drive them to their end. *parts*: see `Ui`."""
    ui = replace(given.opened_ui(), parts=parts)
    with open_workspace(given.directory, given.store, actor=given.actor, narrator=ui.progress) as workspace:
        workspace.patience, ui = Patience.of(given.wait_s), given.answered(workspace, ui)
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
    consent = replace(given.consent(begun_here=True), stop_when_prepared=True)
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
    ui = given.opened_ui()
    with open_workspace(given.directory, given.store, actor=given.actor, narrator=ui.progress) as workspace:
        workspace.patience, ui = Patience.of(given.wait_s), given.answered(workspace, ui)
        journal = awaited(workspace, resuming.interrupted(workspace, deployment_id))
        resuming.free_claim(workspace, journal)
        ui.warn(publish_history(workspace))
        return _one(workspace, journal, given.consent(begun_here=False), ui, resumes=True)


def promote(deployment_id: str, given: Given, *, full: bool) -> int:
    """Let a canary go on: left to the process at work, else done here."""
    from orchestrator.cli import answering  # `resume` and `execute` do without

    ui = given.opened_ui()
    with open_workspace(given.directory, given.store, actor=given.actor, narrator=ui.progress) as workspace:
        workspace.patience = Patience.of(given.wait_s)
        journal = load(workspace, deployment_id)
        if answering.promoted_elsewhere(workspace, journal, ui, full=full, reason=given.reason):
            return errors.DONE
        ui.warn(publish_history(workspace))
        return _one(workspace, awaited(workspace, journal), given.consent(begun_here=False), ui, resumes=True)


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


def _one(workspace: Workspace, journal: Journal, consent: Consent, ui: Ui, *, resumes: bool = False) -> int:
    """One deployment, or those of all targets if that was the answer: who can begin them all takes all slots first.

    Args:
        resumes: Of what was interrupted; what belongs to it follows then, too.
    """
    deployment = journal.deployment
    fresh, to_settle = deployment.state in BEFORE_EXECUTION, ui.interactive or "deploy_target" in deployment.answers
    if deployment.target is None and to_settle and not driving.settle(workspace, journal, consent, ui):
        ui = replace(ui, interactive=False)  # they turned away from the question: it is not asked again
    settled = deployment.target is not None and deployment.mode is not None
    if fresh and settled and (ui.interactive or consent.yes) and siblings(workspace, deployment):
        return several.all_of_them(workspace, [journal, *driving.others(workspace, journal, ui)], consent, ui)
    done = driving.drive(workspace, journal, consent, ui)
    if (fresh or resumes) and not done.code and (more := driving.others(workspace, journal, ui)):
        return several.the_rest(workspace, done, more, consent, ui)
    if resumes and done.code and deployment.state in ENDED:
        several.give_up(workspace, belonging.rest(workspace, journal).begun, done, ui)
    if ui.as_json:
        return driving.concluded(workspace, journal, done, consent, ui)
    ui.report(done)
    if ui.interactive and fresh and isinstance(done.error, ValidationRequired):
        raise Unvalidated(deployment, done.code) from done.error
    return driving.afterwards(workspace, journal, done, consent, ui).code
