"""What a report says of a canary: what is planned, and what was measured. Made from the plan and the recorded samples alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.plan import CANARY_REMOVE, CANARY_WATCH, CANARY_WEIGHT, Mode, Plan, Step

READINESS_S = 1.0


@dataclass(frozen=True, kw_only=True)
class SharePart:
    """What a weight comes to. *reached*: the part of the requests that reaches the canary, in percent."""

    weight: float
    replicas: int
    stable_replicas: int
    reached: float


@dataclass(frozen=True, kw_only=True)
class CheckPart:
    """What one check has measured so far. *last*: what its newest sample says."""

    check: str
    passed: int
    failed: int
    no_data: int
    errors: int
    last: str


@dataclass(frozen=True, kw_only=True)
class CanaryResult:
    """A canary.

    Attributes:
        shortest_promotion_s: From the first weight to the promotion, all timed pauses together.
        decides: Somebody has to decide on the way; the time that takes is not in *shortest_promotion_s*.
        longest_decision_s: From the first bad sample until the judge gives it up, at most.
        longest_rollback_s: From then until it is removed, at most.
    """

    shares: tuple[SharePart, ...]
    shortest_promotion_s: float
    decides: bool
    longest_decision_s: float
    longest_rollback_s: float
    checks: tuple[CheckPart, ...]


def canary_result(deployment: Deployment) -> CanaryResult | None:
    """None where no canary is planned."""
    plan = deployment.plan
    if plan is None or plan.mode is not Mode.CANARY:
        return None
    watches = [step for step in plan.steps if step.kind == CANARY_WATCH]
    pauses = [step.inputs["pause_s"] for step in watches]
    return CanaryResult(
        shares=tuple(_share(step) for step in plan.steps if step.kind == CANARY_WEIGHT),
        shortest_promotion_s=sum(pause or 0.0 for pause in pauses),
        decides=any(pause is None for pause in pauses),
        longest_decision_s=_longest_decision_s(watches),
        longest_rollback_s=_removed_within_s(plan),
        checks=_measured(one for event in deployment.sampled for one in event.samples),
    )


def watch_in_words(step: Step) -> str:
    """In one line what a watch step holds the canary to."""
    checks = ["readiness", *map(_check_in_words, step.inputs["checks"])]
    end = {"rollback": "then the way back", "pause": "then a pause"}[step.inputs["on_deadline"]]
    return f"{'; '.join(checks)}; {step.inputs['deadline_s']:g} s for the whole canary, {end}"


def _share(step: Step) -> SharePart:
    names = ("weight", "replicas", "stable_replicas", "reached")
    return SharePart(**{name: step.inputs[name] for name in names})


def _longest_decision_s(watches: Iterable[Step]) -> float:
    """By the check that takes longest: all that it lets pass, and one sample more."""
    checks = {check["name"]: check for step in watches for check in step.inputs["checks"]}
    limits = ("failure_limit", "consecutive_error_limit")
    waits = [check["interval_s"] * (max(check[limit] for limit in limits) + 1) for check in checks.values()]
    return float(max([*waits, READINESS_S * 5]))


def _removed_within_s(plan: Plan) -> float:
    return sum(step.timeout_s for step in plan.steps if step.kind == CANARY_REMOVE)


def _measured(samples: Iterable[Mapping[str, Any]]) -> tuple[CheckPart, ...]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in samples:
        found.setdefault(str(one["check"]), []).append(one)
    return tuple(_tally(name, taken) for name, taken in found.items())


def _tally(name: str, samples: list[Mapping[str, Any]]) -> CheckPart:
    verdicts = [one["verdict"] for one in samples]
    return CheckPart(
        check=name,
        passed=verdicts.count("pass"),
        failed=verdicts.count("fail"),
        no_data=verdicts.count("no_data"),
        errors=verdicts.count("error"),
        last=str(samples[-1].get("message", "")),
    )


def _check_in_words(check: Mapping[str, Any]) -> str:
    limits = (("at least", "min"), ("at most", "max"), ("at most the stable side's times", "max_ratio_to_stable"))
    said = [f"{words} {check[key]:g}" for words, key in limits if check[key] is not None]
    if check["http"] is not None:
        said.insert(0, f"HTTP {check['http']['expect_status']} of {check['http']['path']}")
    return f"{check['name']} {' and '.join(said)} every {check['interval_s']:g} s"
