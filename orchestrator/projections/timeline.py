"""What happened in a deployment, line by line with the times of its events: `timeline`. For people; the events say more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.domain import events as e


@dataclass(frozen=True, kw_only=True)
class Moment:
    """*at*: when it was recorded, ISO 8601 with offset. *what*: one line. *by*: who did it; "" where nobody in particular did."""

    at: str
    what: str
    by: str = ""


def timeline(history: Iterable[tuple[e.Event, str]]) -> tuple[Moment, ...]:
    """The moments of a history of (event, time) pairs, in the order in which they were recorded."""
    found = ((_said(event), time) for event, time in history)
    return tuple(Moment(at=time, what=said[0], by=said[1]) for said, time in found if said is not None)


def _said(event: e.Event) -> tuple[str, str] | None:
    """What *event* means, and who did it; None for what only the program needs."""
    words, by = _WORDS.get(type(event)), _BY.get(type(event))
    return (words(event), getattr(event, by) if by else "") if words is not None and not _preflight(event) else None


def _preflight(event: e.Event) -> bool:
    return isinstance(event, e.CheckRecorded) and event.phase == "preflight"


def _rollback_started(event: e.RollbackStarted) -> str:
    way = "automatic rollback" if event.automatic else "rollback"
    return f"{way} to {event.to['version']} started{_why(event.reason)}"


def _step_started(event: e.StepStarted) -> str:
    again = f", attempt {event.attempt}" if event.attempt > 1 else ""
    return f"step {_step(event.phase, event.step)} started{again}"


def _step_succeeded(event: e.StepSucceeded) -> str:
    how = "found done" if event.found else f"done after {event.duration_ms / 1000:g} s"
    return f"step {_step(event.phase, event.step)} {how}"


def _step_failed(event: e.StepFailed) -> str:
    after = f"failed after {event.duration_ms / 1000:g} s"
    return f"step {_step(event.phase, event.step)} {after}: {_first_line(event.message)}"


def _step(phase: str, step: str) -> str:
    return step if phase == "deploy" else f"{phase}/{step}"


def _why(reason: str) -> str:
    return f": {_first_line(reason)}" if reason else ""


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")


_WORDS: dict[type[e.Event], Callable[[Any], str]] = {
    e.DeploymentRequested: lambda event: f"deployment of {event.version} requested{_why(event.reason)}",
    e.DecisionMade: lambda event: f"{event.decision_id} answered {event.answer} ({event.how}){_why(event.reason)}",
    e.DeploymentConfirmed: lambda event: f"plan confirmed ({event.how}){_why(event.reason)}",
    e.DeploymentRefused: lambda event: f"refused ({event.rule}): {_first_line(event.message)}",
    e.ExecutionStarted: lambda event: "execution started",
    e.StepStarted: _step_started,
    e.StepSucceeded: _step_succeeded,
    e.StepFailed: _step_failed,
    e.StepProbed: lambda event: f"the target was asked whether {_step(event.phase, event.step)} was done: {event.answer}",
    e.CheckRecorded: lambda event: f"check {event.name}: {event.status}: {_first_line(event.message)}",
    e.DeploymentInterrupted: lambda event: f"interrupted by {event.signal}{f' in {event.step}' if event.step else ''}",
    e.DeploymentResumed: lambda event: f"resumed on {event.host}",
    e.DeploymentPaused: lambda event: f"paused{_why(event.reason)}",
    e.DeploymentContinued: lambda event: f"continued{_why(event.reason)}",
    e.DeploymentDeployed: lambda event: f"all steps done: {event.release['version']} is live, not verified yet",
    e.DeploymentVerified: lambda event: f"{event.release['version']} verified",
    e.VerificationFailed: lambda event: f"a later verification failed: {_first_line(event.message)}",
    e.DeploymentFailed: lambda event: f"deployment failed at {event.step}: {_first_line(event.message)}",
    e.DeploymentAborted: lambda event: f"given up{_why(event.reason)}",
    e.RollbackStarted: _rollback_started,
    e.RolledBack: lambda event: f"{event.release['version']} restored and verified",
    e.RollbackFailed: lambda event: f"rollback failed at {event.step}: {_first_line(event.message)}",
}
_BY: dict[type[e.Event], str] = {
    e.DeploymentRequested: "actor",
    **dict.fromkeys(
        (e.DecisionMade, e.DeploymentConfirmed, e.DeploymentResumed, e.DeploymentContinued, e.DeploymentAborted), "by"
    ),
    e.RollbackStarted: "by",
}
"""The field that says who did it."""
