"""What `prepare`, `verify` and `rollback` answer, as one object each: text, JSON and the published schemas come from these.

Like `deployment_result`, they only put a folded deployment into words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode, Plan, Release
from orchestrator.projections.deployment_result import duration_ms
from orchestrator.projections.next_commands import next_commands
from orchestrator.projections.outcome import ErrorResult, error_of, live_now, recorded_in_history, result_word
from orchestrator.projections.step_results import (
    SIMULATED,
    CheckResult,
    StepResult,
    forward_steps,
    healthy,
    latest_checks,
    planned_steps,
    rollback_steps,
)


@dataclass(frozen=True, kw_only=True)
class PrepareResult:
    """A plan that is on record and has not begun.

    Attributes:
        deploy_url: Where the release will be reached, or "".
        mode: What was asked for, else ``deploy``: that is what is planned.
        rollback_version: The last verified release, which a failure goes back to; None when there is none.
        live_version: What the target says is live; None when nothing of ours is.
        dirty: The working tree had changes that are in no commit.
    """

    deployment_id: str
    deploy_url: str
    plan_digest: str
    target: str
    primary: bool
    environment: str
    version: str
    mode: Mode
    dry_run: bool
    steps: tuple[StepResult, ...]
    rollback_version: str | None
    live_version: str | None
    auto_rollback: bool
    commit_sha: str | None
    dirty: bool
    state: State
    next: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class VerifyResult:
    """One verification.

    Attributes:
        deploy_url: Where the release is reached, or "".
        healthy: No check failed and at least one passed; never true when every check was skipped.
        passed: Number of checks that passed; *total* counts all.
    """

    deployment_id: str
    deploy_url: str
    target: str
    primary: bool
    environment: str
    version: str
    healthy: bool
    passed: int
    total: int
    checks: tuple[CheckResult, ...]
    state: State
    next: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RollbackResult:
    """One way back, or, with *dry_run*, what it would be.

    Attributes:
        deploy_url: Where the target's releases are reached, or "".
        version: The one that is left; *rollback_to* is brought back.
        success: *rollback_to* is live again and verified; for a dry run, that it can be planned.
        automatic: The configuration started it, not a person.
        live_now: What is live, as far as the events show.
        history_path: deploy.json, when its history has a record of this; else None.
        incident_report: Where its incident report was written; None where this command wrote none.
    """

    deployment_id: str
    deploy_url: str
    target: str
    primary: bool
    environment: str
    version: str
    rollback_to: str
    dry_run: bool
    success: bool
    state: State
    result: str
    live_now: str
    automatic: bool
    plan_digest: str
    steps: tuple[StepResult, ...]
    checks: tuple[CheckResult, ...]
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    error: ErrorResult | None
    history_path: str | None
    next: tuple[str, ...]
    diagnostics: tuple[str, ...]
    incident_report: str | None = None


def prepare_result(deployment: Deployment, *, deploy_url: str = "", options: Sequence[str] = ()) -> PrepareResult:
    """Of a prepared *deployment*.

    Raises:
        ValueError: It has no plan yet.
    """
    request, prepared = deployment.requested, deployment.prepared
    if prepared is None:
        raise ValueError(f"{deployment.id} has no plan yet")
    return PrepareResult(
        deployment_id=deployment.id,
        deploy_url=deploy_url,
        plan_digest=prepared.plan_digest,
        target=deployment.slot.target,
        primary=prepared.primary,
        environment=request.environment,
        version=request.version,
        mode=deployment.mode or deployment.plan_mode,
        dry_run=deployment.dry_run,
        steps=forward_steps(deployment, running=False),
        rollback_version=deployment.reference.version if deployment.reference is not None else None,
        live_version=deployment.observed.version if deployment.observed is not None else None,
        auto_rollback=prepared.auto_rollback,
        commit_sha=request.commit_sha,
        dirty=request.dirty,
        state=deployment.state,
        next=next_commands(deployment, options=options),
    )


def verify_result(
    deployment: Deployment, *, checks: Iterable[CheckResult] | None = None, deploy_url: str = "", options: Sequence[str] = ()
) -> VerifyResult:
    """Of the newest verification of *deployment*, or of *checks* where they are not on record."""
    found = tuple(checks) if checks is not None else latest_checks(deployment.checks, _newest_verification(deployment))
    return VerifyResult(
        deployment_id=deployment.id,
        deploy_url=deploy_url,
        target=deployment.slot.target,
        primary=deployment.prepared is not None and deployment.prepared.primary,
        environment=deployment.slot.environment,
        version=_verified_version(deployment),
        healthy=healthy(found),
        passed=sum(check.status == "pass" for check in found),
        total=len(found),
        checks=found,
        state=deployment.state,
        next=next_commands(deployment, options=options),
    )


def rollback_result(
    deployment: Deployment, *, history_path: str, deploy_url: str = "", options: Sequence[str] = ()
) -> RollbackResult:
    """Of the newest way back of *deployment*.

    Raises:
        ValueError: None was started.
    """
    way = deployment.rollback
    if way is None:
        raise ValueError(f"{deployment.id} has no rollback")
    failure = deployment.rollback_failure
    return RollbackResult(
        **_names(deployment, way.plan, way.to),
        deploy_url=deploy_url,
        dry_run=False,
        success=deployment.state is State.ROLLED_BACK,
        state=deployment.state,
        result=result_word(deployment),
        live_now=live_now(deployment),
        automatic=way.automatic,
        steps=rollback_steps(deployment, running=False),
        checks=latest_checks(deployment.checks, "rollback_verify"),
        started_at=way.started_at,
        finished_at=way.finished_at,
        duration_ms=duration_ms(way.started_at, way.finished_at),
        error=error_of(deployment) if failure is not None else None,
        history_path=(history_path or None) if recorded_in_history(deployment) else None,
        next=next_commands(deployment, options=options),
        diagnostics=tuple(failure.diagnostics) if failure is not None else (),
    )


def simulated_rollback(
    deployment: Deployment,
    plan: Plan,
    to: Release,
    *,
    checks: Iterable[CheckResult] = (),
    deploy_url: str = "",
    options: Sequence[str] = (),
) -> RollbackResult:
    """What ``rollback --dry-run`` says: the steps of *plan*, none of them done, none on record."""
    import shlex

    asked = tuple(checks)
    failed = any(check.status == "fail" for check in asked)
    command = shlex.join(["pop-deploy", "rollback", deployment.id, "--to", to.version, *options])
    return RollbackResult(
        **_names(deployment, plan, to),
        deploy_url=deploy_url,
        dry_run=True,
        success=not failed,
        state=deployment.state,
        result="FAILED at preflight" if failed else "SIMULATED",
        live_now=live_now(deployment),
        automatic=False,
        steps=planned_steps(plan, SIMULATED),
        checks=asked,
        started_at=None,
        finished_at=None,
        duration_ms=None,
        error=None,
        history_path=None,
        next=() if failed else (command,),
        diagnostics=(),
    )


def _names(deployment: Deployment, plan: Plan, to: Release) -> dict[str, Any]:
    return {
        "deployment_id": deployment.id,
        "target": deployment.slot.target,
        "primary": deployment.prepared is not None and deployment.prepared.primary,
        "environment": deployment.slot.environment,
        "version": deployment.requested.version,
        "rollback_to": to.version,
        "plan_digest": plan.digest,
    }


def _newest_verification(deployment: Deployment) -> str:
    return "rollback_verify" if deployment.state is State.ROLLED_BACK else "verify"


def _verified_version(deployment: Deployment) -> str:
    """What the newest verification is about: after a way back, the release that was restored."""
    if deployment.state is State.ROLLED_BACK and deployment.rollback is not None:
        return deployment.rollback.to.version
    return deployment.requested.version
