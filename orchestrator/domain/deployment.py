"""The aggregate: a deployment folded from its events, and the decisions that a command may ask of it.

Pure: no clock, no I/O. `Deployment.apply` is the only way its state changes, for a live deployment and for a replay alike; it
checks every event against the lifecycle. The methods below `apply` decide: they return events or raise a typed refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.domain import canary_events as c
from orchestrator.domain import events as e
from orchestrator.domain import validation_events as v
from orchestrator.domain.errors import HistoryBroken, IllegalTransition, NotConfirmed, PlanStale
from orchestrator.domain.evolve import EVOLVE
from orchestrator.domain.execution import Execution, Rollback, Status, StepRecord
from orchestrator.domain.lifecycle import UNDER_WAY, State, Trigger, target_of
from orchestrator.domain.plan import CANARY_REMOVE, CANARY_WATCH, CANARY_WEIGHT, Mode, Plan, Release, Slot
from orchestrator.domain.questions import CANARY_PAUSE, PROMOTE_FULL
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
    drift_accepted: list[e.DriftAccepted] = field(default_factory=list)
    sampled: list[c.CanarySampled] = field(default_factory=list)
    known_samples: int = 0  # so many samples were there when somebody last let the canary go on
    superseded_canary: c.CanarySuperseded | None = None
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
        evolve = EVOLVE.get(type(event))
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
    def canary_up(self) -> bool:
        """A part of what serves may be its canary: one was begun, and its removal is not on record."""
        if self.plan is None or self.plan.mode is not Mode.CANARY or self.forward is None:
            return False
        records = self.forward.records.values()
        back = self.backward.records.values() if self.backward is not None else ()
        removed = any(one.step.kind == CANARY_REMOVE and one.status is Status.DONE for one in (*records, *back))
        return not removed and any(one.step.kind == CANARY_WEIGHT and one.effect for one in records)

    @property
    def canary_watched(self) -> StepRecord | None:
        """The step that watches its canary, if that is under way: a person's word counts."""
        running = self.running_step if self.state in (State.EXECUTING, State.PAUSED) else None
        return running if running is not None and running.step.kind == CANARY_WATCH else None

    @property
    def promoted_in_full(self) -> bool:
        """Somebody let its canary go on to the promotion, past what is left of its weights and pauses."""
        made = self.answers.get(CANARY_PAUSE.decision_id)
        return made is not None and made.answer == PROMOTE_FULL

    @property
    def effect(self) -> bool:
        return self.forward is not None and self.forward.effect

    @property
    def executions(self) -> list[Execution]:
        return [execution for execution in (self.forward, self.on_failure, self.backward) if execution is not None]

    @property
    def under_way_now(self) -> list[Execution]:
        """Those of which a step may be running. Once it goes back only the way back: what was given up before stays in doubt."""
        return [self.backward] if self.backward is not None else self.executions

    @property
    def running_step(self) -> StepRecord | None:
        return next((found for execution in self.under_way_now if (found := execution.in_doubt)), None)

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

    def require_all(self, events: Iterable[e.Event]) -> None:
        """Raise IllegalTransition unless *events* may follow one another from here; nothing is applied."""
        state = self.state
        for event in events:
            if event.trigger is not None:
                state = target_of(self.id, state, event.trigger)

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
