"""The steps of a canary: what shares weights come to, what is watched, and what a recorded step still says."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.plan import CANARY_REMOVE, CANARY_WATCH, CANARY_WEIGHT, Mode, Plan, Release, Step
from orchestrator.targets.canary_config import Canary, CanaryCheck, HttpSample, Pause, Prometheus, Weight
from orchestrator.targets.canary_plans import Share, canary_steps, checks_of, remove_step, share

CHECKS = (
    CanaryCheck(name="latency", http=HttpSample(path="/health", port=8080, timeout_s=2.0), max=250.0, failure_limit=2),
    CanaryCheck(name="errors", prometheus=Prometheus(url="http://prometheus:9090", query='x{pod=~"{{canary}}"}'), max=0.01),
    CanaryCheck(name="queue", command=("sh", "queue.sh", "{{canary}}"), max_ratio_to_stable=1.5, no_data="pause"),
)


def weight(percent: float) -> Weight:
    return Weight(weight=percent)


def pause(seconds: float | None) -> Pause:
    return Pause(pause_s=seconds)


def steps(*road: Weight | Pause, stable: int = 10, **canary: Any) -> list[Step]:
    made = Canary(**{"steps": road, **canary})
    return canary_steps(made, stable_replicas=stable, inputs={"service": "web"}, timeout_s=60.0)


# Shares


@pytest.mark.parametrize(
    ("stable", "percent", "replicas", "reached"),
    [
        (10, 10, 1, 9.1),
        (10, 41, 4, 28.6),
        (10, 45, 5, 33.3),  # a tie: up
        (10, 44.9, 4, 28.6),
        (10, 50, 5, 33.3),
        (1, 1, 1, 50.0),
        (1, 50, 1, 50.0),
        (1, 99, 1, 50.0),
        (2, 10, 1, 33.3),
        (3, 50, 2, 40.0),  # a tie: up
        (100, 1, 1, 1.0),
        (100, 10, 10, 9.1),
        (250, 64.6, 162, 39.3),  # a tie that binary fractions miss
    ],
)
def test_a_weight_comes_to_the_nearest_number_of_replicas(stable: int, percent: float, replicas: int, reached: float) -> None:
    assert share(stable, percent) == Share(replicas, reached)


def test_what_splits_requests_by_weight_reaches_that_weight() -> None:
    assert share(10, 41, exact=True) == Share(4, 41)
    assert share(1, 1, exact=True) == Share(1, 1)


@given(st.integers(1, 10_000), st.integers(10, 990))
def test_it_is_the_nearest_and_at_least_one(stable: int, tenths: int) -> None:
    wanted = Fraction(stable * tenths, 1000)

    assert share(stable, tenths / 10).replicas == max(1, math.floor(wanted + Fraction(1, 2)))


# Steps


def test_every_weight_and_every_pause_is_a_step() -> None:
    made = steps(weight(10), pause(30), weight(50), pause(None), stable=10)

    assert [(step.name, step.kind) for step in made] == [
        ("canary_10", CANARY_WEIGHT),
        ("watch_2", CANARY_WATCH),
        ("canary_50", CANARY_WEIGHT),
        ("watch_4", CANARY_WATCH),
    ]
    assert [step.title for step in made] == [
        "Canary at 10% (1 of 11 replicas, 9.1% reached)",
        "Watching canary for 30 s",
        "Canary at 50% (5 of 15 replicas, 33.3% reached)",
        "Watching canary until somebody decides",
    ]
    assert [step.inputs["pause_s"] for step in made if step.kind == CANARY_WATCH] == [30, None]


@pytest.mark.parametrize(
    ("road", "names"),
    [
        ((weight(10),), ["canary_10", "watch_2"]),
        ((weight(10), weight(50)), ["canary_10", "watch_2", "canary_50", "watch_4"]),
        ((weight(10), weight(50), pause(5)), ["canary_10", "watch_2", "canary_50", "watch_4"]),
        ((weight(10), pause(1), pause(2)), ["canary_10", "watch_2", "watch_3"]),
        ((weight(12.5), pause(1)), ["canary_12.5", "watch_2"]),
        ((), ["canary_10", "watch_2"]),
    ],
)
def test_no_weight_is_left_before_it_was_watched(road: tuple[Weight | Pause, ...], names: list[str]) -> None:
    made = steps(*road)

    assert [step.name for step in made] == names
    after = [later.kind for step, later in pairwise(made) if step.kind == CANARY_WEIGHT]
    assert set(after) == {CANARY_WATCH} and made[-1].kind == CANARY_WATCH


def test_a_watch_without_a_pause_waits_for_samples_only() -> None:
    watch = steps(weight(10))[-1]

    assert (watch.inputs["pause_s"], watch.title) == (0.0, "Watching canary")


def test_what_stands_for_no_steps_is_ten_percent_for_a_minute() -> None:
    made = steps()

    assert (made[0].inputs["weight"], made[1].inputs["pause_s"]) == (10, 60)


def test_a_weight_changes_what_is_live_and_a_watch_changes_nothing() -> None:
    made, watched = steps(weight(10), pause(5))

    assert (made.live, made.effect, made.timeout_s) == (True, True, 60.0)
    assert made.inputs == {"service": "web", "weight": 10, "replicas": 1, "reached": 9.1, "stable_replicas": 10}
    assert (watched.live, watched.effect) == (False, False)


def test_the_deadline_of_a_watch_is_its_own_and_not_that_of_its_step() -> None:
    watched = steps(weight(10), pause(5), deadline_s=900.0, on_deadline="pause")[-1]

    assert (watched.inputs["deadline_s"], watched.inputs["on_deadline"]) == (900.0, "pause")
    assert watched.timeout_s > 900


@pytest.mark.parametrize(("prefix", "name"), [("", "canary_remove"), ("rollback_", "rollback_canary_remove")])
def test_a_canary_is_removed_by_a_step_of_its_own(prefix: str, name: str) -> None:
    step = remove_step({"service": "web"}, timeout_s=60.0, prefix=prefix)

    assert (step.name, step.kind, step.live, step.effect) == (name, CANARY_REMOVE, True, True)
    assert step.inputs == {"service": "web"}


@given(st.lists(st.integers(10, 990), min_size=1, max_size=12, unique=True), st.data())
def test_no_two_steps_have_the_same_name(tenths: list[int], data: st.DataObject) -> None:
    road: list[Weight | Pause] = []
    for one in sorted(tenths):
        road.append(weight(one / 10))
        road += [pause(1)] * data.draw(st.integers(0, 2))
    names = [step.name for step in (*steps(*road), remove_step({}, timeout_s=1.0))]

    assert len(set(names)) == len(names)


# What is recorded


def test_the_checks_of_a_recorded_watch_are_those_it_was_planned_with() -> None:
    watch = steps(weight(10), pause(5), checks=CHECKS)[-1]
    recorded = Step.from_json(json.loads(json.dumps(watch.to_json())))

    assert checks_of(watch) == checks_of(recorded) == CHECKS


def plan(**canary: Any) -> Plan:
    made = steps(weight(10), pause(5), **{"checks": CHECKS, **canary})
    return Plan(
        target="web",
        kind="swarm",
        environment="default",
        version="1.1.0",
        mode=Mode.CANARY,
        steps=tuple(made),
        release=Release(version="1.1.0"),
    )


def test_the_digest_of_a_recorded_plan_is_that_of_the_plan() -> None:
    assert Plan.from_json(json.loads(json.dumps(plan().to_json()))).digest == plan().digest


@pytest.mark.parametrize("other", [{"deadline_s": 601.0}, {"on_deadline": "pause"}, {"checks": CHECKS[:2]}, {"stable": 40}])
def test_whatever_decides_over_a_canary_is_in_the_digest(other: dict[str, Any]) -> None:
    assert plan(**other).digest != plan().digest
