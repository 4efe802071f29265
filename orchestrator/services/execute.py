"""The road of a deployment: `advance` drives it from whatever state it is in to its end, or to the next open question.

Everything it needs to know stands in the deployment's events, so a new one, a prepared one and an interrupted one take the same
road. The table at the foot is the index: state -> what is done next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

from eventstore import GuardFailed, WrongExpectedVersion
from orchestrator.config import ResolvedTarget, rules
from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import (
    AbortAsked,
    DecisionOpen,
    Interrupted,
    OutcomeUnknown,
    PlanStale,
    PopDeployError,
    Refused,
    SlotHeld,
    SlotLost,
)
from orchestrator.domain.execution import StepRecord
from orchestrator.domain.lifecycle import BEFORE_EXECUTION, State
from orchestrator.domain.policy import check_environment
from orchestrator.domain.questions import CONFIRM_DEPLOY, DEPLOY_MODE, DEPLOY_TARGET
from orchestrator.projections import deployments
from orchestrator.services.canary_left import require_no_canary_left
from orchestrator.services.confirm import confirm, confirmation_detail, may_confirm
from orchestrator.services.decide import take_over
from orchestrator.services.decisions import stoppable
from orchestrator.services.drift import drift_check, require_no_drift
from orchestrator.services.freezes import override_freeze
from orchestrator.services.planning import Planned, make_plan, open_target, require_supported
from orchestrator.services.prepare import prepare
from orchestrator.services.repository import Journal, fold
from orchestrator.services.request import ask, settle_mode, settle_target
from orchestrator.services.road import Road, diagnosed, in_words
from orchestrator.services.rollback import begin_automatic, go_back
from orchestrator.services.settling import record_last
from orchestrator.services.slot import give_back, hold, require_free, take
from orchestrator.services.step_runner import interruption_noted, run_steps
from orchestrator.services.validation_gate import Evidence, require_validated, take_in
from orchestrator.services.verify import asked, failures, passed, recorded, run_checks
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import Check, CheckStatus, Target

HEALTH_CHECK = "health_check"


@dataclass(frozen=True, kw_only=True)
class Consent:
    """What the caller has already said.

    Attributes:
        yes: ``--yes``: answers `confirm_deploy`.
        how: What is recorded as the way of confirmation.
        plan_digest: ``--plan``: only this plan may run.
        interactive: Somebody can be asked: no defaults are taken.
        stop_when_prepared: `prepare`: plan and stop.
        asks: Decisions that were answered ahead (``--answers``): they are asked, no default is taken.
        accept_drift: ``--accept-drift``: what was changed by hand may be overwritten, and *reason* says why.
        supersede: ``--supersede``: a canary that another deployment has up is removed first.
        override_freeze: ``--override-freeze``: *reason* says why a period without deployments does not hold.
        evidence: What was said about validation.
        begun_here: The deployment was begun for this very command: if it is refused, it is closed.
    """

    yes: bool = False
    how: str = "yes"
    reason: str = ""
    plan_digest: str | None = None
    interactive: bool = False
    stop_when_prepared: bool = False
    asks: frozenset[str] = frozenset()
    override_freeze: bool = False
    accept_drift: bool = False
    supersede: bool = False
    evidence: Evidence = field(default_factory=Evidence)
    begun_here: bool = False


def advance(workspace: Workspace, journal: Journal, consent: Consent) -> None:
    """Drive the deployment on until it has ended, or `consent` says stop.

    Raises:
        DecisionOpen: A question must be answered first; it is on record.
        Refused, SlotHeld, SlotClaimedByDead: Nothing was done; it is on record.
        Interrupted, OutcomeUnknown: `resume` goes on.
        SlotLost: Another process goes on, or another deployment has the slot; nothing was written since.
    """
    ours = journal.lock is None  # not reserved by a caller, who gives it back
    try:
        while (go_on := _after_others(workspace, journal)) is not None:
            workspace.stop.check()
            if consent.stop_when_prepared and journal.deployment.state is not State.REQUESTED:
                return
            go_on(workspace, journal, consent)
    except (DecisionOpen, Interrupted, OutcomeUnknown, SlotLost):
        raise
    except PopDeployError as refusal:
        note_refusal(journal, refusal)
        raise
    finally:
        if ours:
            give_back(workspace, journal)


def _after_others(workspace: Workspace, journal: Journal) -> Next | None:
    """What comes next once others' answers are taken over, which may change it. What is under way needs the slot for that."""
    deployment = journal.deployment
    ended = _next(deployment) is None
    try:
        if journal.lock is not None or not deployment.under_way:
            take_over(workspace, journal)
    except (WrongExpectedVersion, GuardFailed):
        if not ended:
            raise  # else what came too late is left to whoever has written since
    return _next(deployment)


def _next(deployment: Deployment) -> Next | None:
    doubted = deployment.state is State.DEPLOYED and not deployment.under_way
    return None if doubted else _NEXT.get(deployment.state)


def _request_to_plan(workspace: Workspace, journal: Journal, consent: Consent) -> None:
    settle_target(workspace, journal, interactive=consent.interactive or DEPLOY_TARGET.decision_id in consent.asks)
    settle_mode(workspace, journal, interactive=consent.interactive or DEPLOY_MODE.decision_id in consent.asks)
    if not journal.deployment.dry_run:
        take_in(workspace, journal, consent.evidence)
    if not journal.deployment.dry_run and not consent.stop_when_prepared:
        _require_allowed(workspace, journal, consent)
        _, target = require_supported(workspace, journal.deployment)
        require_no_drift(workspace, journal, target, accepts=consent.accept_drift, reason=consent.reason)
        if consent.yes and workspace.patience.given_s:
            # Of several that have waited only one is next: what it plans must not be stale before it begins.
            take(workspace, journal)
    planned = prepare(workspace, journal)
    _check_wanted(workspace, journal, consent, planned)


def _check_wanted(workspace: Workspace, journal: Journal, consent: Consent, planned: Planned) -> None:
    """``--plan DIGEST``: refuse anything else, and say what has changed since."""
    if consent.plan_digest is None:
        return
    try:
        journal.deployment.check_digest(consent.plan_digest)
    except PlanStale as stale:
        earlier = deployments.by_plan_digest(workspace.store, consent.plan_digest)
        if earlier is None:
            raise
        before = fold(workspace.store, earlier)[0].plan
        assert before is not None  # noqa: S101 - found by its plan
        raise _stale(before.differences(planned.plan)) from stale


def _plan_to_confirmation(workspace: Workspace, journal: Journal, consent: Consent) -> None:
    deployment = journal.deployment
    if deployment.dry_run:
        _simulate(workspace, journal)
        return
    _require_allowed(workspace, journal, consent)
    counts = consent.yes and may_confirm(workspace, deployment)
    if counts and confirm(workspace, journal, how=consent.how, reason=consent.reason):
        return
    made = deployment.answers.get(CONFIRM_DEPLOY.decision_id)
    if made is not None and made.answer == "dry_run_first":
        journal.record(*_preflight(workspace, journal))
    ask(journal, CONFIRM_DEPLOY, confirmation_detail(workspace, deployment))


def _require_allowed(workspace: Workspace, journal: Journal, consent: Consent) -> None:
    """A live deployment may run here and now. Asked before anybody is asked to confirm it, and again before it begins."""
    deployment = journal.deployment
    if consent.override_freeze:
        override_freeze(workspace, journal, reason=consent.reason)
    check_environment(deployment, rules(workspace.config, deployment.requested.environment), workspace.clock.now())
    take_in(workspace, journal, consent.evidence)
    require_validated(workspace, journal, consent.evidence)
    if consent.supersede:
        from orchestrator.services.supersede import supersede  # only who asks for it needs it

        supersede(workspace, journal, reason=consent.reason)
    require_no_canary_left(workspace, journal)
    require_free(workspace, journal)


def _simulate(workspace: Workspace, journal: Journal) -> None:
    """A dry run: every check is really asked, nothing is changed, the plan stands on record."""
    events = _preflight(workspace, journal)
    journal.record(*events, e.DeploymentSimulated(success=passed(events)))


def _preflight(workspace: Workspace, journal: Journal) -> list[e.CheckRecorded]:
    deployment = journal.deployment
    assert deployment.plan is not None  # noqa: S101 - PREPARED implies it
    _, target = open_target(workspace, deployment)
    workspace.narrator.phase("Checks")
    plan = deployment.plan
    asks = asked("preflight", lambda: chain(target.preflight(plan), drift_check(target)))
    checks = chain(_git_check(workspace, deployment), asks)
    with workspace.stop.breakable(1):
        return recorded("preflight", deployment.next_round(), checks, workspace)


def _git_check(workspace: Workspace, deployment: Deployment) -> Iterator[Check]:
    """Only where git has something to say: a working tree that differs from its commit, or a repository that cannot be read."""
    facts = workspace.files.facts(deployment.requested.version)
    if facts.problem:
        yield Check("git", CheckStatus.WARN, facts.problem)
    elif facts.dirty:
        yield Check("git", CheckStatus.WARN, "the working tree has changes that are in no commit")


def _confirmed_to_deployed(workspace: Workspace, journal: Journal, consent: Consent) -> None:
    _require_allowed(workspace, journal, consent)
    with hold(workspace, journal):
        require_no_canary_left(workspace, journal)
        planned = _still_the_plan(workspace, journal)
        if planned is not None:
            require_no_drift(workspace, journal, planned.target, accepts=consent.accept_drift, reason=consent.reason)
        # Once more: the wait for the slot may have been longer than a report is good for.
        applied = require_validated(workspace, journal, consent.evidence)
        assert journal.guard is not None  # noqa: S101 - the slot is held
        journal.record(*([applied] if applied else []), journal.deployment.start(journal.guard.version))
        _run(workspace, journal, planned)


def _still_the_plan(workspace: Workspace, journal: Journal) -> Planned | None:
    """Plan again unless this process has just done so and nobody has held the slot since (or it held it itself, then already);
    refuse if anything differs."""
    deployment = journal.deployment
    assert journal.guard is not None and deployment.plan is not None  # noqa: S101 - held and prepared
    if journal.planned_at is not None and journal.guard.version in (journal.planned_at, journal.planned_at + 1):
        return None
    with workspace.stop.breakable(1):
        planned = make_plan(workspace, deployment, workspace.files.facts(deployment.given_version))
    if planned.plan.digest != deployment.plan.digest:
        raise _stale(deployment.plan.differences(planned.plan))
    return planned


def _stale(differences: list[str]) -> PlanStale:
    return PlanStale(f"the plan no longer holds; changed: {'; '.join(differences)}. Next: pop-deploy prepare", differences)


def _go_on(workspace: Workspace, journal: Journal, consent: Consent) -> None:
    """An interrupted deployment: take the slot over and go on where its events end."""
    with hold(workspace, journal):
        before = journal.taken_over_from or ""
        journal.record(e.DeploymentResumed(by=workspace.actor, host=workspace.here.host, taken_over_from=before))
        take_over(workspace, journal)  # of the process before, too
        _run(workspace, journal, None)


def _run(workspace: Workspace, journal: Journal, planned: Planned | None) -> None:
    """Steps, verification, and what follows a failure, with the slot held."""
    deployment = journal.deployment
    with interruption_noted(journal):
        if deployment.state in (State.EXECUTING, State.PAUSED, State.DEPLOYED):
            # One target for both: what its last step has just seen need not be asked again.
            settings, target = (planned.settings, planned.target) if planned else open_target(workspace, deployment)
            if deployment.state in (State.EXECUTING, State.PAUSED):
                _run_steps(workspace, journal, target)
            if deployment.state is State.DEPLOYED:
                _verify(workspace, journal, settings, target)
        if deployment.state is State.ROLLING_BACK:
            go_back(workspace, journal)


def _run_steps(workspace: Workspace, journal: Journal, target: Target) -> None:
    deployment = journal.deployment
    assert deployment.forward is not None and deployment.plan is not None  # noqa: S101 - EXECUTING implies both
    road = Road(stoppable(workspace, journal), journal, target, deployment.forward, len(deployment.forward.records) + 1)
    workspace.narrator.phase("Steps")
    try:
        failed = run_steps(road)
    except AbortAsked:
        take_over(workspace, journal)
        return
    if failed is not None:
        _fail_step(workspace, journal, road, failed)
        return
    release = target.release(deployment.plan, deployment.id, deployment.outcomes())
    journal.record(e.DeploymentDeployed(release=release.to_json()))


def _verify(workspace: Workspace, journal: Journal, settings: ResolvedTarget, target: Target) -> None:
    deployment = journal.deployment
    assert deployment.plan is not None and deployment.release is not None  # noqa: S101 - DEPLOYED implies both
    total = len(deployment.plan.steps) + 1
    workspace.narrator.step_started(total, total, "Health check")
    started, number = workspace.clock.monotonic(), deployment.next_round()
    checks = run_checks(workspace, settings, target, deployment.plan, deployment.id, deployment.outcomes())
    with workspace.stop.breakable(1):
        events = recorded("verify", number, checks, workspace)
    good = passed(events)
    workspace.narrator.step_finished("passed" if good else "failed", round((workspace.clock.monotonic() - started) * 1000))
    if good:
        # An earlier round may have failed, and been interrupted in the user's on_failure commands.
        record_last(workspace, journal, *events, e.DeploymentVerified(release=deployment.release.to_json(), round=number))
        return
    journal.record(*events)
    message = "; ".join(failures(events)) or "no check could be asked: nothing proves that the release works"
    _fail(workspace, journal, HEALTH_CHECK, message, diagnosed(target))


def _fail_step(workspace: Workspace, journal: Journal, road: Road, failed: StepRecord) -> None:
    diagnostics = diagnosed(road.target) if road.execution.touched_live else []
    _fail(workspace, journal, failed.step.name, failed.error or "", diagnostics, failed.trace)


def _fail(workspace: Workspace, journal: Journal, step: str, message: str, diagnostics: list[str], trace: str = "") -> None:
    """The user's on_failure commands, then the failure and, where the policy says so, the way back in the same commit.

    The state is left as it is until then: whoever resumes in between comes through here again.
    """
    deployment = journal.deployment
    if deployment.on_failure is not None and deployment.on_failure.records:
        _, target = open_target(workspace, deployment)
        workspace.narrator.phase("On failure")
        run_steps(Road(workspace, journal, target, deployment.on_failure, len(deployment.on_failure.records)))
    failed = deployment.fail(step, message, trace=trace, diagnostics=diagnostics)
    try:
        back = begin_automatic(workspace, journal, failed)
    except Exception as problem:  # noqa: BLE001 - that there is no way back must not keep the failure off the record
        back, failed = None, replace(failed, diagnostics=[*failed.diagnostics, f"not rolled back: {in_words(problem)}"])
    journal.record(failed, *([back] if back else []))


def note_refusal(journal: Journal, refusal: PopDeployError) -> None:
    """Put a refusal on record; it changes no state. While another process has this very deployment, only that one writes."""
    its_own = isinstance(refusal, SlotHeld) and refusal.deployment_id == journal.deployment.id
    if journal.deployment.state in BEFORE_EXECUTION and not its_own:
        rule = refusal.rule if isinstance(refusal, Refused) else type(refusal).__name__
        journal.record(e.DeploymentRefused(rule=rule, message=str(refusal)))


Next = Callable[[Workspace, Journal, Consent], None]
_NEXT: dict[State, Next] = {
    State.REQUESTED: _request_to_plan,
    State.PREPARED: _plan_to_confirmation,
    State.CONFIRMED: _confirmed_to_deployed,
    State.EXECUTING: _go_on,
    State.PAUSED: _go_on,
    State.DEPLOYED: _go_on,
    State.ROLLING_BACK: _go_on,
}
