"""Lists of steps and how far they are: what a `Deployment` is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain.plan import Plan, Release, Step


class Phase(StrEnum):
    """Which list of steps an event belongs to."""

    DEPLOY = "deploy"
    ON_FAILURE = "on_failure"
    ROLLBACK = "rollback"


class Status(StrEnum):
    """Of one step, as it is shown."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass
class StepRecord:
    """What is known of one step.

    Attributes:
        started: Set while the outcome is not on record.
        effect: It may have changed something: some attempt was started, and it is not known that it did nothing.
    """

    step: Step
    status: Status = Status.PENDING
    attempt: int = 0
    started: e.StepStarted | None = None
    started_at: str | None = None
    finished_at: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    error: str | None = None
    stderr: str = ""
    trace: str = ""
    exit_code: int | None = None
    duration_ms: int = 0
    found: bool = False
    output: Mapping[str, Any] | None = None
    effect: bool = False


@dataclass
class Execution:
    """One list of steps and how far it is."""

    phase: Phase
    records: dict[str, StepRecord]

    @classmethod
    def of(cls, phase: Phase, steps: Iterable[Step]) -> Execution:
        return cls(phase, {step.name: StepRecord(step) for step in steps})

    @property
    def next(self) -> StepRecord | None:
        """The first step without a success: to be started, or, when it has started, to be probed."""
        return next((record for record in self.records.values() if record.status is not Status.DONE), None)

    @property
    def in_doubt(self) -> StepRecord | None:
        """The step whose intent is on record and whose outcome is not."""
        return next((record for record in self.records.values() if record.status is Status.RUNNING), None)

    @property
    def failed(self) -> StepRecord | None:
        return next((record for record in self.records.values() if record.status is Status.FAILED), None)

    @property
    def outcomes(self) -> dict[str, Mapping[str, Any]]:
        return {name: record.data for name, record in self.records.items() if record.status is Status.DONE}

    @property
    def effect(self) -> bool:
        """A step with an effect may have changed something."""
        return any(record.effect for record in self.records.values())

    @property
    def touched_live(self) -> bool:
        """A step that changes what is live may have started."""
        return any(record.effect and record.step.live for record in self.records.values())


@dataclass
class Rollback:
    """One way back: its plan, its target release and who started it."""

    plan: Plan
    to: Release
    automatic: bool
    by: str
    reason: str
    started_at: str
    finished_at: str | None = None
