"""The report of a deployment as one object: `deployment_result` folds nothing and asks nothing, it only puts into words.

Text, JSON and the published schema `deployment_result` all come from `DeploymentResult`. Its parts: `step_results` (steps and
checks), `outcome` (the result in words), `next_commands`, `decision_required`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.execution import Status
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode
from orchestrator.projections.canary_result import CanaryResult, canary_result
from orchestrator.projections.decision_required import DecisionRequired, decision_required
from orchestrator.projections.next_commands import next_commands
from orchestrator.projections.outcome import (
    PREFLIGHT,
    ErrorResult,
    error_of,
    live_now,
    recorded_in_history,
    result_word,
    succeeded,
)
from orchestrator.projections.step_results import (
    CheckResult,
    StepResult,
    forward_steps,
    hook_steps,
    latest_checks,
    rollback_steps,
)


@dataclass(frozen=True, kw_only=True)
class RollbackPart:
    """The way back that belongs to a deployment.

    Attributes:
        to: Version that is brought back.
        automatic: The configuration started it, not a person.
        by: Who started it.
        duration_ms: None while it is not finished.
    """

    to: str
    automatic: bool
    by: str
    reason: str
    plan_digest: str
    started_at: str
    finished_at: str | None
    duration_ms: int | None
    steps: tuple[StepResult, ...]


@dataclass(frozen=True, kw_only=True)
class ConfirmationPart:
    """Who agreed to which plan. *how*: prompt, yes, answers, decide, confirm or script; *at*: ISO 8601 with offset."""

    by: str
    how: str
    at: str
    reason: str
    plan_digest: str


@dataclass(frozen=True, kw_only=True)
class ApprovalPart:
    """One person of those that the environment wants, who agreed to the plan."""

    by: str
    how: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DeploymentResult:
    """Everything a report says of one deployment.

    Attributes:
        deploy_url: Where the release is reached, or "".
        target: Name in deploy.json; None while that is still asked.
        primary: It is the primary target.
        mode: dry_run, deploy or canary; None while that is still asked.
        dry_run: Nothing was changed, whatever the mode.
        success: It was verified, or simulated without a failed check.
        state: Of the lifecycle (docs/lifecycle.md).
        result: The state in words, for example ``FAILED at push``.
        live_now: What is live, as far as its own events show; "" when it says nothing of that.
        steps: Those of the deployment in order; the last one is the verification, ``health_check``.
        on_failure: Hooks that ran because it failed.
        rollback: The way back, if one was started.
        checks: The newest preflight and verification.
        started_at: ISO 8601 with offset: when the first step could start; when it was requested, if it never got there.
        finished_at: When it was verified, simulated, failed or aborted; a way back has times of its own.
        image: With the version's tag and without digest; None where there is no image.
        digest: Of the pushed image.
        rollback_version: The last verified release, which a failure goes back to.
        history_path: deploy.json, when its history has a record of this deployment; else None.
        next: Commands that can be typed now, the likeliest first.
        decision: The question that stands open.
        confirmation: Of the plan that runs, or ran; None for a dry run and for what was never confirmed.
        approvals: The people who approved, where the environment wants others than the one who asked.
        freeze_override: Why it runs, or ran, although the environment was frozen; else None.
        drift_accepted: What was changed at the target by hand and could be overwritten.
        canary: None where no canary is planned.
        superseded: The deployment whose canary was removed for this one, or None.
        caused_by: Deployment that this one retries or belongs to.
        diagnostics: What the target said after a failure.
        incident_report: Where its incident report was written; None where this command wrote none.
    """

    deployment_id: str
    deploy_url: str
    target: str | None
    primary: bool
    environment: str
    version: str
    mode: Mode | None
    dry_run: bool
    success: bool
    state: State
    result: str
    live_now: str
    steps: tuple[StepResult, ...]
    on_failure: tuple[StepResult, ...]
    rollback: RollbackPart | None
    checks: tuple[CheckResult, ...]
    started_at: str
    finished_at: str | None
    duration_ms: int | None
    commit_sha: str | None
    image: str | None
    digest: str | None
    plan_digest: str | None
    rollback_version: str | None
    error: ErrorResult | None
    history_path: str | None
    next: tuple[str, ...]
    decision: DecisionRequired | None
    actor: str
    diagnostics: tuple[str, ...]
    incident_report: str | None
    confirmation: ConfirmationPart | None
    approvals: tuple[ApprovalPart, ...]
    freeze_override: str | None
    drift_accepted: tuple[str, ...]
    canary: CanaryResult | None
    superseded: str | None
    caused_by: str | None


def deployment_result(
    deployment: Deployment,
    *,
    history_path: str,
    deploy_url: str,
    next: Sequence[str] | None = None,
    running: bool = False,
    latest: bool = True,
    options: Sequence[str] = (),
) -> DeploymentResult:
    """The report of *deployment* as it stands.

    Args:
        history_path: deploy.json as it is shown to people.
        deploy_url: Of the release, or "".
        next: Instead of the commands that `next_commands` finds.
        running: A process is at work on it; without one, what is under way is interrupted.
        latest: No later deployment of the slot is on record; otherwise nothing is said of what is live now.
        options: What every command for this project needs besides, for example ``["--dir", "shop"]``.
    """
    request, prepared = deployment.requested, deployment.prepared
    image, digest = _image(deployment)
    started_at = deployment.started_at or deployment.requested_at
    return DeploymentResult(
        deployment_id=deployment.id,
        deploy_url=deploy_url,
        target=deployment.target,
        primary=prepared is not None and prepared.primary,
        environment=request.environment,
        version=request.version,
        mode=deployment.mode,
        dry_run=deployment.dry_run,
        success=succeeded(deployment),
        state=deployment.state,
        result=result_word(deployment, running=running),
        live_now=live_now(deployment) if latest else "",
        steps=forward_steps(deployment, running=running),
        on_failure=hook_steps(deployment, running=running),
        rollback=_rollback(deployment, running=running),
        checks=latest_checks(deployment.checks, PREFLIGHT, "verify", "rollback_verify"),
        started_at=started_at,
        finished_at=deployment.finished_at,
        duration_ms=duration_ms(started_at, deployment.finished_at),
        commit_sha=request.commit_sha,
        image=image,
        digest=digest,
        plan_digest=prepared.plan_digest if prepared is not None else None,
        rollback_version=deployment.reference.version if deployment.reference is not None else None,
        error=error_of(deployment),
        history_path=(history_path or None) if recorded_in_history(deployment) else None,
        next=tuple(next) if next is not None else next_commands(deployment, running=running, options=options),
        decision=decision_required(deployment, options=options),
        actor=deployment.actor,
        diagnostics=_diagnostics(deployment),
        incident_report=None,
        confirmation=_confirmation(deployment),
        approvals=tuple(ApprovalPart(by=each.by, how=each.how, reason=each.reason) for each in deployment.approvals),
        freeze_override=deployment.freeze_overrides[-1].reason if deployment.freeze_overrides else None,
        drift_accepted=tuple(line for event in deployment.drift_accepted for line in event.drift),
        canary=canary_result(deployment),
        superseded=deployment.superseded_canary.deployment_id if deployment.superseded_canary is not None else None,
        caused_by=request.caused_by,
    )


def duration_ms(started_at: str, finished_at: str | None) -> int | None:
    """Between two ISO 8601 times; None while the second one is open. A clock that was set back gives 0, never less."""
    from datetime import datetime, timedelta

    if finished_at is None:
        return None
    length = datetime.fromisoformat(finished_at) - datetime.fromisoformat(started_at)
    return max(0, length // timedelta(milliseconds=1))


def _image(deployment: Deployment) -> tuple[str | None, str | None]:
    """What the newest steps that made or pushed an image say of it; a digest of anything else is none of an image."""
    records = list(deployment.forward.records.values()) if deployment.forward is not None else []
    made = [record.data for record in reversed(records) if record.status is Status.DONE and record.data.get("image")]
    digest = next((str(data["digest"]) for data in made if data.get("digest")), None)
    return (str(made[0]["image"]).partition("@")[0], digest) if made else (None, None)


def _confirmation(deployment: Deployment) -> ConfirmationPart | None:
    made = deployment.confirmation
    if made is None:
        return None
    at = deployment.confirmed_at or ""
    return ConfirmationPart(by=made.by, how=made.how, at=at, reason=made.reason, plan_digest=made.plan_digest)


def _rollback(deployment: Deployment, *, running: bool) -> RollbackPart | None:
    way = deployment.rollback
    if way is None:
        return None
    return RollbackPart(
        to=way.to.version,
        automatic=way.automatic,
        by=way.by,
        reason=way.reason,
        plan_digest=way.plan.digest,
        started_at=way.started_at,
        finished_at=way.finished_at,
        duration_ms=duration_ms(way.started_at, way.finished_at),
        steps=rollback_steps(deployment, running=running),
    )


def _diagnostics(deployment: Deployment) -> tuple[str, ...]:
    if deployment.rollback_failure is not None:
        return tuple(deployment.rollback_failure.diagnostics)
    return tuple(deployment.failure.diagnostics) if deployment.failure is not None else ()
