"""The `canary` of a target in deploy.json -> typed values, or the message that its user sees: path, expected, found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.config import ConfigError, parse, resolve
from orchestrator.targets.canary_config import Canary, CanaryCheck, HttpSample, Pause, Prometheus, Weight
from orchestrator.targets.registry import config_type

CHECK = {"name": "errors", "command": ["count"], "max": 1}
ASKED = {"url": "http://prometheus:9090", "query": "up"}


def read(canary: Any) -> Canary:
    config = {"dir": "world", "canary": canary}
    document = {"version": "1.0", "project_name": "shop", "targets": {"web": {"type": "fake", "enabled": True, "config": config}}}
    found = parse(json.dumps(document).encode(), "deploy.json", config_types=config_type, kinds=("fake",))
    made = resolve(found, "web", "default").config.canary  # type: ignore[attr-defined]
    assert isinstance(made, Canary)
    return made


def checked(**check: Any) -> dict[str, Any]:
    """A canary with the one check `CHECK`, and what is said differently."""
    return {"checks": [{**CHECK, **check}]}


def measured(**check: Any) -> dict[str, Any]:
    """A canary with a check that has no command."""
    return {"checks": [{"name": "errors", "max": 1, **check}]}


# What is read


def test_reads_all_that_can_be_said() -> None:
    said = {
        "steps": [{"weight": 10}, {"pause_s": 60}, {"weight": 33.5}, {"pause_s": None}],
        "checks": [
            {"name": "latency", "http": {"path": "/health", "port": 8080, "expect_status": 204}, "max": 250, "min_samples": 5},
            {"name": "errors", "prometheus": ASKED, "max_ratio_to_stable": 1.5, "no_data": "pause", "interval_s": 15},
            {**CHECK, "name": "queue", "min": 0, "failure_limit": 2, "consecutive_error_limit": 0},
        ],
        "deadline_s": 3600,
        "on_deadline": "pause",
    }

    assert read(said) == Canary(
        steps=(Weight(weight=10), Pause(pause_s=60), Weight(weight=33.5), Pause(pause_s=None)),
        checks=(
            CanaryCheck(name="latency", http=HttpSample(path="/health", port=8080, expect_status=204), max=250.0, min_samples=5),
            CanaryCheck(name="errors", prometheus=Prometheus(**ASKED), max_ratio_to_stable=1.5, no_data="pause", interval_s=15.0),
            CanaryCheck(name="queue", command=("count",), min=0.0, max=1.0, failure_limit=2, consecutive_error_limit=0),
        ),
        deadline_s=3600.0,
        on_deadline="pause",
    )


def test_what_is_not_said_is_strict_and_ends() -> None:
    canary, check = read({}), read(checked()).checks[0]

    assert canary.road == (Weight(weight=10), Pause(pause_s=60))
    assert (canary.checks, canary.deadline_s, canary.on_deadline, canary.planned_s) == ((), 600.0, "rollback", 60.0)
    assert (check.interval_s, check.failure_limit, check.consecutive_error_limit) == (1.0, 0, 4)
    assert (check.min_samples, check.no_data) == (1, "fail")


def test_a_wait_for_a_person_is_no_planned_time() -> None:
    assert read({"steps": [{"weight": 10}, {"pause_s": None}, {"pause_s": 5}, {"weight": 50}]}).planned_s == 5


def test_an_answer_over_http_needs_no_limit() -> None:
    assert read({"checks": [{"name": "health", "http": {}}]}).checks[0].http == HttpSample()


# What is refused

URL = "expected an http or https URL without a user or password in it: it is recorded"
NAME = "expected lower-case letters, digits, dashes and underscores, not readiness, got"

WRONG = [
    (5, ": expected an object, got 5"),
    ({"chekcs": []}, '.chekcs: unknown key, did you mean "checks"?'),
    ({"steps": [{"pause_s": 1}]}, '.steps: expected a weight first, like [{"weight": 10}, {"pause_s": 60}]'),
    ({"steps": [{"weight": 50}, {"weight": 10}]}, ".steps: expected rising weights, got 50, 10"),
    ({"steps": [{"weight": 50}, {"pause_s": 1}, {"weight": 50}]}, ".steps: expected rising weights, got 50, 50"),
    ({"steps": [{"weight": 33.33331}, {"weight": 33.33332}]}, ".steps: expected rising weights, got 33.3333, 33.3333"),
    ({"steps": [{"weight": 0}]}, ".steps[0].weight: expected a number from 1 to 99, got 0"),
    ({"steps": [{"weight": 100}]}, ".steps[0].weight: expected a number from 1 to 99, got 100"),
    (
        {"steps": [{"weight": 10, "pause_s": 5}]},
        ".steps[0]: expected an object with weight or with pause_s, got weight, pause_s",
    ),
    ({"steps": [{"wait": 10}]}, ".steps[0]: expected an object with weight or with pause_s, got wait"),
    ({"steps": [{"weight": 10}, {"pause_s": "1m"}]}, '.steps[1].pause_s: expected a number, got "1m"'),
    ({"steps": [{"weight": 10}, {"pause_s": 90_000}]}, ".steps[1].pause_s: expected a number from 0 to 86400, got 90000"),
    (
        {"steps": [{"weight": 10}, {"pause_s": 600}]},
        ".deadline_s: expected more than 600, which the pauses alone take",
    ),
    ({"deadline_s": 60}, ".deadline_s: expected more than 60, which the pauses alone take"),
    ({"on_deadline": "promote"}, '.on_deadline: expected one of "rollback", "pause", got "promote"'),
    ({"checks": [CHECK, CHECK]}, ".checks: expected a name of its own for each"),
    ({"checks": [{"name": "e"}]}, ".checks[0]: expected exactly one of prometheus, http and command, got none"),
    (checked(prometheus=ASKED), ".checks[0]: expected exactly one of prometheus, http and command, got prometheus and command"),
    (checked(name="Errors"), f".checks[0].name: {NAME} 'Errors'"),
    (checked(name="readiness"), f".checks[0].name: {NAME} 'readiness'"),
    (checked(max=None), ".checks[0]: expected min, max or max_ratio_to_stable, got none of them"),
    (checked(min=2), ".checks[0].min: nothing is at least 2 and at most 1"),
    (checked(max="1"), '.checks[0].max: expected a number, got "1"'),
    (checked(max=float("nan")), ".checks[0].max: expected a finite number, got NaN"),
    (checked(command="count"), '.checks[0].command: expected a list of strings, got "count"'),
    (checked(command=[]), ".checks[0].command: expected a list of at least one string, got an empty list"),
    (checked(interval_s=0.01), ".checks[0].interval_s: expected a number from 0.1 to 3600, got 0.01"),
    (checked(no_data="pass"), '.checks[0].no_data: expected one of "fail", "pause", got "pass"'),
    (checked(failure_limit=-1), ".checks[0].failure_limit: expected a number from 0 to 10000, got -1"),
    (checked(min_samples=0), ".checks[0].min_samples: expected a number from 1 to 10000, got 0"),
    (measured(prometheus={"url": "http://p"}), ".checks[0].prometheus.query: expected a string, got nothing"),
    (measured(prometheus={**ASKED, "query": " "}), ".checks[0].prometheus.query: expected one, got an empty text"),
    (measured(prometheus={**ASKED, "url": "p:9090"}), f".checks[0].prometheus.url: {URL}"),
    (measured(prometheus={**ASKED, "url": "http://"}), f".checks[0].prometheus.url: {URL}"),
    (measured(prometheus={**ASKED, "url": "http://p:port"}), f".checks[0].prometheus.url: {URL}"),
    (measured(prometheus={**ASKED, "url": "http://ann:hunter2@p"}), f".checks[0].prometheus.url: {URL}"),
    (measured(prometheus={**ASKED, "url": "http://p/?x=1"}), f".checks[0].prometheus.url: {URL}"),
    (
        measured(http={"path": "health"}),
        ".checks[0].http.path: expected a path that begins with /, like /health, got 'health'",
    ),
    (
        measured(http={"path": "/a b"}),
        ".checks[0].http.path: expected a path that begins with /, like /health, got '/a b'",
    ),
    (measured(http={"port": 0}), ".checks[0].http.port: expected a number from 1 to 65535, got 0"),
    (measured(http={"timeout_s": 61}), ".checks[0].http.timeout_s: expected a number from 0.1 to 60, got 61"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_says_where_and_what_was_expected(wrong: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(wrong)

    assert str(refused.value) == f"deploy.json: targets.web.config.canary{message}"
    assert "hunter2" not in str(refused.value)
