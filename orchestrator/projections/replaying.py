"""A deployment's history event by event, with the state before and after each: `replay`. Checks that it is legal.

`summary` says in one line what an event means; the table at the foot is the index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from eventstore.events import RecordedEvent
from orchestrator.domain import canary_events as c
from orchestrator.domain import events as e
from orchestrator.domain import validation_events as v
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import IllegalTransition


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One event. *before* is None for the first; *actor*, *host* and *pid* are who wrote it; *data* are its own fields."""

    version: int
    position: int
    time: str
    event: str
    before: str | None
    after: str
    summary: str
    actor: str | None
    host: str | None
    pid: int | None
    tool_version: str | None
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A history as far as it was asked for.

    Attributes:
        state: After the last event shown.
        legal: Every transition is one of the lifecycle's.
        problem: The first one that is not; nothing after it is shown.
    """

    deployment_id: str
    state: str
    legal: bool
    problem: str | None
    events: tuple[Moment, ...]


def replay(deployment_id: str, history: Iterable[tuple[e.Event, RecordedEvent]], *, at: int | None = None) -> Replay:
    """Fold *history* one event at a time, up to version *at* if given."""
    deployment, problem = Deployment(), None
    moments: list[Moment] = []
    for event, recorded in history:
        if at is not None and recorded.version > at:
            break
        before = str(deployment.state) if moments else None
        try:
            deployment.apply(event, recorded.time)
        except IllegalTransition as illegal:
            problem = f"version {recorded.version}, {recorded.type}: {illegal}"
            break
        moments.append(_moment(event, recorded, before, str(deployment.state)))
    return Replay(
        deployment_id=deployment_id, state=str(deployment.state), legal=problem is None, problem=problem, events=tuple(moments)
    )


def _moment(event: e.Event, recorded: RecordedEvent, before: str | None, after: str) -> Moment:
    who = orjson.loads(recorded.metadata)
    return Moment(
        version=recorded.version,
        position=recorded.position,
        time=recorded.time,
        event=recorded.type,
        before=before,
        after=after,
        summary=summary(event),
        **{name: who.get(name) for name in ("actor", "host", "pid", "tool_version")},
        data=asdict(event),
    )


def summary(event: e.Event) -> str:
    """What *event* says, in one line; "" when its name says it all."""
    say = _SUMMARIES.get(type(event))
    return say(event) if say is not None else ""


def _requested(event: e.DeploymentRequested) -> str:
    mode = (event.mode or "mode open") + (", simulated" if event.simulate else "")
    why = f": {event.reason}" if event.reason else ""
    return f"{event.version} to {event.environment}/{event.target or 'target open'} ({mode}){why}"


def _prepared(event: e.DeploymentPrepared) -> str:
    back = f", back to {event.reference['version']}" if event.reference else ""
    return f"{len(event.plan['steps'])} steps, {_digest(event.plan_digest)}{back}"


def _made(event: e.DecisionMade) -> str:
    return f"{event.decision_id} = {event.answer} by {event.by} ({event.how}){_why(event)}"


def _why(event: e.DecisionMade | e.DeploymentApproved | e.FreezeOverridden | e.DriftAccepted | c.CanarySuperseded) -> str:
    return f": {event.reason}" if event.reason else ""


def _succeeded(event: e.StepSucceeded) -> str:
    how = "found done" if event.found else f"done in {event.duration_ms} ms"
    return f"{_step(event)} {how}" + (f": {event.message}" if event.message else "")


def _failed_step(event: e.StepFailed) -> str:
    code = f" (exit code {event.exit_code})" if event.exit_code is not None else ""
    return f"{_step(event)} failed{code}: {event.message}"


def _failed(event: e.DeploymentFailed) -> str:
    return f"at {event.step}{' (target unchanged)' if event.unchanged else ''}: {event.message}"


def _aborted(event: e.DeploymentAborted) -> str:
    effect = "after an effect" if event.effect else "before any effect"
    return f"by {event.by}, {effect}" + (f": {event.reason}" if event.reason else "")


def _going_back(event: e.RollbackStarted) -> str:
    kind = "automatically" if event.automatic else f"by {event.by}"
    return f"to {event.to['version']} {kind}" + (f": {event.reason}" if event.reason else "")


def _sampled(event: c.CanarySampled) -> str:
    """The last sample of each check, and how many there are."""
    last = {one["check"]: f"{one['check']} {one['verdict']}: {one.get('message', '')}" for one in event.samples}
    return f"{event.step}, {len(event.samples)} samples; {'; '.join(last.values())}"


def _step(event: e.StepStarted | e.StepSucceeded | e.StepFailed | e.StepProbed) -> str:
    return event.step if event.phase == "deploy" else f"{event.phase}/{event.step}"


def _digest(digest: str) -> str:
    return f"plan {digest[:19]}"


_SUMMARIES: dict[type[e.Event], Callable[[Any], str]] = {
    e.DeploymentRequested: _requested,
    e.DecisionRequested: lambda event: f"{event.decision_id}: {event.question}",
    e.DecisionMade: _made,
    e.DecisionNotTaken: lambda event: f"{event.decision_id} = {event.answer} by {event.by}, not taken: {event.message}",
    e.DeploymentApproved: lambda event: f"{_digest(event.plan_digest)} by {event.by} ({event.how})" + _why(event),
    e.FreezeOverridden: lambda event: f"until {event.end}, by {event.by}" + _why(event),
    e.DriftAccepted: lambda event: f"{'; '.join(event.drift)}, by {event.by}" + _why(event),
    c.CanarySampled: _sampled,
    c.CanarySuperseded: lambda event: f"the canary of {event.deployment_id} was removed, by {event.by}" + _why(event),
    e.TargetSelected: lambda event: f"{event.target} ({event.how})",
    e.ModeSelected: lambda event: f"{event.mode} ({event.how})",
    e.DeploymentPrepared: _prepared,
    e.CheckRecorded: lambda event: f"{event.phase}: {event.name}: {event.status}: {event.message}",
    e.DeploymentSimulated: lambda event: "checks passed" if event.success else "checks failed",
    e.DeploymentConfirmed: lambda event: f"{_digest(event.plan_digest)} by {event.by} ({event.how})",
    e.DeploymentRefused: lambda event: f"{event.rule}: {event.message}",
    v.ValidationTakenIn: lambda event: (
        f"{event.report['readiness']['recommendation']}, score {event.report['readiness']['score']}, by {event.by}"
    ),
    v.WarningsAccepted: lambda event: f"{', '.join(event.checks)} by {event.by}: {event.reason}",
    v.ValidationApplied: lambda event: f"{event.validation_id or 'handed in'}: {event.recommendation}, score {event.score}",
    e.ExecutionStarted: lambda event: f"slot held at epoch {event.epoch}",
    e.StepStarted: lambda event: f"{_step(event)} [{event.number}/{event.total}], attempt {event.attempt}",
    e.StepProbed: lambda event: f"{_step(event)}: {event.answer}: {event.detail}",
    e.StepSucceeded: _succeeded,
    e.StepFailed: _failed_step,
    e.DeploymentInterrupted: lambda event: event.signal + (f" during {event.step}" if event.step else ""),
    e.DeploymentResumed: lambda event: (
        f"by {event.by} on {event.host}" + (f", in place of {event.taken_over_from}" if event.taken_over_from else "")
    ),
    e.DeploymentPaused: lambda event: event.reason,
    e.DeploymentContinued: lambda event: f"by {event.by}" + (f": {event.reason}" if event.reason else ""),
    e.DeploymentDeployed: lambda event: f"{event.release['version']} is live, not yet verified",
    e.DeploymentVerified: lambda event: f"{event.release['version']} in round {event.round}",
    e.VerificationFailed: lambda event: f"round {event.round}: {event.message}",
    e.DeploymentFailed: _failed,
    e.DeploymentAborted: _aborted,
    e.RollbackStarted: _going_back,
    e.RolledBack: lambda event: f"{event.release['version']} is live and verified",
    e.RollbackFailed: lambda event: f"at {event.step}: {event.message}",
}
