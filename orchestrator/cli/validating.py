"""`validate`, from parsed options to the exit code: ask for the scope, run the checks, report, and ask how to go on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import click

from orchestrator.bootstrap import open_workspace
from orchestrator.cli import errors, prompts, running
from orchestrator.cli.answers import Ahead
from orchestrator.cli.ui import Ui, make_ui
from orchestrator.config import ConfigError, UnknownTarget, default_target, environment_name, resolve
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.plan import Slot
from orchestrator.domain.questions import SCOPE_LEVEL, Question
from orchestrator.domain.readiness import CheckResult, Outcome, Scope, ValidationReport, assess
from orchestrator.projections.deployment_result import DeploymentResult
from orchestrator.projections.validation_result import ValidationResult, proceed_question, validation_result
from orchestrator.rendering import validation
from orchestrator.services.validate import Wish, validate
from orchestrator.services.workspace import Workspace
from orchestrator.validation.own import checks_for
from orchestrator.validation.registry import for_scope

DEFAULT_SCOPE = Scope.STANDARD


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options as they were typed."""

    directory: str = "."
    store: str | None = None
    as_json: bool = False
    actor: str | None = None
    reason: str = ""
    target: str | None = None
    environment: str | None = None
    version: str | None = None
    scope: str | None = None
    fix: bool = False
    strict: bool = False
    answers: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Given:
        return cls(**options)


@dataclass(frozen=True)
class Done:
    """A validation that has ended, and what was answered to `proceed_action`, with the *reason*; "" where nobody was asked.

    *problem*: why the answer ahead could not be taken."""

    result: ValidationResult
    answer: str = ""
    reason: str = ""
    problem: str = ""

    @property
    def code(self) -> int:
        if not self.result.success:
            return errors.FAILED
        return errors.USAGE if self.problem else errors.DONE


def run(given: Given) -> int:
    """Validate, as often as ``fix`` is answered, and carry out what is answered then; as JSON it is all one object."""
    ui = make_ui(given.directory, given.store, as_json=given.as_json)
    done = once(given, ui)
    while done.answer == "fix":
        done = once(replace(given, fix=True, scope=done.result.scope), ui)
    parts: list[DeploymentResult] = []
    code = _deploy(given, done, ui, parts) if done.answer in ("deploy", "override") else done.code
    if given.as_json:
        ui.answer(text="", data=replace(done.result, deployment=next(iter(parts), None)))
    ui.warn(done.problem)
    return code


def _deploy(given: Given, done: Done, ui: Ui, parts: list[DeploymentResult]) -> int:
    accepts = done.answer == "override"
    reason = given.reason or done.reason
    if accepts and not reason and ui.interactive:
        reason = click.prompt("Why are the warnings acceptable?").strip()
    result = done.result
    return running.execute(
        None,
        running.Given(
            directory=given.directory,
            store=given.store,
            actor=given.actor,
            reason=reason,
            accept_warnings=accepts,
            targets=(result.target or "",),
            environment=result.environment,
            version=given.version,
            mode="deploy",
            as_json=given.as_json,
            answers=given.answers,
        ),
        parts if given.as_json else None,
    )


def once(given: Given, ui: Ui) -> Done:
    """One validation with its report for people. A configuration that cannot be read is a failed check like any other."""
    try:
        with open_workspace(given.directory, given.store, actor=given.actor, narrator=ui.progress) as workspace:
            return _opened(workspace, given, ui)
    except ConfigError as error:
        if isinstance(error, UnknownTarget):
            raise
        scope = Scope(given.scope) if given.scope else DEFAULT_SCOPE
        result = validation_result(unreadable(error, scope), scope, strict=given.strict, options=ui.options)
        if not ui.as_json:
            ui.answer(text=validation.text(result), data=result)
        return Done(result)


def unreadable(problem: Exception, scope: Scope) -> ValidationReport:
    """The report where deploy.json cannot be read: nothing else can be looked at without it."""
    found = [CheckResult(name="config", status=Outcome.FAIL, message=str(problem), blocking=True)]
    said = "not looked at: deploy.json cannot be read"
    found += [
        CheckResult(name=check.name, status=Outcome.SKIP, message=said, blocking=check.blocking)
        for check in for_scope(scope)
        if check.name != found[0].name
    ]
    return ValidationReport(checks=tuple(found), readiness=assess(found), scope=scope)


def slot_of(workspace: Workspace, target: str | None, environment: str | None) -> Slot:
    where = environment_name(workspace.config, environment, os.environ)
    name = target or default_target(workspace.config, where)
    if name is None:
        raise UsageProblem("several targets are enabled and none is primary: name one with --target")
    if name not in workspace.config.targets:
        raise UnknownTarget(workspace.config.file, name, workspace.config.targets)
    return Slot(workspace.config.project_name, where, name)


def validated(workspace: Workspace, wish: Wish, *, options: tuple[str, ...] = ()) -> tuple[ValidationReport, ValidationResult]:
    """Run the checks; the report, and how it is shown."""
    report = validate(workspace, wish, checks_for(workspace.config.validation, wish.scope))
    return report, shown(workspace, report, wish, options=options)


def shown(workspace: Workspace, report: ValidationReport, wish: Wish, *, options: tuple[str, ...] = ()) -> ValidationResult:
    settings = resolve(workspace.config, wish.slot.target, wish.slot.environment)
    return validation_result(
        report,
        wish.scope,
        strict=wish.strict,
        primary=settings.primary,
        required=settings.rules.requires_validation,
        deploy_url=settings.url.replace("{{version}}", report.version or ""),
        options=options,
    )


def _opened(workspace: Workspace, given: Given, ui: Ui) -> Done:
    slot = slot_of(workspace, given.target, given.environment)
    ui = ui.with_answers(given.answers, tuple(workspace.config.targets), yes=False)
    needed = resolve(workspace.config, slot.target, slot.environment).rules.validation_scope
    scope = Scope(given.scope) if given.scope else _ask_scope(workspace, ui, needed)
    wish = Wish(slot=slot, scope=scope, version=given.version, fix=given.fix, strict=given.strict)
    version = given.version or workspace.files.facts().version
    begun = ValidationReport(
        checks=(), readiness=assess(()), environment=slot.environment, target=slot.target, version=version, scope=scope
    )
    ui.watch(lambda: validation.opening(shown(workspace, begun, wish)))
    report, result = validated(workspace, wish, options=ui.options)
    ui.progress.close()
    if not ui.as_json:
        ui.answer(text=validation.text(result, begun=ui.progress.begun), data=result)
    required = resolve(workspace.config, slot.target, slot.environment).rules.requires_validation
    question = proceed_question(report, required=required)
    if (said := ui.ahead.by_decision.get(question.decision_id)) is not None:
        return _ahead(given, result, question, said, explained=ui.interactive)
    if not ui.interactive:
        return Done(result)
    try:
        return Done(result, prompts.ask(question, workspace.stop) or "")
    except click.Abort:
        return Done(result)  # nobody answered: nothing follows from that


def _ahead(given: Given, result: ValidationResult, question: Question, said: Ahead, *, explained: bool) -> Done:
    """What the file says, where that is offered here. *explained*: who overrides can still be asked why."""
    if given.fix and said.answer == "fix":
        return Done(result)  # it was tried already
    try:
        answer = question.check(said.answer)
    except UsageProblem as refused:
        return Done(result, problem=f"the answer ahead was not taken: {refused}")
    if answer == "override" and not (explained or given.reason or said.reason):
        needs = "it needs a reason, beside the answer or with --reason"
        return Done(result, problem=f"the answer ahead was not taken: proceed_action=override: {needs}")
    return Done(result, answer, said.reason)


def _ask_scope(workspace: Workspace, ui: Ui, needed: Scope) -> Scope:
    """*needed*: what the environment takes."""
    least = needed if needed.covers(DEFAULT_SCOPE) else DEFAULT_SCOPE
    if (said := ui.ahead.by_decision.get(SCOPE_LEVEL.decision_id)) is not None:
        return Scope(said.answer)
    return Scope(prompts.ask(replace(SCOPE_LEVEL, default=str(least)), workspace.stop) or least) if ui.interactive else least
