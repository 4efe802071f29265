"""Which steps a `swarm` target plans, forward and back. The exact plans are in tests/contract/plans/swarm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.errors import CanaryUnsupported, NothingToRollBack, UsageProblem
from orchestrator.domain.plan import Mode, Plan, Release, Slot
from orchestrator.targets.base import Request
from orchestrator.targets.canary_config import Canary, Pause, Weight
from orchestrator.targets.swarm import StackConfig, SwarmConfig, SwarmTarget
from orchestrator.targets.swarm_stack import services_of
from tests.contract.harness import SLOT, plain_tools

DIGEST = "sha256:" + "1" * 64
CONFIG = SwarmConfig(
    image_name="shop/web",
    service="shop",
    replicas=10,
    networks=("front",),
    ports=("mode=host,target=8080",),
    canary=Canary(steps=(Weight(weight=10), Pause(pause_s=5), Weight(weight=50))),
)
REQUEST = Request(
    version="1.1.0", mode=Mode.DEPLOY, commit_sha="abc", source_digest=None, observed=None, reference=None, inputs={"config": "x"}
)
CANARY = replace(REQUEST, mode=Mode.CANARY)


def target(config: SwarmConfig = CONFIG, slot: Slot = SLOT) -> SwarmTarget:
    return SwarmTarget(config, plain_tools(Path("/project"), slot))


def release(**detail: Any) -> Release:
    made = target().plan(REQUEST).release.detail
    return Release(version="1.0.0", deployment_id="deploy-0", detail={**made, "digest": DIGEST, **detail})


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


def test_a_canary_goes_before_the_update_and_is_removed_after_it() -> None:
    plan = target().plan(CANARY)

    assert names(plan) == [
        "build", "push", "canary_10", "watch_2", "canary_50", "watch_4", "update", "wait", "canary_remove",
    ]  # fmt: skip
    assert plan.mode is Mode.CANARY
    assert plan.step("canary_10").title == "Canary at 10% (1 of 11 replicas, 9.1% reached)"
    assert plan.step("canary_50").inputs["replicas"] == 5


def test_a_canary_is_a_share_of_what_is_live() -> None:
    live = release(service={**target().plan(REQUEST).release.detail["service"], "replicas": 40})

    plan = target().plan(replace(CANARY, observed=live))

    assert plan.step("canary_10").inputs["replicas"] == 4


@pytest.mark.parametrize(
    "other",
    [{"endpoint_mode": "vip"}, {"networks": ["back"]}, {"alias": "web"}, {"name": "other"}],
    ids=lambda other: next(iter(other)),
)
def test_refuses_a_canary_beside_a_service_that_would_keep_the_requests(other: dict[str, Any]) -> None:
    live = release(service={**target().plan(REQUEST).release.detail["service"], **other})

    with pytest.raises(CanaryUnsupported, match="was deployed with another service"):
        target().plan(replace(CANARY, observed=live))


def test_a_failed_canary_goes_first_and_the_service_is_restored_after_it() -> None:
    plan = target().rollback(target().plan(CANARY), release())

    assert names(plan) == ["rollback_canary_remove", "rollback_update", "rollback_wait"]
    assert plan.steps[0].inputs == {"service": "shop", "canary": "shop-canary"}


def test_a_plain_deployment_goes_back_without_a_word_of_canaries() -> None:
    assert names(target().rollback(target().plan(REQUEST), release())) == ["rollback_update", "rollback_wait"]


def test_going_back_brings_the_whole_service_of_then() -> None:
    then = release(service={**target().plan(REQUEST).release.detail["service"], "env": {"OLD": "1"}})

    plan = target().rollback(target().plan(REQUEST), then)

    assert plan.step("rollback_update").inputs["release"]["detail"]["service"]["env"] == {"OLD": "1"}


def test_there_is_nothing_to_go_back_to_without_a_digest() -> None:
    with pytest.raises(NothingToRollBack, match="no image digest"):
        target().rollback(target().plan(REQUEST), Release(version="1.0.0", deployment_id="deploy-0"))


def test_no_failure_action_of_swarms_own() -> None:
    spec = target().plan(REQUEST).release.detail["service"]

    assert spec["update"]["failure_action"] == spec["rollback"]["failure_action"] == "pause"


def test_a_stack_is_called_as_the_project() -> None:
    config = SwarmConfig(image_name="shop/web", stack=StackConfig(file="stack.yaml", service="web"))

    plan = target(config).plan(REQUEST)

    assert plan.step("update").kind == "swarm.stack"
    assert plan.step("update").inputs["service"] == "shop_web"
    with pytest.raises(UsageProblem, match=r"targets.web.config.stack.name: no stack can be called 'My Shop'"):
        target(config, Slot("My Shop", "staging", "web")).plan(REQUEST)


def test_the_services_of_a_stack_are_those_on_the_second_level() -> None:
    text = 'version: "3.8"\nservices:\n  web:\n    labels:\n      services: y\n  "db-1":\n    image: y\nnetworks:\n  front:\n'

    assert services_of(text) == ["web", "db-1"]
