"""What validation had to say about one deployment, in order: `validation_details`, a part of `details`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.domain import validation_events as v
from orchestrator.domain.events import Event

TAKEN_IN, ACCEPTED, APPLIED = "taken_in", "accepted", "applied"


@dataclass(frozen=True, kw_only=True)
class ValidationDetail:
    """One moment.

    Attributes:
        what: taken_in, a report was handed in; accepted, somebody accepted its warnings; applied, it allowed the deployment.
        by: Who did it: ``name@host``; None for applied.
        checks: The warnings that were accepted.
        reason: Why they were.
    """

    what: str
    at: str
    validation_id: str | None
    by: str | None = None
    score: int | None = None
    recommendation: str | None = None
    checks: tuple[str, ...] = ()
    reason: str | None = None


def validation_details(history: Iterable[tuple[Event, str]]) -> tuple[ValidationDetail, ...]:
    """From a deployment's events with their times."""
    return tuple(found for event, time in history if (found := _detail(event, time)) is not None)


def _detail(event: Event, time: str) -> ValidationDetail | None:
    if isinstance(event, v.ValidationTakenIn):
        said = event.report["readiness"]
        return ValidationDetail(
            what=TAKEN_IN,
            at=time,
            validation_id=event.report.get("validation_id"),
            by=event.by,
            score=said["score"],
            recommendation=said["recommendation"],
        )
    if isinstance(event, v.WarningsAccepted):
        checks, name = tuple(event.checks), event.validation_id
        return ValidationDetail(what=ACCEPTED, at=time, validation_id=name, by=event.by, checks=checks, reason=event.reason)
    if isinstance(event, v.ValidationApplied):
        return ValidationDetail(
            what=APPLIED,
            at=time,
            validation_id=event.validation_id,
            score=event.score,
            recommendation=event.recommendation,
            checks=tuple(event.accepted),
        )
    return None
