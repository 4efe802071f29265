"""Whether something went wrong, how long it was broken and how bad that was: `is_incident`, `outage`, `severity`.

Pure; outage and severity are told from recorded checks alone. The rule of `severity` stands in docs/incidents.md too. Not here:
what else an incident report says (`projections/incident.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.lifecycle import State

PRODUCTION = frozenset({"production", "prod"})
LONG_OUTAGE_S = 900.0
"""From here on an outage counts as a long one."""


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class SeenCheck(NamedTuple):
    """One check of a verification; *at*: ISO 8601 with offset."""

    phase: str
    round: int
    status: str
    at: str


@dataclass(frozen=True, kw_only=True)
class Outage:
    """From the first failed check to the first verification after it that passed.

    Attributes:
        began_at: ISO 8601 with offset.
        ended_at: None: no verification on record has passed since.
        seconds: None while it has not ended. A clock that was set back gives 0.
    """

    began_at: str
    ended_at: str | None
    seconds: float | None


def outage(checks: Iterable[SeenCheck]) -> Outage | None:
    """The last outage that *checks* (in the order of their events) show; None when none failed."""
    began: str | None = None
    found: Outage | None = None
    for answers in _rounds(checks):
        failed = next((check.at for check in answers if check.status == "fail"), None)
        passed = next((check.at for check in answers if check.status == "pass"), None)
        if failed is not None:
            began = began or failed
        elif passed is not None and began is not None:
            found, began = Outage(began_at=began, ended_at=passed, seconds=_between(began, passed)), None
    return Outage(began_at=began, ended_at=None, seconds=None) if began is not None else found


def severity(environment: str, *, affected: bool, restored: bool, seen: Outage | None) -> tuple[Severity, str]:
    """How bad it was, and the line of the rule that says so.

    Args:
        affected: A step that changes what is live had started, or a release that was live failed its checks.
        restored: A verified release is live again.
        seen: What the checks show.
    """
    production = environment.casefold() in PRODUCTION
    where = "production" if production else "not production"
    if not affected:
        return Severity.LOW, "what is live was not changed"
    if not restored:
        return (Severity.CRITICAL if production else Severity.HIGH), f"{where}, and no verified release is live again"
    if seen is None:
        return (Severity.MEDIUM if production else Severity.LOW), f"{where}, restored, and no failed health check is on record"
    if seen.seconds is None or seen.seconds >= LONG_OUTAGE_S:
        length = f"an outage of at least {LONG_OUTAGE_S / 60:g} minutes"
        return (Severity.CRITICAL if production else Severity.MEDIUM), f"{where}, restored after {length}"
    length = f"an outage of less than {LONG_OUTAGE_S / 60:g} minutes"
    return (Severity.HIGH if production else Severity.LOW), f"{where}, restored after {length}"


def _rounds(checks: Iterable[SeenCheck]) -> Iterable[list[SeenCheck]]:
    """The verifications one after another; what was asked before a deployment (preflight) is none."""
    found: dict[tuple[str, int], list[SeenCheck]] = {}
    for check in checks:
        if check.phase in {"verify", "rollback_verify"}:
            found.setdefault((check.phase, check.round), []).append(check)
    return found.values()


def _between(start: str, end: str) -> float:
    return max(0.0, round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 3))


def is_incident(deployment: Deployment) -> bool:
    """Something went wrong in it: it failed, its release failed a later verification, or it was left for another one."""
    doubted = deployment.state is State.DEPLOYED and not deployment.under_way
    given_up = deployment.aborted is not None and deployment.aborted.effect
    return deployment.failure is not None or deployment.rollback is not None or doubted or given_up
