"""Going back to a verified release: chosen, planned, recorded, resumable and verified like any deployment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import NothingToRollBack
from orchestrator.domain.execution import StepRecord
from orchestrator.domain.lifecycle import UNDER_WAY, Trigger
from orchestrator.domain.plan import Plan, Release, Slot
from orchestrator.domain.policy import back_to, others, same_release
from orchestrator.projections import deployments, releases
from orchestrator.services.canary_left import require_no_canary_left
from orchestrator.services.planning import open_target
from orchestrator.services.repository import Journal, load
from orchestrator.services.road import Road, diagnosed
from orchestrator.services.slot import hold, require_idle, superseded_by
from orchestrator.services.step_runner import interruption_noted, run_steps
from orchestrator.services.verify import failures, passed, recorded, run_checks
from orchestrator.services.workspace import Workspace

if TYPE_CHECKING:
    from eventstore import EventReader

CANDIDATES = 100


def leaving(workspace: Workspace, slot: Slot) -> Journal:
    """The deployment that a rollback of *slot* leaves: the one that failed last and may have changed what is live, else the one
    whose release is live.

    Raises:
        NothingToRollBack: Nothing was ever deployed there.
    """
    found = next(iter(releases.live_slots(workspace.store, slot)), None)
    left = (found.in_doubt or found.made_by) if found is not None else None
    if left is None:
        raise NothingToRollBack(f"{slot}: no deployment history, nothing to roll back")
    return load(workspace, left)


def require_leaving(workspace: Workspace, journal: Journal) -> None:
    """Refuse to leave what was left already: going back from there would undo a later deployment.

    From here on *journal* is guarded by the slot: what is recorded, and in the end the slot itself, is refused when anybody has
    been at work there since.

    Raises:
        IllegalTransition: Its state does not allow it.
        NothingToRollBack: Another deployment is the one to leave; names it.
        SlotHeld, SlotClaimedByDead: Somebody is at work there.
    """
    deployment = journal.deployment
    deployment.require(Trigger.ROLL_BACK)
    require_idle(workspace, journal)
    _refuse_abandoned(workspace, journal)
    require_no_canary_left(workspace, journal)
    left = leaving(workspace, deployment.slot).deployment
    if left.id != deployment.id:
        raise NothingToRollBack(
            f"{deployment.id} is not what is live in {deployment.slot}: {left.requested.version} of {left.id} is. "
            f"Next: pop-deploy rollback {left.id}"
        )


def _refuse_abandoned(workspace: Workspace, journal: Journal) -> None:
    """One that lost its claim in the middle may have changed what is live: first it has to be finished or given up."""
    slot = journal.deployment.slot
    for row in deployments.unfinished(workspace.store):
        here = (row.project, row.environment, row.target) == (slot.project, slot.environment, slot.target)
        midway = here and row.touched_live and row.state in UNDER_WAY and row.id != journal.deployment.id
        if midway and superseded_by(workspace, load(workspace, row.id)) is None:
            raise NothingToRollBack(
                f"{slot}: nobody knows what is live since {row.id} was interrupted and its claim released. "
                f"Next: pop-deploy resume {row.id}, or pop-deploy abort {row.id} and then pop-deploy rollback {row.id}"
            )


def choose(workspace: Workspace, deployment: Deployment, version: str | None) -> Release:
    """The release to go back to.

    Args:
        version: ``--to``: a verified release of this version; None for the last one before this deployment.

    Raises:
        NothingToRollBack: No verified release qualifies; says which there are.
    """
    return choose_from(workspace.store, deployment, version)


def choose_from(reader: EventReader, deployment: Deployment, version: str | None = None) -> Release:
    """`choose`, for those that only read."""
    return back_to(deployment, _suitable(reader, deployment, named=version is not None), version)


def can_be_named(reader: EventReader, deployment: Deployment) -> list[releases.VerifiedRelease]:
    """Every release that ``--to`` may name, those that were live last first."""
    suitable = others(deployment, _suitable(reader, deployment, named=True))
    return [found for found in releases.verified(reader, deployment.slot, limit=CANDIDATES) if found.release in suitable]


def _suitable(reader: EventReader, deployment: Deployment, *, named: bool) -> list[Release]:
    candidates = [found.release for found in releases.verified(reader, deployment.slot, limit=CANDIDATES)]
    makers = [release.deployment_id for release in candidates if release.deployment_id is not None]
    rows = {row.id: row for row in deployments.get(reader, *makers, deployment.id)}
    own = rows[deployment.id]
    # Another kind's release cannot be brought back. And back means back: what was deployed later and left again is only gone to
    # when it is named.
    made = ((rows.get(release.deployment_id or ""), release) for release in candidates)
    return [release for by, release in made if by is not None and by.kind == own.kind and (named or by.position < own.position)]


def plan_back(workspace: Workspace, deployment: Deployment, to: Release) -> Plan:
    """The steps that bring *to* back, each with the rollback's own deadline: what the deployment has used up is not taken from
    it."""
    if deployment.plan is None:
        raise NothingToRollBack(f"{deployment.id} was never planned: it changed nothing")
    settings, target = open_target(workspace, deployment)
    plan = target.rollback(deployment.plan, to)
    return replace(plan, steps=tuple(replace(step, timeout_s=settings.rollback_timeout_s) for step in plan.steps))


def begin_automatic(workspace: Workspace, journal: Journal, failed: e.DeploymentFailed) -> e.RollbackStarted | None:
    """The policy's answer to *failed*: the start of the way back, or None (not configured, nothing changed, nowhere to go)."""
    deployment = journal.deployment
    if deployment.canary_up:
        return leave_canary(workspace, journal, reason=f"{failed.step} failed")
    reference = deployment.reference
    wanted = deployment.prepared is not None and deployment.prepared.auto_rollback
    if not wanted or failed.unchanged or reference is None or same_release(reference, deployment.intended_release):
        return None
    # Planned and confirmed before the slot was taken: a verification may have failed in between.
    if all(found.release != reference for found in releases.verified(workspace.store, deployment.slot, limit=CANDIDATES)):
        return None
    return _started(workspace, deployment, reference, automatic=True, reason=f"{failed.step} failed")


def leave_canary(workspace: Workspace, journal: Journal, *, reason: str) -> e.RollbackStarted | None:
    """The way back from a canary, whatever else is configured: it is never left behind. None where nothing says to what.

    The stable release is what it was, or has been changed by a promotion only: to bring it back does nothing in the first case.
    """
    deployment = journal.deployment
    if deployment.reference is None:
        return None
    return _started(workspace, deployment, deployment.reference, automatic=True, reason=reason)


def roll_back(workspace: Workspace, journal: Journal, to: Release, *, reason: str) -> None:
    """Begin the rollback that a person confirmed, and carry it out.

    Raises:
        IllegalTransition: The deployment's state does not allow it.
        SlotHeld, SlotClaimedByDead: Somebody else is at work there; nothing was done.
    """
    journal.deployment.require(Trigger.ROLL_BACK)
    with hold(workspace, journal):
        journal.record(_started(workspace, journal.deployment, to, automatic=False, reason=reason))
        with interruption_noted(journal):
            go_back(workspace, journal)


def go_back(workspace: Workspace, journal: Journal) -> None:
    """Run what is left of the rollback's steps and verify the restored release, with the slot held."""
    deployment = journal.deployment
    assert deployment.backward is not None and deployment.rollback is not None  # noqa: S101 - ROLLING_BACK implies both
    settings, target = open_target(workspace, deployment)
    back, total = deployment.rollback, len(deployment.backward.records) + 1
    workspace.narrator.phase(f"Rolling back to {back.to.version}")
    failed = run_steps(Road(workspace, journal, target, deployment.backward, total))
    if failed is not None:
        journal.record(
            e.RollbackFailed(
                step=failed.step.name, message=_with_budget(failed), trace=failed.trace, diagnostics=diagnosed(target)
            )
        )
        return
    workspace.narrator.step_started(total, total, "Health check")
    started, number = workspace.clock.monotonic(), deployment.next_round()
    checks = run_checks(workspace, settings, target, back.plan, deployment.id, deployment.backward.outcomes)
    with workspace.stop.breakable(1):
        events = recorded("rollback_verify", number, checks, workspace)
    good = passed(events)
    workspace.narrator.step_finished("passed" if good else "failed", round((workspace.clock.monotonic() - started) * 1000))
    if good:
        journal.record(*events, e.RolledBack(release=back.to.to_json(), round=number))
    else:
        message = "; ".join(failures(events)) or "no check could be asked: nothing proves that the restored release works"
        journal.record(*events, e.RollbackFailed(step="health_check", message=message, diagnostics=diagnosed(target)))


def _with_budget(failed: StepRecord) -> str:
    """Why the step failed and, where its time was up, which time that was: not the deployment's."""
    error = failed.error or ""
    if failed.duration_ms < failed.step.timeout_s * 1000:
        return error
    return f"{error}\nThe rollback's own time for this step, {failed.step.timeout_s:g} s (rollback_timeout_s), was up"


def _started(workspace: Workspace, deployment: Deployment, to: Release, *, automatic: bool, reason: str) -> e.RollbackStarted:
    plan = plan_back(workspace, deployment, to)
    return e.RollbackStarted(
        plan=plan.to_json(),
        plan_digest=plan.digest,
        to=to.to_json(),
        automatic=automatic,
        by=_policy(deployment) if automatic else workspace.actor,
        reason=reason,
    )


def _policy(deployment: Deployment) -> str:
    return "policy canary" if deployment.canary_up else "policy auto_rollback"
