"""The aggregate: a deployment folded from its events, and the decisions that a command may ask of it.

Pure: no clock, no I/O. `Deployment.apply` is the only way its state changes, for a live deployment and for a replay alike; it
checks every event against the lifecycle. The methods below `apply` decide: they return events or raise a typed refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain import validation_events as v
from orchestrator.domain.errors import HistoryBroken, IllegalTransition, NotConfirmed, PlanStale
from orchestrator.domain.execution import Execution, Phase, Rollback, Status, StepRecord
from orchestrator.domain.lifecycle import UNDER_WAY, State, Trigger, target_of
from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.domain.questions import OF_ONE_ROLLBACK, STEP_OUTCOME
from orchestrator.domain.readiness import ValidationReport
from orchestrator.domain.versions import OPTION


@dataclass
class Deployment:
    """One deployment. Make it with `Deployment.replay`, or empty and `apply` its events in order."""

    id: str = ""
    state: State = State.REQUESTED
    request: e.DeploymentRequested | None = None
    target: str | None = None
    mode: Mode | None = None
    simulate: bool = False
    requested_at: str = ""
    updated_at: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    actor: str = ""
    open_decision: e.DecisionRequested | None = None
    asked: dict[str, e.DecisionRequested] = field(default_factory=dict)
    answers: dict[str, e.DecisionMade] = field(default_factory=dict)
    plan: Plan | None = None
    prepared: e.DeploymentPrepared | None = None
    reference: Release | None = None
    observed: Release | None = None
    confirmation: e.DeploymentConfirmed | None = None
    epoch: int | None = None
    forward: Execution | None = None
    on_failure: Execution | None = None
    backward: Execution | None = None
    rollback: Rollback | None = None
    checks: list[e.CheckRecorded] = field(default_factory=list)
    simulated_ok: bool | None = None
    release: Release | None = None
    failure: e.DeploymentFailed | None = None
    rollback_failure: e.RollbackFailed | None = None
    aborted: e.DeploymentAborted | None = None
    interrupted: e.DeploymentInterrupted | None = None
    refusals: list[e.DeploymentRefused] = field(default_factory=list)
    approvals: list[e.DeploymentApproved] = field(default_factory=list)
    not_taken: list[e.DecisionNotTaken] = field(default_factory=list)
    freeze_overrides: list[e.FreezeOverridden] = field(default_factory=list)
    confirmed_at: str | None = None
    taken_in: ValidationReport | None = None
    accepted: dict[str, v.WarningsAccepted] = field(default_factory=dict)
    taken_over: int = -1  # version in the stream of decisions: what was given up to there is dealt with

    @classmethod
    def replay(cls, history: Iterable[tuple[e.Event, str]]) -> Deployment:
        """Fold (event, time) pairs from the first on.

        Raises:
            IllegalTransition: The history breaks the lifecycle.
        """
        deployment = cls()
        for event, time in history:
            deployment.apply(event, time)
        return deployment

    def apply(self, event: e.Event, time: str) -> None:
        """Follow one event that was recorded at *time*.

        Raises:
            IllegalTransition: It breaks the lifecycle.
            HistoryBroken: It speaks of what is not there, or holds what no plan, step or release is made of.
        """
        try:
            self._apply(event, time)
        except (TypeError, ValueError, LookupError, AttributeError, AssertionError) as error:
            raise HistoryBroken(self.id, type(event).__name__, repr(error)[:200]) from error

    def _apply(self, event: e.Event, time: str) -> None:
        if (self.request is None) is not isinstance(event, e.DeploymentRequested):
            raise ValueError("a deployment begins with DeploymentRequested, and with one only")
        if event.trigger is not None:
            self.state = target_of(self.id, self.state, event.trigger)
        self.updated_at = time
        evolve = _EVOLVE.get(type(event))
        if evolve is not None:
            evolve(self, event, time)

    # --- what it is -------------------------------------------------------------

    @property
    def requested(self) -> e.DeploymentRequested:
        if self.request is None:
            raise ValueError("a deployment begins with DeploymentRequested")
        return self.request

    @property
    def slot(self) -> Slot:
        if self.target is None:
            raise ValueError(f"{self.id} has no target yet")
        return Slot(self.requested.project, self.requested.environment, self.target)

    @property
    def given_version(self) -> str | None:
        """The version where somebody named it, None where it was detected in the project."""
        return self.requested.version if self.requested.version_source == OPTION else None

    @property
    def dry_run(self) -> bool:
        return self.simulate or self.mode is Mode.DRY_RUN

    @property
    def under_way(self) -> bool:
        """Begun and not ended: it claims its slot. A release that failed a later verification is not under way."""
        return self.state in UNDER_WAY and not (self.state is State.DEPLOYED and self.finished_at is not None)

    @property
    def plan_mode(self) -> Mode:
        """What is planned: a dry run plans the live deployment that it simulates."""
        return Mode.CANARY if self.mode is Mode.CANARY else Mode.DEPLOY

    @property
    def effect(self) -> bool:
        return self.forward is not None and self.forward.effect

    @property
    def executions(self) -> list[Execution]:
        return [execution for execution in (self.forward, self.on_failure, self.backward) if execution is not None]

    @property
    def running_step(self) -> StepRecord | None:
        return next((found for execution in self.executions if (found := execution.in_doubt)), None)

    def outcomes(self) -> dict[str, Mapping[str, Any]]:
        return self.forward.outcomes if self.forward else {}

    def next_round(self) -> int:
        """Number of the next verification, from 1; preflight rounds are counted with them."""
        return max((check.round for check in self.checks), default=0) + 1

    @property
    def intended_release(self) -> Release | None:
        """The release that it made live or, where it did not come so far, was to make live."""
        return self.release or (self.plan.release if self.plan is not None else None)

    # --- what it decides --------------------------------------------------------

    def require(self, trigger: Trigger) -> None:
        """Raise IllegalTransition unless *trigger* is possible from here."""
        target_of(self.id, self.state, trigger)

    def confirm(self, digest: str, *, how: str, by: str, reason: str) -> e.DeploymentConfirmed:
        """Bind a confirmation to the plan that is on record.

        Raises:
            PlanStale: Another plan than the prepared one was meant.
        """
        self.require(Trigger.CONFIRM)
        if self.dry_run:
            raise IllegalTransition(self.id, self.state, Trigger.CONFIRM, ["it is a dry run: it needs no confirmation"])
        self.check_digest(digest)
        return e.DeploymentConfirmed(plan_digest=digest, how=how, by=by, reason=reason)

    def check_digest(self, digest: str) -> None:
        """Refuse *digest* (or an unambiguous beginning of at least 8 hex digits) unless it names the prepared plan."""
        assert self.prepared is not None  # noqa: S101 - PREPARED implies it
        wanted = digest.removeprefix("sha256:")
        if len(wanted) < 8 or not self.prepared.plan_digest.removeprefix("sha256:").startswith(wanted):
            raise PlanStale(
                f"{self.id}: the plan is {self.prepared.plan_digest}, not {digest}",
                [f"plan: {digest} -> {self.prepared.plan_digest}"],
            )

    def start(self, epoch: int) -> e.ExecutionStarted:
        """Raises NotConfirmed unless this very plan was confirmed."""
        assert self.prepared is not None  # noqa: S101 - CONFIRMED implies it
        if self.confirmation is None or self.confirmation.plan_digest != self.prepared.plan_digest:
            raise NotConfirmed(f"{self.id} was not confirmed. Next: pop-deploy confirm {self.id}")
        self.require(Trigger.EXECUTE)
        return e.ExecutionStarted(epoch=epoch)

    def fail(self, step: str, message: str, *, trace: str = "", diagnostics: Iterable[str] = ()) -> e.DeploymentFailed:
        unchanged = self.forward is None or not self.forward.touched_live
        return e.DeploymentFailed(step=step, message=message, trace=trace, unchanged=unchanged, diagnostics=list(diagnostics))

    def abort(self, *, by: str, reason: str) -> e.DeploymentAborted:
        self.require(Trigger.ABORT)
        return e.DeploymentAborted(by=by, reason=reason, effect=self.effect)


def _requested(d: Deployment, event: e.DeploymentRequested, time: str) -> None:
    d.id, d.request, d.requested_at = event.deployment_id, event, time
    d.target, d.simulate, d.actor = event.target, event.simulate, event.actor
    d.mode = Mode(event.mode) if event.mode else None


def _target(d: Deployment, event: e.TargetSelected, time: str) -> None:
    d.target = event.target


def _mode(d: Deployment, event: e.ModeSelected, time: str) -> None:
    d.mode = Mode(event.mode)


def _asked(d: Deployment, event: e.DecisionRequested, time: str) -> None:
    d.open_decision = d.asked[event.decision_id] = event
    d.answers.pop(event.decision_id, None)


def _answered(d: Deployment, event: e.DecisionMade, time: str) -> None:
    _dealt_with(d, event, time)
    d.answers[event.decision_id] = event
    if d.open_decision is not None and d.open_decision.decision_id == event.decision_id:
        d.open_decision = None


def _dealt_with(d: Deployment, event: e.DecisionMade | e.DecisionNotTaken | e.DeploymentApproved, time: str) -> None:
    if event.given is not None:
        d.taken_over = max(d.taken_over, event.given)


def _not_taken(d: Deployment, event: e.DecisionNotTaken, time: str) -> None:
    _dealt_with(d, event, time)
    d.not_taken.append(event)


def _approved(d: Deployment, event: e.DeploymentApproved, time: str) -> None:
    _dealt_with(d, event, time)
    d.approvals.append(event)


def _freeze_overridden(d: Deployment, event: e.FreezeOverridden, time: str) -> None:
    d.freeze_overrides.append(event)


def _prepared(d: Deployment, event: e.DeploymentPrepared, time: str) -> None:
    d.prepared, d.plan = event, Plan.from_json(event.plan)
    d.forward = Execution.of(Phase.DEPLOY, d.plan.steps)
    d.on_failure = Execution.of(Phase.ON_FAILURE, [Step.from_json(step) for step in event.on_failure])
    d.reference = Release.from_json(event.reference) if event.reference else None
    d.observed = Release.from_json(event.observed) if event.observed else None


def _checked(d: Deployment, event: e.CheckRecorded, time: str) -> None:
    d.checks.append(event)


def _simulated(d: Deployment, event: e.DeploymentSimulated, time: str) -> None:
    d.simulated_ok, d.finished_at = event.success, time


def _confirmed(d: Deployment, event: e.DeploymentConfirmed, time: str) -> None:
    d.confirmation, d.confirmed_at = event, time
    d.open_decision = None


def _refused(d: Deployment, event: e.DeploymentRefused, time: str) -> None:
    d.refusals.append(event)


def _started(d: Deployment, event: e.ExecutionStarted, time: str) -> None:
    d.epoch, d.started_at = event.epoch, time


def _record(d: Deployment, event: e.StepStarted | e.StepSucceeded | e.StepFailed | e.StepProbed) -> StepRecord:
    execution = {Phase.DEPLOY: d.forward, Phase.ON_FAILURE: d.on_failure, Phase.ROLLBACK: d.backward}[Phase(event.phase)]
    assert execution is not None  # noqa: S101 - the plan is recorded before its steps
    return execution.records[event.step]


def _step_started(d: Deployment, event: e.StepStarted, time: str) -> None:
    record = _record(d, event)
    record.status, record.attempt, record.started, record.started_at = Status.RUNNING, event.attempt, event, time
    record.effect = record.step.effect
    d.interrupted = None
    d.answers.pop(STEP_OUTCOME.decision_id, None)


def _step_succeeded(d: Deployment, event: e.StepSucceeded, time: str) -> None:
    record = _record(d, event)
    record.status, record.started, record.finished_at = Status.DONE, None, time
    record.data, record.message, record.found = event.data, event.message, event.found
    record.exit_code, record.duration_ms, record.output = event.exit_code, event.duration_ms, event.output
    # What was answered about this step says nothing about the next one.
    d.answers.pop(STEP_OUTCOME.decision_id, None)
    if d.open_decision is not None and d.open_decision.decision_id == STEP_OUTCOME.decision_id:
        d.open_decision = None


def _step_failed(d: Deployment, event: e.StepFailed, time: str) -> None:
    record = _record(d, event)
    record.status, record.started, record.finished_at = Status.FAILED, None, time
    record.error, record.stderr, record.trace = event.message, event.stderr, event.trace
    # An earlier attempt whose end nobody saw may have changed something all the same.
    record.effect = record.step.effect and (event.effect or event.attempt > 1)
    record.exit_code, record.duration_ms, record.output = event.exit_code, event.duration_ms, event.output


def _interrupted(d: Deployment, event: e.DeploymentInterrupted, time: str) -> None:
    d.interrupted = event


def _resumed(d: Deployment, event: e.DeploymentResumed, time: str) -> None:
    d.interrupted = None


def _deployed(d: Deployment, event: e.DeploymentDeployed, time: str) -> None:
    d.release = Release.from_json(event.release)


def _verified(d: Deployment, event: e.DeploymentVerified, time: str) -> None:
    d.release = Release.from_json(event.release)
    d.finished_at = d.finished_at or time


def _failed(d: Deployment, event: e.DeploymentFailed, time: str) -> None:
    d.failure, d.finished_at = event, time


def _rollback_started(d: Deployment, event: e.RollbackStarted, time: str) -> None:
    plan = Plan.from_json(event.plan)
    d.rollback = Rollback(plan, Release.from_json(event.to), event.automatic, event.by, event.reason, time)
    before, d.backward, d.rollback_failure = d.backward, Execution.of(Phase.ROLLBACK, plan.steps), None
    d.answers = {decision_id: made for decision_id, made in d.answers.items() if decision_id not in OF_ONE_ROLLBACK}
    for name, record in d.backward.records.items():
        # Attempts are counted over all rollbacks of the deployment: they name the logs.
        record.attempt = before.records[name].attempt if before and name in before.records else 0


def _rolled_back(d: Deployment, event: e.RolledBack, time: str) -> None:
    assert d.rollback is not None  # noqa: S101 - ROLLING_BACK implies it
    d.rollback.finished_at = time


def _rollback_failed(d: Deployment, event: e.RollbackFailed, time: str) -> None:
    assert d.rollback is not None  # noqa: S101 - ROLLING_BACK implies it
    d.rollback.finished_at, d.rollback_failure = time, event


def _aborted(d: Deployment, event: e.DeploymentAborted, time: str) -> None:
    d.aborted, d.open_decision = event, None
    d.finished_at = d.finished_at or time


def _taken_in(d: Deployment, event: v.ValidationTakenIn, time: str) -> None:
    d.taken_in = ValidationReport.from_json(event.report)


def _accepted(d: Deployment, event: v.WarningsAccepted, time: str) -> None:
    d.accepted[event.identity] = event


_EVOLVE: dict[type[e.Event], Callable[[Deployment, Any, str], None]] = {
    e.DeploymentRequested: _requested,
    v.ValidationTakenIn: _taken_in,
    v.WarningsAccepted: _accepted,
    e.TargetSelected: _target,
    e.ModeSelected: _mode,
    e.DecisionRequested: _asked,
    e.DecisionMade: _answered,
    e.DecisionNotTaken: _not_taken,
    e.DeploymentApproved: _approved,
    e.FreezeOverridden: _freeze_overridden,
    e.DeploymentPrepared: _prepared,
    e.CheckRecorded: _checked,
    e.DeploymentSimulated: _simulated,
    e.DeploymentConfirmed: _confirmed,
    e.DeploymentRefused: _refused,
    e.ExecutionStarted: _started,
    e.StepStarted: _step_started,
    e.StepSucceeded: _step_succeeded,
    e.StepFailed: _step_failed,
    e.DeploymentInterrupted: _interrupted,
    e.DeploymentResumed: _resumed,
    e.DeploymentDeployed: _deployed,
    e.DeploymentVerified: _verified,
    e.DeploymentFailed: _failed,
    e.RollbackStarted: _rollback_started,
    e.RolledBack: _rolled_back,
    e.RollbackFailed: _rollback_failed,
    e.DeploymentAborted: _aborted,
}
