"""What `validate` answers, as one object: text, JSON and the published schema come from it. It only puts a report into words."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.domain.questions import PROCEED_ACTION, SCOPE_LEVEL, Question
from orchestrator.domain.readiness import CheckResult, Readiness, Recommendation, Scope, ValidationReport
from orchestrator.projections.decision_required import OptionResult
from orchestrator.projections.deployment_result import DeploymentResult


@dataclass(frozen=True, kw_only=True)
class QuestionResult:
    """A question for whoever has no terminal; the options that make sense here. *header* has at most 12 characters."""

    decision_id: str
    question: str
    header: str
    options: tuple[OptionResult, ...]


@dataclass(frozen=True, kw_only=True)
class ValidationCheck:
    """What one check has found.

    Attributes:
        status: pass, warn, fail or skip.
        blocking: A failure of it forbids a live deployment.
        log: Attachment with its whole output, or None.
        fixed: What ``--fix`` has changed, or "".
    """

    name: str
    status: str
    message: str
    blocking: bool
    duration_ms: int
    log: str | None
    fixed: str


@dataclass(frozen=True, kw_only=True)
class ValidationReadiness:
    """What follows from the checks.

    Attributes:
        score: 0 to 100.
        recommendation: GO, CONDITIONAL or NO-GO.
        summary: How many checks passed, warned, failed, were skipped, and how many blocking ones failed.
    """

    score: int
    recommendation: str
    reason: str
    summary: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class ValidationResult:
    """One validation. Handed to ``--validation-report`` as it is, it is a report.

    Attributes:
        validation_id: None where nothing could be recorded: deploy.json cannot be read.
        success: GO or CONDITIONAL; with *strict* only GO without a check that could not run.
        created_at: When the checks had ended.
        config_digest: Of all that is configured for the target in this environment.
        source_digest: Of the target's inputs; None where it has none.
        dirty: The working tree had changes that are in no commit.
        deployment_id: Always None: a validation deploys nothing.
        next: The commands that make sense now, the likeliest first.
        questions: What a person at a terminal is asked.
        deployment: What followed, where ``--answers`` said ``deploy`` or ``override``; else None.
    """

    validation_id: str | None
    success: bool
    strict: bool
    scope: str
    project: str | None
    environment: str | None
    target: str | None
    primary: bool
    version: str | None
    commit_sha: str | None
    config_digest: str | None
    source_digest: str | None
    created_at: str | None
    dirty: bool
    checks: tuple[ValidationCheck, ...]
    readiness: ValidationReadiness
    deployment_id: str | None
    deploy_url: str
    next: tuple[str, ...]
    questions: tuple[QuestionResult, ...]
    deployment: DeploymentResult | None = None


def validation_result(
    report: ValidationReport,
    scope: Scope,
    *,
    strict: bool = False,
    primary: bool = False,
    required: bool = False,
    deploy_url: str = "",
    options: Sequence[str] = (),
) -> ValidationResult:
    """Of *report*.

    Args:
        required: The environment takes only validated commits, so warnings have to be accepted.
        options: What every command for this project needs besides, for example ``["--dir", "shop"]``.
    """
    return ValidationResult(
        validation_id=report.validation_id,
        success=report.passes(strict=strict),
        strict=strict,
        scope=str(scope),
        project=report.project,
        environment=report.environment,
        target=report.target,
        primary=primary,
        version=report.version,
        commit_sha=report.commit_sha,
        config_digest=report.config_digest,
        source_digest=report.source_digest,
        created_at=report.created_at,
        dirty=report.dirty,
        checks=tuple(_check(check) for check in report.checks),
        readiness=_readiness(report.readiness),
        deployment_id=None,
        deploy_url=deploy_url,
        next=_next(report, scope, options, required=required),
        questions=(_question(SCOPE_LEVEL), _question(proceed_question(report, required=required))),
    )


def proceed_question(report: ValidationReport, *, required: bool) -> Question:
    """`proceed_action` with the answers that lead anywhere: override for warnings only, and nothing leads past a NO-GO."""
    go = report.readiness.recommendation is not Recommendation.NO_GO
    wrong = bool(report.warnings or report.blocking or not go)
    offered = {
        "deploy": go and not (report.warnings and required),
        "fix": wrong,
        "override": go and bool(report.warnings),
        "abort": True,
    }
    return replace(PROCEED_ACTION, options=tuple(option for option in PROCEED_ACTION.options if offered[option.id]))


def _next(report: ValidationReport, scope: Scope, options: Sequence[str], *, required: bool) -> tuple[str, ...]:
    if report.target is None:
        return (shlex.join(["pop-deploy", "validate", *options]),)
    where = ["--environment", report.environment or "", "--target", report.target, "--version", report.version or "", *options]
    again = shlex.join(["pop-deploy", "validate", "--scope", str(scope), "--fix", *where])
    deploy = shlex.join(["pop-deploy", "execute", "--mode", "deploy", *where])
    answers = [option.id for option in proceed_question(report, required=required).options]
    commands = {"deploy": deploy, "fix": again, "override": f"{deploy} --accept-warnings --reason TEXT"}
    return tuple(commands[answer] for answer in answers if answer in commands)


def _check(check: CheckResult) -> ValidationCheck:
    return ValidationCheck(
        name=check.name,
        status=str(check.status),
        message=check.message,
        blocking=check.blocking,
        duration_ms=check.duration_ms,
        log=check.log,
        fixed=check.fixed,
    )


def _readiness(readiness: Readiness) -> ValidationReadiness:
    return ValidationReadiness(
        score=readiness.score,
        recommendation=str(readiness.recommendation),
        reason=readiness.reason,
        summary=dict(readiness.summary),
    )


def _question(question: Question) -> QuestionResult:
    return QuestionResult(
        decision_id=question.decision_id,
        question=question.question,
        header=question.header,
        options=tuple(OptionResult(**option.to_json()) for option in question.options),
    )
