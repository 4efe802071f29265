"""The steps of a canary, the same for every driver: `canary_steps` before the promotion, `remove_step` after it. Pure.

canary.weight   makes the canary, or brings it to more replicas; applied by the driver
canary.watch    watches it, and waits for time or for a person; done by `services/canary.py`, no driver sees it
canary.remove   removes it; applied by the driver
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.domain.plan import CANARY_REMOVE, CANARY_WATCH, CANARY_WEIGHT, Step
from orchestrator.targets.canary_config import Canary, CanaryCheck, HttpSample, Pause, Prometheus, Weight

_SLACK_S = 600.0
"""A watch that decides by its own deadline must not be ended by that of its step."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a weight comes to: so many *replicas* of the canary beside those of the stable release, and the part of the requests,
    in percent, that therefore reach them."""

    replicas: int
    reached: float


def share(stable_replicas: int, weight: float, *, exact: bool = False) -> Share:
    """The nearest number of replicas, ties up, one at least.

    Args:
        exact: Something splits the requests by weight, however many replicas there are.
    """
    # Rounded first: 64.6 percent of 250 are 161.5, and a hair less than that in binary.
    replicas = max(1, math.floor(round(stable_replicas * weight / 100, 6) + 0.5))
    reached = weight if exact else 100 * replicas / (stable_replicas + replicas)
    return Share(replicas, round(reached, 1))


def canary_steps(
    canary: Canary, *, stable_replicas: int, inputs: Mapping[str, Any], timeout_s: float, exact: bool = False
) -> list[Step]:
    """A step for every weight and every pause. A weight without a pause is watched too, until every check has its samples.

    Args:
        stable_replicas: Of the release beside it.
        inputs: What the driver's weight steps need besides ``weight``, ``replicas``, ``reached`` and ``stable_replicas``.
        exact: See `share`.
    """
    steps: list[Step] = []
    for entry in canary.road:
        if isinstance(entry, Pause):
            steps.append(_watch(canary, len(steps) + 1, entry.pause_s))
            continue
        if steps and steps[-1].kind == CANARY_WEIGHT:
            steps.append(_watch(canary, len(steps) + 1, 0.0))
        steps.append(_weight(entry, share(stable_replicas, entry.weight, exact=exact), stable_replicas, inputs, timeout_s))
    if steps[-1].kind == CANARY_WEIGHT:
        steps.append(_watch(canary, len(steps) + 1, 0.0))
    return steps


def remove_step(inputs: Mapping[str, Any], *, timeout_s: float, prefix: str = "") -> Step:
    """What ends a canary, promoted or failed. *prefix*: ``rollback_`` in a plan that goes back."""
    return Step(
        name=f"{prefix}canary_remove",
        title="Removing canary",
        kind=CANARY_REMOVE,
        inputs=dict(inputs),
        timeout_s=timeout_s,
        live=True,
    )


def checks_of(step: Step) -> tuple[CanaryCheck, ...]:
    """The checks that a recorded watch step was planned with."""
    return tuple(_check(data) for data in step.inputs["checks"])


def _weight(entry: Weight, reached: Share, stable: int, inputs: Mapping[str, Any], timeout_s: float) -> Step:
    together = stable + reached.replicas
    return Step(
        name=f"canary_{entry.weight:g}",
        title=f"Canary at {entry.weight:g}% ({reached.replicas} of {together} replicas, {reached.reached:g}% reached)",
        kind=CANARY_WEIGHT,
        inputs={
            **inputs,
            "weight": entry.weight,
            "replicas": reached.replicas,
            "reached": reached.reached,
            "stable_replicas": stable,
        },
        timeout_s=timeout_s,
    )


def _watch(canary: Canary, number: int, pause_s: float | None) -> Step:
    if pause_s is None:
        title = "Watching canary until somebody decides"
    else:
        title = f"Watching canary for {pause_s:g} s" if pause_s else "Watching canary"
    return Step(
        name=f"watch_{number}",
        title=title,
        kind=CANARY_WATCH,
        inputs={
            "pause_s": pause_s,
            "checks": [asdict(check) for check in canary.checks],
            "deadline_s": canary.deadline_s,
            "on_deadline": canary.on_deadline,
        },
        timeout_s=canary.deadline_s + _SLACK_S,
        effect=False,
        live=False,
    )


def _check(data: Mapping[str, Any]) -> CanaryCheck:
    prometheus, http, command = data["prometheus"], data["http"], data["command"]
    return CanaryCheck(
        **{
            **data,
            "prometheus": Prometheus(**prometheus) if prometheus else None,
            "http": HttpSample(**http) if http else None,
            "command": tuple(command) if command else None,
        }
    )
