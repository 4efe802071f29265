"""The canary of a Deployment, step by step, on a real control plane: what is made, what is not touched, what is left."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orchestrator.domain.plan import CANARY_WEIGHT, Mode, Plan
from orchestrator.targets.base import Answer, StepError
from orchestrator.targets.canary_config import Canary, Pause, Weight
from tests.contract.harness_kubernetes import manifests, write_manifests
from tests.e2e.kubernetes_world import KubernetesWorld

pytestmark = pytest.mark.kubernetes

STEPS = Canary(steps=(Weight(weight=10), Pause(pause_s=0), Weight(weight=50)))
INGRESS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "web"},
    "spec": {
        "rules": [
            {
                "host": "shop.example.com",
                "http": {
                    "paths": [
                        {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
                        {"path": "/api", "pathType": "Prefix", "backend": {"service": {"name": "api", "port": {"number": 80}}}},
                    ]
                },
            }
        ]
    },
}  # fmt: skip


@pytest.fixture
def stable(fake_cluster: KubernetesWorld) -> KubernetesWorld:
    """1.0.0 runs with 4 replicas; 1.1.0 lies in the project."""
    fake_cluster.objects(replicas=4)
    fake_cluster.deploy("1.0.0")
    fake_cluster.source("1.1.0")
    return fake_cluster


def weights(plan: Plan) -> list[dict[str, Any]]:
    """Weight, replicas and reached share of each weight step."""
    keys = ("weight", "replicas", "reached")
    return [{key: step.inputs[key] for key in keys} for step in plan.steps if step.kind == CANARY_WEIGHT]


def test_the_plan_says_what_share_is_reached(stable: KubernetesWorld) -> None:
    plan = stable.plan(stable.target(canary=STEPS), "1.1.0", mode=Mode.CANARY)

    assert [step.name for step in plan.steps] == [
        "render", "build", "push", "canary_10", "watch_2", "canary_50", "watch_4", "update", "wait", "canary_remove",
    ]  # fmt: skip
    assert weights(plan) == [
        {"weight": 10.0, "replicas": 1, "reached": 20.0},
        {"weight": 50.0, "replicas": 2, "reached": 33.3},
    ]


def test_a_canary_stands_beside_a_stable_release_that_nobody_touches(stable: KubernetesWorld) -> None:
    before = stable.everything()

    done = stable.deploy("1.1.0", mode=Mode.CANARY, canary=STEPS, until="update")

    after = stable.everything()
    assert [one for one in after if one in before] == before
    assert [one[:2] for one in after if one not in before] == [("Deployment", "web-canary")]
    canary = stable.get("deployment", "web-canary")
    assert canary["spec"]["selector"]["matchLabels"] == {"app": "web", "pop-deploy/role": "canary"}
    assert canary["spec"]["replicas"] == 2
    assert "1.1.0@" in stable.image(name="web-canary")
    assert "1.0.0@" in stable.image()
    behind = stable.get("endpoints", "web")["subsets"][0]["addresses"]
    assert len(behind) == 6
    assert done.outcomes["canary_50"] == {"replicas": 2, "reached": 33.3}


def test_both_sides_are_seen_by_one_call(stable: KubernetesWorld) -> None:
    done = stable.deploy("1.1.0", mode=Mode.CANARY, canary=STEPS, until="update")
    stable.questions.clear()

    sides = done.target.sides(done.plan, done.deployment_id, done.outcomes)

    assert len(stable.questions) == 1
    assert (sides.canary.wanted, sides.canary.ready, sides.canary.restarts, sides.canary.problems) == (2, 2, 0, ())
    assert (sides.stable.wanted, sides.stable.ready) == (4, 4)
    pods = {pod.removeprefix("pod/") for pod in stable.pods()}
    of_canary = {pod for pod in pods if re.fullmatch(sides.canary.name, pod)}
    assert len(of_canary) == 2
    assert {pod for pod in pods if re.fullmatch(sides.stable.name, pod)} == pods - of_canary
    assert len(done.target.endpoints(sides.canary, None)) == 2
    assert all(re.fullmatch(r"http://10\.[0-9.]+:9000", one) for one in done.target.endpoints(sides.stable, 9000))


def test_promotion_rolls_the_stable_one_and_leaves_nothing_else(stable: KubernetesWorld) -> None:
    before = [one[:2] for one in stable.everything()]

    done = stable.deploy("1.1.0", mode=Mode.CANARY, canary=STEPS)

    assert [one[:2] for one in stable.everything()] == before
    assert "1.1.0@" in stable.image()
    assert done.target.observe() == done.release
    assert done.target.drift() == ()


def test_a_bad_version_is_caught_and_leaves_nothing(stable: KubernetesWorld) -> None:
    before, generation = stable.everything(), stable.get("deployment", "web")["metadata"]["generation"]
    target = stable.target(canary=STEPS, tags=("crash-{{version}}",))
    live = target.observe()
    assert live is not None
    plan = stable.plan(target, "1.1.0", mode=Mode.CANARY)

    with pytest.raises(StepError, match="CrashLoopBackOff"):
        stable.apply(target, plan, "deploy-1.1.0")
    during = target.sides(plan, "deploy-1.1.0", {})
    back = target.rollback(plan, live)
    stable.apply(target, back, "deploy-1.1.0")

    assert (during.canary.ready, during.stable.ready) == (0, 4)
    assert any("CrashLoopBackOff" in problem for problem in during.canary.problems)
    assert [step.name for step in back.steps] == ["rollback_canary_remove", "rollback_update", "rollback_wait"]
    assert stable.everything() == before
    assert stable.get("deployment", "web")["metadata"]["generation"] == generation
    assert len(stable.pods()) == 4


def test_a_promotion_that_fails_leads_back(stable: KubernetesWorld) -> None:
    before = stable.everything()
    target = stable.target(canary=STEPS)
    live = target.observe()
    assert live is not None
    plan = stable.plan(target, "1.1.0", mode=Mode.CANARY)
    stable.apply(target, plan, "deploy-1.1.0", until="canary_remove")

    stable.apply(target, target.rollback(plan, live), "deploy-1.1.0")

    assert stable.everything() == before


def test_what_a_kill_leaves_open_is_found_out(stable: KubernetesWorld) -> None:
    target = stable.target(canary=STEPS)
    plan = stable.plan(target, "1.1.0", mode=Mode.CANARY)
    outcomes = stable.apply(target, plan, "deploy-1.1.0", until="canary_10")
    first, second, remove = plan.step("canary_10"), plan.step("canary_50"), plan.step("canary_remove")

    def answer(step: Any, deployment_id: str = "deploy-1.1.0") -> Answer:
        return target.probe(step, deployment_id, outcomes).answer

    assert answer(first) is Answer.NOT_DONE
    data = target.apply(first, stable.step_run(first, "deploy-1.1.0", outcomes)).data
    assert dict(target.probe(first, "deploy-1.1.0", outcomes).data) == data
    assert [answer(first), answer(second), answer(remove)] == [Answer.DONE, Answer.NOT_DONE, Answer.NOT_DONE]
    assert answer(first, "deploy-9") is Answer.NOT_DONE
    target.apply(remove, stable.step_run(remove, "deploy-1.1.0", outcomes))
    assert answer(remove) is Answer.DONE


def test_touches_no_deployment_of_that_name_that_is_not_ours(stable: KubernetesWorld) -> None:
    stable.kubectl("create", "deployment", "web-canary", "--image=theirs")
    before = stable.everything()

    with pytest.raises(StepError, match=r"Deployment web-canary in namespace .* does not carry our label"):
        stable.deploy("1.1.0", mode=Mode.CANARY, canary=STEPS)

    assert stable.everything() == before


def test_new_config_maps_come_along_and_go_again(stable: KubernetesWorld) -> None:
    before = stable.everything()
    conf = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf-2"}, "data": {"a": "2"}}
    stable.objects(conf, replicas=4)
    live = stable.target().observe()
    assert live is not None

    done = stable.deploy("1.1.0", mode=Mode.CANARY, canary=STEPS, until="update")
    during = [one[:2] for one in stable.everything()]
    stable.roll_back(done, live)

    assert ("ConfigMap", "conf-2") in during
    assert stable.everything() == before
    promoted = stable.deploy("1.1.0", mode=Mode.CANARY, canary=STEPS)
    assert "pop-deploy/role" not in stable.get("configmap", "conf-2")["metadata"]["labels"]
    assert promoted.target.drift() == ()


def test_no_weight_is_called_exact_that_nothing_can_split(stable: KubernetesWorld) -> None:
    before = stable.everything()

    with pytest.raises(StepError, match="no Ingress in the manifests leads to a Service of Deployment web"):
        stable.deploy("1.1.0", mode=Mode.CANARY, canary=STEPS, ingress="nginx")

    assert stable.everything() == before


def test_an_ingress_splits_by_exact_weight(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    write_manifests(world.project / "k8s", [*manifests(replicas=4), INGRESS])
    world.deploy("1.0.0")
    before = world.everything()
    live = world.target().observe()
    assert live is not None

    done = world.deploy("1.1.0", mode=Mode.CANARY, canary=STEPS, ingress="nginx", until="update")

    made = [one[:2] for one in world.everything() if one not in before]
    assert made == [("Deployment", "web-canary"), ("Ingress", "web-canary"), ("Service", "web-canary")]
    ingress = world.get("ingress", "web-canary")
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/canary"] == "true"
    assert annotations["nginx.ingress.kubernetes.io/canary-weight"] == "50"
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    assert [path["backend"]["service"]["name"] for path in paths] == ["web-canary"]
    assert len(world.get("endpoints", "web")["subsets"][0]["addresses"]) == 4  # none of the canary's
    assert len(world.get("endpoints", "web-canary")["subsets"][0]["addresses"]) == 2
    assert weights(done.plan)[0]["reached"] == 10.0
    world.roll_back(done, live)
    assert world.everything() == before
