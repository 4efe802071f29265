"""Finding out what became of a step whose process is gone: its children are waited for or stopped, then the target is asked.

It never guesses: what neither can tell is a question for a person. Start at `settle`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import OutcomeUnknown
from orchestrator.domain.execution import StepRecord
from orchestrator.domain.plan import Step
from orchestrator.domain.questions import STEP_OUTCOME
from orchestrator.services.ports import Settled
from orchestrator.services.repository import Journal
from orchestrator.services.road import HOOK, Road, Unrecorded, kept_output
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import Answer, Observation


def settle(road: Road, record: StepRecord) -> Unrecorded:
    """Whether the step was done, or has to be made (again).

    Raises:
        OutcomeUnknown: Neither its children nor the target can tell; the question is on record.
    """
    workspace, step, started = road.workspace, record.step, _started(record)
    with workspace.stop.breakable(2):
        settled = workspace.children.settle(
            Path(started.attempt_dir), same_boot=_same_boot(workspace, started), wait_s=step.timeout_s
        )
    with workspace.stop.breakable(1):
        observation = _ask(road, step, settled)
    if observation.answer is Answer.UNKNOWN:
        return _by_decision(road, record, observation, settled)
    return _known(road, record, observation, settled, by="the target")


def stop_children(workspace: Workspace, deployment: Deployment) -> Settled | None:
    """Stop whatever an interrupted step's children still do, and record nothing. None if no step was interrupted."""
    record = deployment.running_step
    return _stopped(workspace, _started(record)) if record is not None else None


def stop_leftovers(workspace: Workspace, journal: Journal) -> Unrecorded | None:
    """The same for a deployment that is given up: what is known of its step waits for the commit."""
    for execution in journal.deployment.under_way_now:
        record = execution.in_doubt
        if record is None:
            continue
        directory = Path(_started(record).attempt_dir)
        _stopped(workspace, _started(record))
        attachments, output = kept_output(workspace, execution.phase, record.step.name, record.attempt, directory)
        not_asked = Observation(Answer.UNKNOWN, "not asked: it was given up")
        return Unrecorded((_probed(execution.phase, record, not_asked, output),), attachments, directory, done=False)
    return None


def record_last(workspace: Workspace, journal: Journal, *events: e.Event) -> None:
    """Record *events*, which end the deployment, with what is known of a step in doubt, whose children are stopped."""
    left = stop_leftovers(workspace, journal)
    if left is not None:
        left.commit(journal, workspace, *events)
    else:
        journal.record(*events)


def _stopped(workspace: Workspace, started: e.StepStarted) -> Settled:
    with workspace.stop.breakable(2):
        return workspace.children.settle(Path(started.attempt_dir), same_boot=_same_boot(workspace, started), wait_s=0)


def _started(record: StepRecord) -> e.StepStarted:
    assert record.started is not None  # noqa: S101 - asked only of steps in doubt
    return record.started


def _same_boot(workspace: Workspace, started: e.StepStarted) -> bool:
    here = workspace.here
    return (started.host, started.boot_id, started.pid_namespace) == (here.host, here.boot_id, here.pid_namespace)


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


def _by_decision(road: Road, record: StepRecord, observation: Observation, settled: Settled) -> Unrecorded:
    """UNKNOWN: only a person's answer leads on."""
    deployment, step = road.journal.deployment, record.step
    made = deployment.answers.get(STEP_OUTCOME.decision_id)
    if made is not None and made.answer in (Answer.DONE, Answer.NOT_DONE):
        return _known(road, record, Observation(Answer(made.answer), f"{made.by} says so"), settled, by=made.by)
    asked = e.DecisionRequested(
        decision_id=STEP_OUTCOME.decision_id,
        question=f"{step.title}: {STEP_OUTCOME.question}",
        header=STEP_OUTCOME.header,
        options=[option.to_json() for option in STEP_OUTCOME.options],
        detail={"step": step.name, "probe": observation.detail},
    )
    probed = _probed(road.execution.phase, record, observation)
    road.journal.record(probed, *([asked] if deployment.open_decision is None else []))
    raise OutcomeUnknown(deployment.id, step.name, observation.detail)


def _known(road: Road, record: StepRecord, observation: Observation, settled: Settled, *, by: str) -> Unrecorded:
    """The answer with the output of the attempt. A question that still stood open is answered with it."""
    workspace, deployment, phase, step = road.workspace, road.journal.deployment, road.execution.phase, record.step
    directory, done = Path(_started(record).attempt_dir), observation.answer is Answer.DONE
    attachments, output = kept_output(workspace, phase, step.name, record.attempt, directory)
    said = "was done before" if done else "is not done"
    workspace.narrator.line(workspace.mask.mask(f"{step.title}: {said} ({observation.detail})"))
    events: list[e.Event] = [_probed(phase, record, observation, None if done else output)]
    asked = deployment.open_decision
    if asked is not None and asked.decision_id == STEP_OUTCOME.decision_id:
        made = e.DecisionMade(
            decision_id=asked.decision_id, answer=observation.answer, how="probe", by=by, reason=observation.detail
        )
        events.append(made)
    if done:
        found = e.StepSucceeded(
            phase=phase,
            step=step.name,
            attempt=record.attempt,
            message=observation.detail,
            data=dict(observation.data),
            exit_code=max(settled.exit_codes.values(), default=None),
            found=True,
            output=output,
        )
        events.append(found)
    return Unrecorded(tuple(events), attachments, directory, done)


def _probed(phase: str, record: StepRecord, observation: Observation, output: dict[str, Any] | None = None) -> e.StepProbed:
    return e.StepProbed(
        phase=phase,
        step=record.step.name,
        attempt=record.attempt,
        answer=observation.answer,
        detail=observation.detail,
        output=output,
    )
