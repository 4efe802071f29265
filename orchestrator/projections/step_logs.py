"""Which attempts of which steps a deployment made, and where their output is: `step_logs`, from its events in order.

The output itself is an attachment of the stream, in compressed chunks that hold no secret; nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain.plan import Step

RUNNING, DONE, FAILED, INTERRUPTED = "running", "done", "failed", "interrupted"


@dataclass(frozen=True, kw_only=True)
class StepLog:
    """One attempt of one step.

    Attributes:
        name: Of the attachment with its output: ``PHASE/STEP/ATTEMPT``.
        status: running (no outcome is on record), done, failed, or interrupted (its process died; it did not come to an outcome).
        found: It was found done by a later process.
        attempt_dir: Where its commands leave their output while they run, on *host* since *boot_id*.
        has_output: The attachment exists.
        size_bytes: Of the output, uncompressed.
        notes: What the step itself had to say, line by line.
    """

    name: str
    phase: str
    step: str
    attempt: int
    number: int
    total: int
    title: str
    status: str
    started_at: str
    host: str
    boot_id: str
    attempt_dir: str
    duration_ms: int | None = None
    found: bool = False
    error: str | None = None
    has_output: bool = False
    size_bytes: int = 0
    notes: tuple[str, ...] = ()

    def fits(self, step: str | None) -> bool:
        """Whether it is meant by *step*: the step's name, ``PHASE/STEP/ATTEMPT``, or None for all."""
        return step in {None, self.step, self.name}


class StepLogs:
    """The attempts as far as events were told. Keeps the order in which they started."""

    def __init__(self) -> None:
        self._titles: dict[tuple[str, str], str] = {}
        self._logs: dict[str, StepLog] = {}

    @property
    def all(self) -> tuple[StepLog, ...]:
        return tuple(self._logs.values())

    def add(self, event: e.Event, time: str) -> StepLog | None:
        """Take *event* in; the attempt that it began or ended, if it did."""
        match event:
            case e.DeploymentPrepared():
                self._name("deploy", [Step.from_json(step) for step in event.plan["steps"]])
                self._name("on_failure", [Step.from_json(step) for step in event.on_failure])
            case e.RollbackStarted():
                self._name("rollback", [Step.from_json(step) for step in event.plan["steps"]])
            case e.StepStarted():
                return self._started(event, time)
            case e.StepSucceeded():
                return self._ended(event, status=DONE, found=event.found, duration_ms=event.duration_ms)
            case e.StepFailed():
                return self._ended(event, status=FAILED, error=event.message, duration_ms=event.duration_ms)
            case e.StepProbed() if event.answer == "not_done" or event.output is not None:
                return self._ended(event, status=INTERRUPTED, error=event.detail)
        return None

    def _name(self, phase: str, steps: Iterable[Step]) -> None:
        self._titles |= {(phase, step.name): step.title for step in steps}

    def _started(self, event: e.StepStarted, time: str) -> StepLog:
        name = f"{event.phase}/{event.step}/{event.attempt}"
        self._logs[name] = StepLog(
            name=name,
            phase=event.phase,
            step=event.step,
            attempt=event.attempt,
            number=event.number,
            total=event.total,
            title=self._titles.get((event.phase, event.step), event.step),
            status=RUNNING,
            started_at=time,
            host=event.host,
            boot_id=event.boot_id,
            attempt_dir=event.attempt_dir,
        )
        return self._logs[name]

    def _ended(self, event: e.StepSucceeded | e.StepFailed | e.StepProbed, **known: Any) -> StepLog | None:
        name = f"{event.phase}/{event.step}/{event.attempt}"
        output = event.output or {}
        if name not in self._logs:
            return None
        self._logs[name] = replace(
            self._logs[name],
            has_output="attachment" in output,
            size_bytes=sum(command.get("bytes", 0) for command in output.get("commands", ())),
            notes=tuple(output.get("notes", ())),
            **known,
        )
        return self._logs[name]


def step_logs(history: Iterable[tuple[e.Event, str]]) -> tuple[StepLog, ...]:
    """The attempts of a whole history of (event, time) pairs."""
    logs = StepLogs()
    for event, time in history:
        logs.add(event, time)
    return logs.all
