"""Plans: what their digest covers, how two of them differ, and that nothing is lost in JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step, canonical_json
from tests.unit.orchestrator.stories import OLD, STEPS, plan

PLAN = plan()


def test_a_plan_survives_json() -> None:
    assert Plan.from_json(json.loads(json.dumps(PLAN.to_json()))) == PLAN
    assert Plan.from_json(PLAN.to_json()).digest == PLAN.digest


def test_a_release_survives_json() -> None:
    assert Release.from_json(json.loads(json.dumps(OLD.to_json()))) == OLD


@pytest.mark.parametrize(
    "change",
    [
        {"target": "other"},
        {"environment": "staging"},
        {"version": "1.2.1"},
        {"mode": Mode.CANARY},
        {"steps": STEPS[:3]},
        {"steps": STEPS[::-1]},
        {"inputs": {"source": "sha256:6"}},
        {"release": OLD},
        {"steps": (replace(STEPS[0], timeout_s=1), *STEPS[1:])},
        {"steps": (replace(STEPS[0], command=("docker", "build", "--no-cache")), *STEPS[1:])},
    ],
)
def test_the_digest_changes_with_everything_in_the_plan(change: dict[str, Any]) -> None:
    assert replace(PLAN, **change).digest != PLAN.digest


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    first = replace(PLAN, inputs={"a": 1, "b": {"c": 2, "d": 3}})
    second = replace(PLAN, inputs={"b": {"d": 3, "c": 2}, "a": 1})

    assert first.digest == second.digest


def test_equal_plans_do_not_differ() -> None:
    assert PLAN.differences(Plan.from_json(PLAN.to_json())) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": {"source": "sha256:6", "commit": "abc"}}, ["commit: none -> abc", "source: sha256:5 -> sha256:6"]),
        ({"version": "1.2.1"}, ["version: 1.2.0 -> 1.2.1"]),
        ({"mode": Mode.CANARY}, ["mode: deploy -> canary"]),
        ({"steps": STEPS[:3]}, ["step wait"]),
        ({"steps": (replace(STEPS[0], timeout_s=1), *STEPS[1:])}, ["step build"]),
    ],
)
def test_says_what_has_changed(change: dict[str, Any], said: list[str]) -> None:
    assert PLAN.differences(replace(PLAN, **change)) == said


def test_a_step_is_found_by_its_name() -> None:
    assert PLAN.step("push") is STEPS[1]


def test_a_step_without_a_command_survives_json() -> None:
    assert Step.from_json(STEPS[1].to_json()) == STEPS[1]
    assert STEPS[1].to_json()["command"] is None


def test_only_a_dry_run_is_not_live() -> None:
    assert [mode for mode in Mode if not mode.live] == [Mode.DRY_RUN]


def test_a_slot_is_shown_without_its_project_and_stored_with_it() -> None:
    slot = Slot("shop", "production", "web")

    assert (str(slot), slot.stream) == ("production/web", "slot-shop/production/web")


def test_equal_values_have_equal_bytes() -> None:
    assert canonical_json({"b": "ü", "a": [1, None]}) == '{"a":[1,null],"b":"ü"}'.encode()
