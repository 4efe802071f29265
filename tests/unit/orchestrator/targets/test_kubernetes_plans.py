"""The plans of a kubernetes target, as far as the plan cases of the contract do not hold them: those of a canary."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain.errors import CanaryUnsupported, NothingToRollBack
from orchestrator.domain.plan import CANARY_WEIGHT, Mode, Plan, Release, Slot
from orchestrator.targets.base import Request
from orchestrator.targets.canary_config import Canary, Pause, Weight
from orchestrator.targets.kubernetes_canary import made
from orchestrator.targets.kubernetes_config import KubernetesConfig
from orchestrator.targets.kubernetes_objects import accepted
from orchestrator.targets.kubernetes_plans import back, forward
from orchestrator.targets.kubernetes_slot import Wanted
from tests.contract.harness_kubernetes import manifests

SLOT = Slot("shop", "production", "web")
STEPS = Canary(steps=(Weight(weight=10), Pause(pause_s=5)))


def config(**fields: Any) -> KubernetesConfig:
    known = {"image_name": "shop/web", "context": "prod", "namespace": "shop", "deployment": "web", "manifests": "k8s"}
    return KubernetesConfig(**{**known, **fields})


def live(**spec: Any) -> Release:
    objects = [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}]
    return Release(
        version="1.0.0",
        deployment_id="deploy-1",
        detail={
            "image": "shop/web", "image_ref": "shop/web:1.0.0", "digest": "sha256:1", "namespace": "shop", "objects": objects,
            "workload": {"kind": "Deployment", "name": "web", "container": None}, "progress_deadline_s": None,
        },
    )  # fmt: skip


def planned(known: KubernetesConfig, observed: Release | None = None, mode: Mode = Mode.CANARY) -> Plan:
    request = Request(
        version="1.1.0", mode=mode, commit_sha=None, source_digest=None, observed=observed, reference=observed, inputs={}
    )
    return forward(known, SLOT, request, adopt=False, timeout_s=600)


def weight(plan: Plan) -> tuple[int, float]:
    step = next(step for step in plan.steps if step.kind == CANARY_WEIGHT)
    return step.inputs["replicas"], step.inputs["reached"]


def test_a_canary_comes_after_the_migrations_and_before_the_update() -> None:
    plan = planned(config(canary=STEPS, migrations=("up.yaml",), prune=True), live(replicas=9))

    assert [step.name for step in plan.steps] == [
        "render", "build", "push", "migrate", "canary_10", "watch_2", "update", "wait", "canary_remove", "prune",
    ]  # fmt: skip
    assert plan.mode is Mode.CANARY


@pytest.mark.parametrize(
    ("fields", "observed", "expected"),
    [
        ({}, live(replicas=9), (1, 10.0)),
        ({}, live(), (1, 50.0)),
        ({"replicas": 20}, live(), (2, 9.1)),
        ({"replicas": 20}, live(replicas=9), (1, 10.0)),
        ({"ingress": "nginx"}, live(replicas=4), (1, 10.0)),
    ],
)
def test_the_share_is_reckoned_from_the_stable_release(
    fields: dict[str, Any], observed: Release, expected: tuple[int, float]
) -> None:
    assert weight(planned(config(canary=STEPS, **fields), observed)) == expected


def test_only_a_deployment_has_a_canary() -> None:
    with pytest.raises(CanaryUnsupported, match="only a Deployment can have a canary, not statefulset/db"):
        planned(config(deployment="statefulset/db"))


def test_the_way_back_from_a_canary_removes_it_first() -> None:
    known = config(canary=STEPS)

    plan = back(known, planned(known, live(replicas=4)), live(replicas=4), adopt=False, timeout_s=600)

    assert [step.name for step in plan.steps] == ["rollback_canary_remove", "rollback_update", "rollback_wait"]
    assert plan.release == live(replicas=4)


def test_the_way_back_from_a_plain_deployment_has_no_canary_to_remove() -> None:
    plan = back(config(), planned(config(), live(), Mode.DEPLOY), live(), adopt=False, timeout_s=600)

    assert [step.name for step in plan.steps] == ["rollback_update", "rollback_wait"]


@pytest.mark.parametrize("missing", ["objects", "digest"])
def test_no_way_leads_back_to_what_is_not_recorded(missing: str) -> None:
    to = live()
    bare = Release(version="1", deployment_id="d", detail={key: value for key, value in to.detail.items() if key != missing})

    with pytest.raises(NothingToRollBack, match="no recorded manifests"):
        back(config(), planned(config(), to, Mode.DEPLOY), bare, adopt=False, timeout_s=600)


def test_neither_deployment_selects_the_pods_of_the_other() -> None:
    detail = {**live().detail, "objects": accepted(manifests(replicas=4), "shop")}
    wanted = Wanted(slot=SLOT, deployment_id="deploy-2", version="1.1.0", commit_sha=None, detail=detail)

    (canary,) = made({"replicas": 1, "weight": 10, "ingress": None}, wanted)

    labels = canary["spec"]["template"]["metadata"]["labels"]
    selector = canary["spec"]["selector"]["matchLabels"]
    stable = next(one for one in wanted.objects() if one["kind"] == "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items()
    assert not selector.items() <= stable.items()
    assert {"app": "web"}.items() <= labels.items()  # behind the same Service
