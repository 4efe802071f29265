"""Running the steps of a plan: intent on disk, effect, outcome on disk.

The outcome of one step and the intent of the next are one commit. `run_steps` is the whole road; a step that an earlier process
left without an outcome is settled first (`settle`): its children waited for or stopped, then the target is asked.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventstore import Attachment
from orchestrator.domain import events as e
from orchestrator.domain.errors import Interrupted, OutcomeUnknown, PopDeployError
from orchestrator.domain.execution import Execution, Status, StepRecord
from orchestrator.domain.plan import Step
from orchestrator.domain.questions import STEP_OUTCOME
from orchestrator.services.ports import Settled
from orchestrator.services.repository import Journal
from orchestrator.services.step_run import Attempt
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import Answer, Observation, StepError, StepOutcome, Target

HOOK = "hook"


@dataclass(frozen=True)
class Road:
    """One execution on its way: whose, with which target, and how many lines its report counts."""

    workspace: Workspace
    journal: Journal
    target: Target
    execution: Execution
    total: int


def run_steps(road: Road) -> StepRecord | None:
    """Run what is left of the execution.

    Returns:
        The step that failed, or None when all are done.

    Raises:
        Interrupted: A signal; the step's outcome is not on record.
        OutcomeUnknown: A person must look.
    """
    finished: _Finished | None = None
    for record in list(road.execution.records.values()):
        if record.status is Status.DONE:
            continue
        if record.status is Status.FAILED:
            return record
        if record.started is not None and (found := settle(road, record)) is not None:
            finished = found
            continue
        finished = _attempt(road, record, finished)
        if finished is None:
            return record
    if finished is not None:
        _commit(road, finished)
    return None


@dataclass(frozen=True)
class _Finished:
    """A success that waits for its commit."""

    event: e.StepSucceeded
    attachments: tuple[Attachment, ...]
    directory: Path


def _attempt(road: Road, record: StepRecord, before: _Finished | None) -> _Finished | None:
    """Record the intent together with the outcome *before* it, then apply. None: it failed, and that is on record."""
    workspace, step = road.workspace, record.step
    if workspace.stop.signal is not None:
        if before is not None:
            _commit(road, before)
        workspace.stop.check()
    attempt = record.attempt + 1
    directory = workspace.children.attempt_dir(
        road.journal.deployment.id, road.execution.phase, step.name, attempt, make=step.command is not None
    )
    intent = _intent(road, step, attempt, directory)
    if before is not None:
        road.journal.record(before.event, intent, attachments=before.attachments)
        workspace.children.discard(before.directory)
    else:
        road.journal.record(intent)
    workspace.narrator.step_started(intent.number, road.total, step.title)
    started = workspace.clock.monotonic()
    run = Attempt(workspace, step, road.journal.deployment.id, attempt, road.execution.outcomes, directory, started)
    try:
        outcome = apply_hook(step, run) if step.kind == HOOK else road.target.apply(step, run)
    except Interrupted:
        raise
    except (PopDeployError, OSError) as error:
        _record_failure(road, run, error)
        return None
    duration = _ms(workspace, started)
    workspace.narrator.step_finished("done", duration)
    return _finished(road, run, outcome, duration)


def apply_hook(step: Step, run: Attempt) -> StepOutcome:
    """The user's own command."""
    run.command(step.inputs["argv"], cwd=run.workspace.project_dir)
    return StepOutcome()


def settle(road: Road, record: StepRecord) -> _Finished | None:
    """Find out what became of a step that was started by a process that is gone.

    Returns:
        Its success as found, or None when it has to be applied (again).

    Raises:
        OutcomeUnknown: Neither its children nor the target can tell; the question is on record.
    """
    workspace, step, started = road.workspace, record.step, record.started
    assert started is not None  # noqa: S101 - the caller asks for steps in doubt
    directory = Path(started.attempt_dir)
    settled = workspace.children.settle(directory, same_boot=_same_boot(workspace, started), wait_s=step.timeout_s)
    observation = _ask(road, step, settled)
    road.journal.record(
        e.StepProbed(
            phase=road.execution.phase,
            step=step.name,
            attempt=record.attempt,
            answer=observation.answer,
            detail=observation.detail,
        )
    )
    if observation.answer is Answer.DONE:
        workspace.narrator.line(f"{step.title}: was done before ({observation.detail})")
        return _as_found(road, record, observation, directory, settled)
    if observation.answer is Answer.NOT_DONE:
        return None
    return _by_decision(road, record, observation, directory, settled)


def _ask(road: Road, step: Step, settled: Settled) -> Observation:
    """The probe, with what the step's own children say where the target cannot tell."""
    exit_zero = bool(settled.exit_codes) and not any(settled.exit_codes.values())
    if step.command is not None and not settled.started and not settled.unknown:
        return Observation(Answer.NOT_DONE, "its command was never started")
    if not step.effect:
        return Observation(Answer.NOT_DONE, "it only waits: done again")
    if step.kind == HOOK:
        return _hook_says(settled, exit_zero=exit_zero)
    return _target_says(road, step, exit_zero=exit_zero)


def _target_says(road: Road, step: Step, *, exit_zero: bool) -> Observation:
    observation = road.target.probe(step, road.journal.deployment.id, road.execution.outcomes)
    if observation.answer is not Answer.UNKNOWN:
        return observation
    if exit_zero and step.command is not None:
        return Observation(Answer.DONE, "its command ended with exit code 0")
    if step.repeatable:
        return Observation(Answer.NOT_DONE, f"{observation.detail}; doing it again is harmless")
    return observation


def _hook_says(settled: Settled, *, exit_zero: bool) -> Observation:
    if exit_zero:
        return Observation(Answer.DONE, "its command ended with exit code 0")
    return Observation(Answer.UNKNOWN, settled.unknown or "the command was stopped or failed midway")


def make_sure_idle(workspace: Workspace, journal: Journal) -> None:
    """Stop whatever an interrupted step's children still do."""
    record = journal.deployment.running_step
    if record is not None and record.started is not None:
        workspace.children.settle(Path(record.started.attempt_dir), same_boot=_same_boot(workspace, record.started), wait_s=0)


def _same_boot(workspace: Workspace, started: e.StepStarted) -> bool:
    here = workspace.here
    return (started.host, started.boot_id, started.pid_namespace) == (here.host, here.boot_id, here.pid_namespace)


def _by_decision(road: Road, record: StepRecord, observation: Observation, directory: Path, settled: Settled) -> _Finished | None:
    """UNKNOWN: only a person's answer leads on."""
    deployment = road.journal.deployment
    answer = deployment.answers.get(STEP_OUTCOME.decision_id)
    if answer is not None and answer.answer == "done":
        return _as_found(road, record, Observation(Answer.DONE, f"{answer.by} says so"), directory, settled)
    if answer is not None and answer.answer == "not_done":
        return None
    if deployment.open_decision is None:
        road.journal.record(
            e.DecisionRequested(
                decision_id=STEP_OUTCOME.decision_id,
                question=f"{record.step.title}: {STEP_OUTCOME.question}",
                header=STEP_OUTCOME.header,
                options=[option.to_json() for option in STEP_OUTCOME.options],
                detail={"step": record.step.name, "probe": observation.detail},
            )
        )
    raise OutcomeUnknown(deployment.id, record.step.name, observation.detail)


def _as_found(road: Road, record: StepRecord, observation: Observation, directory: Path, settled: Settled) -> _Finished:
    attachments, output = _output(road, record.step, record.attempt, directory, [])
    event = e.StepSucceeded(
        phase=road.execution.phase,
        step=record.step.name,
        attempt=record.attempt,
        message=observation.detail,
        data=dict(observation.data),
        exit_code=max(settled.exit_codes.values(), default=None) if settled.exit_codes else None,
        found=True,
        output=output,
    )
    return _Finished(event, attachments, directory)


def _finished(road: Road, run: Attempt, outcome: StepOutcome, duration_ms: int) -> _Finished:
    attachments, output = _output(road, run.step, run.attempt, run.directory, run.notes)
    event = e.StepSucceeded(
        phase=road.execution.phase,
        step=run.step.name,
        attempt=run.attempt,
        message=outcome.message,
        data=dict(outcome.data),
        exit_code=run.last.exit_code if run.last else None,
        duration_ms=duration_ms,
        output=output,
    )
    return _Finished(event, attachments, run.directory)


def _commit(road: Road, finished: _Finished) -> None:
    road.journal.record(finished.event, attachments=finished.attachments)
    road.workspace.children.discard(finished.directory)


def _record_failure(road: Road, run: Attempt, error: Exception) -> None:
    workspace, step = road.workspace, run.step
    duration = _ms(workspace, run.started)
    attachments, output = _output(road, step, run.attempt, run.directory, run.notes)
    tail = error.output_tail if isinstance(error, StepError) else ""
    code = error.exit_code if isinstance(error, StepError) else None
    road.journal.record(
        e.StepFailed(
            phase=road.execution.phase,
            step=step.name,
            attempt=run.attempt,
            message=f"{error}\n{tail}".strip() if tail and tail not in str(error) else str(error),
            exit_code=code if code is not None else (run.last.exit_code if run.last else None),
            duration_ms=duration,
            stderr=run.last.stderr[-4000:] if run.last else "",
            trace="".join(traceback.format_exception(error)),
            output=output,
        ),
        attachments=attachments,
    )
    workspace.children.discard(run.directory)
    workspace.narrator.step_finished("failed", duration)


def _output(
    road: Road, step: Step, attempt: int, directory: Path, notes: list[str]
) -> tuple[tuple[Attachment, ...], dict[str, Any] | None]:
    """The step's log as an attachment, and its digest for the event."""
    kept = road.workspace.children.output(directory, f"{road.execution.phase}/{step.name}/{attempt}")
    if kept is None:
        return (), {"notes": notes} if notes else None
    attachment, described = kept
    return (attachment,), {**described, "notes": notes} if notes else dict(described)


def _intent(road: Road, step: Step, attempt: int, directory: Path) -> e.StepStarted:
    here = road.workspace.here
    return e.StepStarted(
        phase=road.execution.phase,
        step=step.name,
        number=list(road.execution.records).index(step.name) + 1,
        total=road.total,
        attempt=attempt,
        host=here.host,
        boot_id=here.boot_id,
        pid_namespace=here.pid_namespace,
        attempt_dir=str(directory),
    )


def _ms(workspace: Workspace, since: float) -> int:
    return round((workspace.clock.monotonic() - since) * 1000)
