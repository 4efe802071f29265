"""Verification: the target's own evidence, then the configured health check. Each check is an event."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.config import ResolvedTarget
from orchestrator.domain import events as e
from orchestrator.domain.plan import Plan
from orchestrator.services.repository import Journal
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import Check, CheckStatus, Outcomes, Target


def run_checks(
    workspace: Workspace, settings: ResolvedTarget, target: Target, plan: Plan, deployment_id: str, outcomes: Outcomes
) -> Iterator[Check]:
    """All checks of a release, one after another; the health check is asked only of what is really there."""
    evidence = []
    for check in target.verify(plan, deployment_id, outcomes):
        evidence.append(check)
        yield check
    if settings.health_check is None:
        return
    if any(check.status is CheckStatus.FAIL for check in evidence):
        yield Check("health check", CheckStatus.SKIP, "not asked: the release is not what runs")
        return
    yield workspace.health(settings.health_check)


def recorded(phase: str, number: int, checks: Iterator[Check], workspace: Workspace) -> list[e.CheckRecorded]:
    """The checks' answers as events, told to whoever watches as they come."""
    events = []
    for check in checks:
        workspace.narrator.check(check.name, check.status, check.message)
        events.append(as_event(phase, number, check))
    return events


def as_event(phase: str, number: int, check: Check) -> e.CheckRecorded:
    return e.CheckRecorded(
        phase=phase,
        round=number,
        name=check.name,
        status=check.status,
        message=check.message,
        duration_ms=check.duration_ms,
    )


def passed(events: list[e.CheckRecorded]) -> bool:
    """At least one check passed and none failed: what could not be asked proves nothing."""
    return any(event.status == CheckStatus.PASS for event in events) and not failures(events)


def failures(events: list[e.CheckRecorded]) -> list[str]:
    return [f"{event.name}: {event.message}" for event in events if event.status == CheckStatus.FAIL]


def verify_again(workspace: Workspace, journal: Journal, settings: ResolvedTarget, target: Target) -> bool:
    """Ask a deployed release again and record the answers. A failed one is no rollback reference until it passes again."""
    from orchestrator.domain.lifecycle import Trigger

    deployment = journal.deployment
    deployment.require(Trigger.VERIFY)
    assert deployment.plan is not None and deployment.release is not None  # noqa: S101 - DEPLOYED implies both
    number = deployment.next_round()
    checks = run_checks(workspace, settings, target, deployment.plan, deployment.id, deployment.outcomes())
    events = recorded("verify", number, checks, workspace)
    if passed(events):
        journal.record(*events, e.DeploymentVerified(release=deployment.release.to_json(), round=number))
        return True
    message = "; ".join(failures(events)) or "no check could be asked"
    journal.record(*events, e.VerificationFailed(message=message, round=number))
    return False
