"""Verification: the target's own evidence, then the configured health check. Each check is an event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from eventstore import Guard
from orchestrator.config import ResolvedTarget
from orchestrator.domain import events as e
from orchestrator.domain.errors import Interrupted, NothingLive
from orchestrator.domain.lifecycle import Trigger
from orchestrator.domain.plan import Plan, Slot
from orchestrator.projections import releases
from orchestrator.services.repository import Journal, load
from orchestrator.services.road import in_words
from orchestrator.services.slot import interrupted, require_free
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import Check, CheckStatus, Outcomes, Target


def run_checks(
    workspace: Workspace, settings: ResolvedTarget, target: Target, plan: Plan, deployment_id: str, outcomes: Outcomes
) -> Iterator[Check]:
    """All checks of a release, one after another; the health check is asked only of what is really there."""
    evidence = []
    for check in asked("evidence", lambda: target.verify(plan, deployment_id, outcomes)):
        evidence.append(check)
        yield check
    health_check = settings.health_check
    if health_check is None:
        return
    if any(check.status is CheckStatus.FAIL for check in evidence):
        yield Check("health check", CheckStatus.SKIP, "not asked: the release is not what runs")
        return
    yield from asked("health check", lambda: (workspace.health(health_check),))


def asked(name: str, ask: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """The checks that *ask* gives. That it cannot be asked at all is an answer too (a failed check called *name*), and so is
    that there is nothing to ask (a skipped one)."""
    nothing = True
    try:
        for check in ask():
            nothing = False
            yield check
    except Interrupted:
        raise
    except Exception as problem:  # noqa: BLE001 - a mistake in a target proves nothing about the release either
        yield Check(name, CheckStatus.FAIL, in_words(problem))
        return
    if nothing:
        yield Check(name, CheckStatus.SKIP, "there is nothing that could be asked")


def recorded(phase: str, number: int, checks: Iterable[Check], workspace: Workspace) -> list[e.CheckRecorded]:
    """The checks' answers as events, told to whoever watches as they come."""
    events = []
    for check in checks:
        workspace.narrator.check(check.name, check.status, workspace.mask.mask(check.message))
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


def what_is_live(workspace: Workspace, slot: Slot) -> Journal:
    """The deployment whose release is live in *slot*.

    Raises:
        NothingLive: None of ours is, or a later deployment has failed there and nobody knows what is live: to verify the release
            before it would only take its mark away, and with it the way back.
    """
    found = next(iter(releases.live_slots(workspace.store, slot)), None)
    if found is not None and found.in_doubt is not None and found.in_doubt != found.made_by:
        raise NothingLive(
            f"{slot}: nobody knows what is live since {found.in_doubt} failed. Next: pop-deploy rollback {found.in_doubt}"
        )
    if found is None or found.release is None or found.made_by is None:
        raise NothingLive(f"{slot}: nothing of ours is live there. Next: pop-deploy execute")
    return load(workspace, found.made_by)


def require_live(workspace: Workspace, journal: Journal) -> None:
    """Raises NothingLive unless this deployment's release is what is live in its slot."""
    live = what_is_live(workspace, journal.deployment.slot).deployment
    if live.id != journal.deployment.id:
        raise NothingLive(
            f"{journal.deployment.id} is not live in {live.slot}: {live.requested.version} of {live.id} is. "
            f"Next: pop-deploy verify {live.id}"
        )


def verify_again(workspace: Workspace, journal: Journal, settings: ResolvedTarget, target: Target) -> bool:
    """Ask the release that is live again and record the answers. A failed one is no rollback reference until it passes again.

    Raises:
        NothingLive: It is not what is live.
        SlotHeld, SlotClaimedByDead: It is being replaced, or not finished yet.
        GuardFailed: Somebody began to replace it meanwhile: the answers mean nothing, and were not recorded.
    """
    deployment = journal.deployment
    deployment.require(Trigger.VERIFY)
    stream = deployment.slot.stream
    guard = Guard(stream, workspace.store.version(stream))  # first: whoever comes after it is noticed
    require_free(workspace, journal)
    if deployment.under_way:
        raise interrupted(workspace, deployment)  # its own verification is still to come
    require_live(workspace, journal)
    assert deployment.plan is not None and deployment.release is not None  # noqa: S101 - a live release implies both
    number = deployment.next_round()
    journal.guard = guard
    try:
        checks = run_checks(workspace, settings, target, deployment.plan, deployment.id, deployment.outcomes())
        with workspace.stop.breakable(1):
            events = recorded("verify", number, checks, workspace)
        good = passed(events)
        message = "; ".join(failures(events)) or "no check could be asked"
        verdict = (
            e.DeploymentVerified(release=deployment.release.to_json(), round=number)
            if good
            else e.VerificationFailed(message=message, round=number)
        )
        journal.record(*events, verdict)
    finally:
        journal.guard = None
    return good
