"""Running the steps of a plan: intent on disk, effect, outcome on disk.

The outcome of one step and the intent of the next are one commit. `run_steps` is the whole road; a step that an earlier process
left without an outcome is settled first (`settling.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from orchestrator.domain import events as e
from orchestrator.domain.errors import AbortAsked, Interrupted, SlotLost
from orchestrator.domain.execution import Status, StepRecord
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import CANARY_WATCH, CANARY_WEIGHT, Step
from orchestrator.domain.questions import CANARY_PAUSE
from orchestrator.services.repository import Journal
from orchestrator.services.road import HOOK, Road, Unrecorded, in_words, kept_output
from orchestrator.services.settling import settle
from orchestrator.services.step_run import Attempt
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import StepError, StepOutcome

STDERR_CHARS = 4000


def run_steps(road: Road) -> StepRecord | None:
    """Run what is left of the execution.

    Returns:
        The step that failed, or None when all are done.

    Raises:
        Interrupted: A signal; the step's outcome is not on record.
        SlotLost: Another process has the slot; the step's outcome is not on record.
        OutcomeUnknown: A person must look.
    """
    before: Unrecorded | None = None
    for record in list(road.execution.records.values()):
        if record.status is Status.DONE:
            continue
        if record.status is Status.FAILED:
            return record
        if record.started is not None:
            before = settle(road, record)
            if before.done:
                continue
        before = _attempt(road, record, before)
        if before is None:
            return record
    if before is not None:
        before.commit(road.journal, road.workspace)
    return None


@contextmanager
def interruption_noted(journal: Journal) -> Iterator[None]:
    """A signal that ends the work inside is put on record, with the step that it stopped."""
    try:
        yield
    except Interrupted as interrupted:
        step = journal.deployment.running_step
        journal.record(e.DeploymentInterrupted(signal=interrupted.signal_name, step=step.step.name if step else None))
        raise


def _attempt(road: Road, record: StepRecord, before: Unrecorded | None) -> Unrecorded | None:
    """Record the intent together with what is not on record *before* it, then apply. None: it failed, and that is on record."""
    workspace, step = road.workspace, record.step
    if workspace.stop.signal is not None:
        # What has to be made again is probed again by whoever resumes.
        if before is not None and before.done:
            before.commit(road.journal, workspace)
        workspace.stop.check()
    attempt = record.attempt + 1
    directory = workspace.children.attempt_dir(
        road.journal.deployment.id, road.execution.phase, step.name, attempt, make=step.command is not None
    )
    intent = _intent(road, step, attempt, directory)
    if before is not None:
        before.commit(road.journal, workspace, intent)
    else:
        road.journal.record(intent)
    workspace.narrator.step_started(intent.number, road.total, step.title)
    started = workspace.clock.monotonic()
    held = road.journal.check_held
    run = Attempt(
        workspace, step, road.journal.deployment.id, attempt, road.execution.outcomes, directory, started, check_held=held
    )
    try:
        with _broken_by_signals(workspace, step):
            outcome = _apply(road, step, run)
    except (Interrupted, SlotLost, AbortAsked):
        raise
    except Exception as error:  # noqa: BLE001 - a mistake in a target is a failure of its step, with the trace on record
        _record_failure(road, run, error)
        return None
    duration = _ms(workspace, started)
    workspace.narrator.step_finished("done", duration)
    return _succeeded(road, run, outcome, duration)


def _broken_by_signals(workspace: Workspace, step: Step) -> AbstractContextManager[None]:
    """A second signal stops the wait for an effect wherever it is. A watch records while it waits, and heeds the first one."""
    return nullcontext() if step.kind == CANARY_WATCH else workspace.stop.breakable(2)


def _apply(road: Road, step: Step, run: Attempt) -> StepOutcome:
    deployment = road.journal.deployment
    if step.kind == HOOK:
        return _apply_hook(step, run)
    # What was never measured is not promoted: the first watch is held all the same.
    left_out = step.kind == CANARY_WEIGHT or (step.kind == CANARY_WATCH and deployment.sampled)
    if left_out and deployment.promoted_in_full:
        made = deployment.answers[CANARY_PAUSE.decision_id]
        if deployment.state is State.PAUSED:  # the process that would have heard it is dead
            road.journal.record(e.DeploymentContinued(by=made.by, reason=made.reason))
        return StepOutcome(f"left out: promoted in full by {made.by}")
    if step.kind == CANARY_WATCH:
        from orchestrator.services.canary import watch  # only a canary needs it

        return watch(road, run)
    return road.target.apply(step, run)


def _apply_hook(step: Step, run: Attempt) -> StepOutcome:
    """The user's own command."""
    run.command(step.inputs["argv"], cwd=run.workspace.project_dir)
    return StepOutcome()


def _succeeded(road: Road, run: Attempt, outcome: StepOutcome, duration_ms: int) -> Unrecorded:
    attachments, output = kept_output(road.workspace, road.execution.phase, run.step.name, run.attempt, run.directory, run.notes)
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
    return Unrecorded((event,), attachments, run.directory)


def _record_failure(road: Road, run: Attempt, error: Exception) -> None:
    from traceback import format_exception  # only a failure needs it

    workspace, step = road.workspace, run.step
    duration = _ms(workspace, run.started)
    attachments, output = kept_output(workspace, road.execution.phase, step.name, run.attempt, run.directory, run.notes)
    event = e.StepFailed(
        phase=road.execution.phase,
        step=step.name,
        attempt=run.attempt,
        message=_message(error),
        exit_code=_exit_code(error, run),
        duration_ms=duration,
        stderr=run.last.stderr[-STDERR_CHARS:] if run.last else "",
        trace="".join(format_exception(error)),
        output=output,
        effect=not isinstance(error, StepError) or error.effect,
    )
    Unrecorded((event,), attachments, run.directory).commit(road.journal, workspace)
    workspace.narrator.step_finished("failed", duration)


def _message(error: Exception) -> str:
    """With the end of the real output, if it is not in there already."""
    tail = error.output_tail if isinstance(error, StepError) else ""
    said = in_words(error)
    lines = set(map(str.strip, said.splitlines()))
    return said if lines.issuperset(map(str.strip, tail.splitlines())) else f"{said}\n{tail}"


def _exit_code(error: Exception, run: Attempt) -> int | None:
    """Of the command that failed; a command that succeeded before the step failed says nothing about that."""
    if isinstance(error, StepError) and error.exit_code is not None:
        return error.exit_code
    return (run.last.exit_code or None) if run.last else None


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
