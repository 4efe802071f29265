"""The kubernetes target where pods really run: what only a node can say."""

from __future__ import annotations

import json
import urllib.request

import pytest

from orchestrator.domain.plan import Mode
from orchestrator.targets.base import StepError
from orchestrator.targets.canary_config import Canary, Weight
from tests.contract.harness_kubernetes import manifests, write_manifests
from tests.e2e.kubernetes_world import KubernetesWorld

pytestmark = pytest.mark.kubernetes


def test_the_end_of_the_log_is_told(real_cluster: KubernetesWorld) -> None:
    world = real_cluster
    command = ["/bin/busybox", "sh", "-c", "echo no database at db:5432; exit 4"]
    write_manifests(world.project / "k8s", manifests(replicas=1, command=command))

    with pytest.raises(StepError) as caught:
        world.deploy("1.0.0")

    message = str(caught.value)
    assert "CrashLoopBackOff" in message
    assert "exit code 4" in message
    assert "no database at db:5432" in message


def test_an_image_that_the_node_cannot_get_is_told(real_cluster: KubernetesWorld) -> None:
    world = real_cluster
    world.objects(replicas=1)
    target = world.target()
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="update")
    push = {**outcomes["push"], "digest": "sha256:" + "0" * 64}
    step, wait = plan.step("update"), plan.step("wait")
    target.apply(step, world.step_run(step, "deploy-1.0.0", {**outcomes, "push": push}))

    with pytest.raises(StepError, match=r"ErrImagePull|ImagePullBackOff") as caught:
        target.apply(wait, world.step_run(wait, "deploy-1.0.0", {**outcomes, "push": push}))

    assert "manifest" in str(caught.value)


def test_each_pod_of_a_side_answers_for_itself(real_cluster: KubernetesWorld) -> None:
    world = real_cluster
    world.source("1.0.0")
    world.objects()
    world.deploy("1.0.0")
    world.source("1.1.0")
    done = world.deploy("1.1.0", mode=Mode.CANARY, canary=Canary(steps=(Weight(weight=50),)), until="update")

    sides = done.target.sides(done.plan, done.deployment_id, done.outcomes)

    assert {answer(url) for url in done.target.endpoints(sides.canary, None)} == {"1.1.0"}
    assert [answer(url) for url in done.target.endpoints(sides.stable, 8080)] == ["1.0.0", "1.0.0"]


def test_no_token_is_anywhere_in_what_is_asked_or_recorded(real_cluster: KubernetesWorld) -> None:
    world = real_cluster
    world.objects(replicas=1)
    token = world.cluster.token()

    done = world.deploy("1.0.0")

    assert token not in json.dumps(done.plan.to_json())
    assert token not in json.dumps({name: dict(data) for name, data in done.outcomes.items()})
    assert not [argv for _, argv in world.questions if token in " ".join(argv)]


def answer(url: str) -> str:
    with urllib.request.urlopen(f"{url}/version", timeout=5) as response:
        return str(response.read().decode().strip())
