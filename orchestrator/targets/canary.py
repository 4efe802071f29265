"""What judges a canary, whatever it runs on: `judge`, a pure function of the samples that are on record.

A driver (`swarm`, `kubernetes`) knows how to make a canary, how to remove it, and what its two sides are like: `CanaryTarget`.
`services/canary.py` takes the samples and records them, and does what the judge says. Because nothing but recorded samples is
judged, another process can go on with them, and `replay` shows why it ended as it did.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from orchestrator.domain.plan import Plan
from orchestrator.targets.base import Outcomes, Target
from orchestrator.targets.canary_config import READINESS, CanaryCheck

READINESS_S = 1.0
"""From one look at the two sides to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The canary, or the stable release beside it, as it is now.

    Attributes:
        name: What fits its tasks or pods in a query or command: ``shop-canary`` or a pattern like ``shop-canary-.*``.
        wanted: Replicas.
        ready: Those that serve.
        restarts: How often its tasks or pods have begun again or failed since they were made.
        problems: What is wrong, in words.
    """

    name: str
    wanted: int
    ready: int
    restarts: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    canary: Side
    stable: Side


class CanaryTarget(Target, Protocol):
    """A target that can deploy to a part first. Its plans are made with `canary_plans`."""

    def sides(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Sides:
        """Both sides by one question to the target: this is asked once a second for as long as a canary is watched.

        Raises:
            Unreachable, QueryTimeout: The target cannot be asked.
        """
        ...

    def endpoints(self, side: Side, port: int | None) -> Sequence[str]:
        """Where each of the side's own tasks or pods can be asked, past what spreads requests over both sides:
        ``http://10.0.0.7:8080``.

        Args:
            port: Of the container; None where it serves one only.

        Raises:
            Unreachable, QueryTimeout: As `sides`.
        """
        ...


class Verdict(StrEnum):
    """Of one sample."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    NO_DATA = "no_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement with its verdict; recorded as `to_json` gives it.

    Attributes:
        time: When it was taken; UTC, ISO 8601.
        value: None where there was none.
        threshold: What it was held against, in words: ``at most 0.01``.
        stable: The other side's value at the same time, where the check compares the two.
    """

    check: str
    time: str
    verdict: Verdict
    value: float | None = None
    threshold: str = ""
    message: str = ""
    stable: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sample:
        return cls(**{**data, "verdict": Verdict(data["verdict"])})


@dataclass(frozen=True, slots=True)
class Measured:
    """What asking for a value has brought.

    Attributes:
        value: None where the answer has none (an empty result, NaN), and where there was no answer.
        error: Why there was no answer, or "".
        failure: Why the answer is bad whatever its value (another HTTP status), or "".
    """

    value: float | None = None
    error: str = ""
    failure: str = ""


class Ruling(StrEnum):
    """What becomes of the canary."""

    GOOD = "good"
    WAIT = "wait"
    FAIL = "fail"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Judgement:
    """*reason* is for people. `GOOD` and `WAIT` differ in whether every check has its `min_samples`, one of them good."""

    ruling: Ruling
    reason: str


def readiness_sample(side: Side, time: str) -> Sample:
    """The sample of the check that is always asked."""
    threshold = f"{side.wanted} of {side.wanted} ready, no restart"
    shown = f"{side.ready} of {side.wanted} ready" + (f", {side.restarts} restarted or failed" if side.restarts else "")
    good = side.wanted > 0 and side.ready >= side.wanted and side.restarts == 0
    message = shown if good else "; ".join((shown, *side.problems))
    verdict = Verdict.PASS if good else Verdict.FAIL
    return Sample(check=READINESS, time=time, verdict=verdict, value=side.ready, threshold=threshold, message=message)


def sample(check: CanaryCheck, time: str, canary: Measured, stable: Measured | None = None) -> Sample:
    """What *check* says of a measurement.

    Args:
        stable: Of the other side at the same time, where the check compares the two.
    """
    value = _number(canary.value)
    known = Sample(check=check.name, time=time, verdict=Verdict.PASS, value=value, threshold=_threshold(check))
    if canary.error:
        return replace(known, verdict=Verdict.ERROR, message=canary.error)
    if canary.failure:
        return replace(known, verdict=Verdict.FAIL, message=canary.failure)
    if value is None:
        return replace(known, verdict=Verdict.NO_DATA, message="no value")
    too_low, too_high = check.min is not None and value < check.min, check.max is not None and value > check.max
    if too_low or too_high:
        return replace(known, verdict=Verdict.FAIL, message=f"{value:g}, expected {known.threshold}")
    if check.max_ratio_to_stable is None or stable is None:
        return replace(known, message=f"{value:g}")
    return _compared(known, value, check.max_ratio_to_stable, stable)


def judge(checks: Iterable[CanaryCheck], samples: Sequence[Sample], *, pauses_from: int = 0) -> Judgement:
    """What all *samples* of a canary, in the order they were taken, say of it.

    A failed canary comes before everything else, and what cannot be known is never taken for good: a check without `min_samples`
    values, or of which none has passed, has the canary wait.

    Args:
        pauses_from: Index in *samples*: somebody has let the canary go on when there were so many, and knows what they were like.
    """
    rules = {READINESS: _READINESS, **{check.name: _Rule.of(check) for check in checks}}
    seen = {name: _Seen() for name in rules}
    pause = ""
    for index, one in enumerate(samples):
        if one.check not in rules:
            continue
        rule, count = rules[one.check], seen[one.check]
        count.add(one)
        if count.failed > rule.failure_limit:
            return Judgement(Ruling.FAIL, _failed(one, count, rule))
        unknown = one.verdict is Verdict.NO_DATA or count.errors > rule.consecutive_error_limit
        if not unknown:
            continue
        if rule.no_data == "pause":
            pause = (pause or _unknown(one, count)) if index >= pauses_from else pause
            continue
        if one.verdict is Verdict.ERROR:
            return Judgement(Ruling.FAIL, _unknown(one, count))
        count.failed += 1
        if count.failed > rule.failure_limit:
            return Judgement(Ruling.FAIL, _failed(one, count, rule))
    if pause:
        return Judgement(Ruling.PAUSE, pause)
    if missing := [said for name, rule in rules.items() if (said := _missing(name, seen[name], rule))]:
        return Judgement(Ruling.WAIT, ", ".join(missing))
    return Judgement(Ruling.GOOD, ", ".join(f"{name} {_tally(count)}" for name, count in seen.items()))


def watched_s(attempts: Iterable[Sequence[Sample]]) -> float:
    """For how long somebody was watching, in seconds: from the first to the last sample of each of *attempts*."""
    return sum(_lasted_s(samples) for samples in attempts if samples)


@dataclass(frozen=True, slots=True)
class _Rule:
    failure_limit: int
    consecutive_error_limit: int
    min_samples: int
    no_data: str

    @classmethod
    def of(cls, check: CanaryCheck) -> _Rule:
        return cls(check.failure_limit, check.consecutive_error_limit, max(1, check.min_samples), check.no_data)


_READINESS = _Rule(failure_limit=0, consecutive_error_limit=4, min_samples=1, no_data="fail")


@dataclass(slots=True)
class _Seen:
    """Of one check, up to some sample. *taken*: with a value; *errors*: in a row, up to the last one."""

    taken: int = 0
    passed: int = 0
    failed: int = 0
    errors: int = 0

    def add(self, one: Sample) -> None:
        self.errors = self.errors + 1 if one.verdict is Verdict.ERROR else 0
        self.taken += one.verdict in (Verdict.PASS, Verdict.FAIL)
        self.passed += one.verdict is Verdict.PASS
        self.failed += one.verdict is Verdict.FAIL


def _missing(name: str, count: _Seen, rule: _Rule) -> str:
    """What keeps *name* from being good, or "". Failed samples that are let pass prove nothing either."""
    if count.taken < rule.min_samples:
        return f"{name} has {count.taken} of {rule.min_samples} samples"
    return "" if count.passed else f"{name} has not passed yet"


def _tally(count: _Seen) -> str:
    return f"{count.passed} of {count.taken} passed" if count.failed else f"{count.passed} passed"


def _failed(one: Sample, count: _Seen, rule: _Rule) -> str:
    allowed = f", {rule.failure_limit} let pass" if rule.failure_limit else ""
    return f"{one.check}: {one.message} ({count.failed} failed{allowed})"


def _unknown(one: Sample, count: _Seen) -> str:
    if one.verdict is Verdict.ERROR:
        return f"{one.check}: could not be asked {count.errors} times in a row: {one.message}"
    return f"{one.check}: {one.message}"


def _threshold(check: CanaryCheck) -> str:
    limits = (("at least", check.min), ("at most", check.max))
    said = [f"{words} {limit:g}" for words, limit in limits if limit is not None]
    if check.max_ratio_to_stable is not None:
        said.append(f"at most {check.max_ratio_to_stable:g} times the stable side's")
    return " and ".join(said)


def _compared(known: Sample, value: float, most: float, stable: Measured) -> Sample:
    if stable.error or stable.failure:
        return replace(known, verdict=Verdict.ERROR, message=f"the stable side: {stable.error or stable.failure}")
    other = _number(stable.value)
    if other is None:
        return replace(known, verdict=Verdict.NO_DATA, message="no value of the stable side")
    verdict = Verdict.PASS if value <= most * other else Verdict.FAIL
    return replace(known, verdict=verdict, stable=other, message=f"{value:g} against {other:g} of the stable side")


def _lasted_s(samples: Sequence[Sample]) -> float:
    first, last = (datetime.fromisoformat(one.time) for one in (samples[0], samples[-1]))
    return max(0.0, (last - first).total_seconds())


def _number(value: float | None) -> float | None:
    """Only a finite number says anything."""
    return value if value is not None and math.isfinite(value) else None
