"""How a deployment follows each of its events: `EVOLVE`, event class to function. `Deployment.apply` is its only caller.

Legality is checked there before; what is not in the table changes nothing but the state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestrator.domain import canary_events as c
from orchestrator.domain import events as e
from orchestrator.domain import validation_events as v
from orchestrator.domain.execution import Execution, Phase, Rollback, Status, StepRecord
from orchestrator.domain.plan import Mode, Plan, Release, Step
from orchestrator.domain.questions import CANARY_PAUSE, OF_ONE_ROLLBACK, STEP_OUTCOME
from orchestrator.domain.readiness import ValidationReport

if TYPE_CHECKING:
    from orchestrator.domain.deployment import Deployment


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
    if d.answers.get(CANARY_PAUSE.decision_id) is not None and not d.promoted_in_full:
        d.answers.pop(CANARY_PAUSE.decision_id)
    if d.open_decision is not None and d.open_decision.decision_id in (STEP_OUTCOME.decision_id, CANARY_PAUSE.decision_id):
        d.open_decision = None


def _step_failed(d: Deployment, event: e.StepFailed, time: str) -> None:
    record = _record(d, event)
    record.status, record.started, record.finished_at = Status.FAILED, None, time
    record.error, record.stderr, record.trace = event.message, event.stderr, event.trace
    if d.open_decision is not None and d.open_decision.decision_id == CANARY_PAUSE.decision_id:
        d.open_decision = None
    # An earlier attempt whose end nobody saw may have changed something all the same.
    record.effect = record.step.effect and (event.effect or event.attempt > 1)
    record.exit_code, record.duration_ms, record.output = event.exit_code, event.duration_ms, event.output


def _sampled(d: Deployment, event: c.CanarySampled, time: str) -> None:
    d.sampled.append(event)


def _superseding(d: Deployment, event: c.CanarySuperseded, time: str) -> None:
    d.superseded_canary = event


def _drift_accepted(d: Deployment, event: e.DriftAccepted, time: str) -> None:
    d.drift_accepted.append(event)


def _continued(d: Deployment, event: e.DeploymentContinued, time: str) -> None:
    d.known_samples = sum(len(each.samples) for each in d.sampled)


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


EVOLVE: dict[type[e.Event], Callable[[Deployment, Any, str], None]] = {
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
    c.CanarySampled: _sampled,
    c.CanarySuperseded: _superseding,
    e.DriftAccepted: _drift_accepted,
    e.DeploymentContinued: _continued,
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
