"""Which steps a `local` target plans, forward and back. The exact plans are in tests/contract/plans/local."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.domain.errors import NothingToRollBack
from orchestrator.domain.plan import Plan, Release
from orchestrator.domain.settings import SecretRef
from orchestrator.targets import local_plans
from orchestrator.targets.local import LocalConfig
from tests.contract.harness import SLOT
from tests.unit.orchestrator.targets.local_world import request

SERVES = LocalConfig(path="/srv/shop", run=("serve", "8080"), env={"TOKEN": SecretRef(env="SHOP_TOKEN"), "MODE": "live"})
REFERENCE = Release(
    version="1.0.0",
    deployment_id="deploy-20260318-143022-aaaa",
    detail={
        "path": "/srv/shop",
        "directory": "1.0.0-deploy-20260318-143022-aaaa",
        "run": {"argv": ["old"], "env": {}, "drain_s": 1},
    },
)


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


def test_plans_only_what_is_configured() -> None:
    bare = local_plans.forward(LocalConfig(path="/srv/shop"), SLOT, request())
    full = local_plans.forward(replace(SERVES, build=("make",)), SLOT, request())

    assert names(bare) == ["release", "activate", "prune"]
    assert names(full) == ["build", "release", "activate", "restart", "prune"]


def test_titles_are_those_that_people_know() -> None:
    plan = local_plans.forward(replace(SERVES, build=("make",)), SLOT, request())

    assert [step.title for step in plan.steps] == [
        "Building",
        "Copying release",
        "Switching release",
        "Restarting service",
        "Removing old releases",
    ]


def test_says_which_steps_change_what_is_live() -> None:
    plan = local_plans.forward(replace(SERVES, build=("make",)), SLOT, request())

    assert [step.name for step in plan.steps if step.live] == ["activate", "restart"]


def test_keeps_references_to_secrets_and_never_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cr3t")

    text = json.dumps(local_plans.forward(SERVES, SLOT, request()).to_json())

    assert "s3cr3t" not in text
    assert '"TOKEN": {"env": "SHOP_TOKEN"}' in text
    assert local_plans.env_from_json(json.loads(text)["release"]["detail"]["run"]["env"]) == SERVES.env


def test_shows_no_command_for_the_service_because_it_is_no_recorded_child() -> None:
    plan = local_plans.forward(replace(SERVES, build=("make",)), SLOT, request())

    assert [step.name for step in plan.steps if step.command is not None] == ["build"]


def test_stops_a_service_that_the_configuration_no_longer_has() -> None:
    plan = local_plans.forward(LocalConfig(path="/srv/shop"), SLOT, request("1.1.0", observed=REFERENCE))

    assert names(plan) == ["release", "activate", "stop", "prune"]
    assert plan.step("stop").inputs["drain_s"] == 1


def test_protects_the_reference_and_what_is_live_from_pruning() -> None:
    live = replace(REFERENCE, detail={**REFERENCE.detail, "directory": "live"})

    plan = local_plans.forward(SERVES, SLOT, request("1.1.0", observed=live, reference=REFERENCE))

    assert plan.step("prune").inputs["protect"] == ["1.0.0-deploy-20260318-143022-aaaa", "live"]


def test_goes_back_to_the_directory_and_service_of_the_reference() -> None:
    failed = local_plans.forward(SERVES, SLOT, request("1.1.0"))

    back = local_plans.back(failed, REFERENCE)

    assert names(back) == ["rollback_activate", "rollback_restart"]
    assert {step.inputs["directory"] for step in back.steps} == {"1.0.0-deploy-20260318-143022-aaaa"}
    assert back.step("rollback_restart").inputs["argv"] == ["old"]
    assert not {*names(back)} & {*names(failed)}


def test_stops_the_service_when_the_reference_had_none() -> None:
    failed = local_plans.forward(SERVES, SLOT, request("1.1.0"))

    back = local_plans.back(failed, replace(REFERENCE, detail={**REFERENCE.detail, "run": None}))

    assert names(back) == ["rollback_stop", "rollback_activate"]


def test_stops_the_service_in_the_place_that_it_leaves() -> None:
    failed = local_plans.forward(replace(SERVES, path="/srv/elsewhere"), SLOT, request("1.1.0"))

    back = local_plans.back(failed, REFERENCE)

    assert [(step.name, step.inputs["path"]) for step in back.steps] == [
        ("rollback_stop", "/srv/elsewhere"),
        ("rollback_activate", "/srv/shop"),
        ("rollback_restart", "/srv/shop"),
    ]


def test_gives_the_way_back_as_much_time_as_the_way_there() -> None:
    failed = local_plans.forward(SERVES, SLOT, request("1.1.0"))
    failed = replace(failed, steps=tuple(replace(step, timeout_s=42) for step in failed.steps))

    assert {step.timeout_s for step in local_plans.back(failed, REFERENCE).steps} == {42}


def test_refuses_to_go_back_to_what_another_tool_deployed() -> None:
    failed = local_plans.forward(SERVES, SLOT, request("1.1.0"))

    with pytest.raises(NothingToRollBack, match=r"0\.9\.0 has no release directory to go back to"):
        local_plans.back(failed, Release(version="0.9.0"))
