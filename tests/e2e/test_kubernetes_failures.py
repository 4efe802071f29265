"""What a rollout that does not come ends with: the real cause, long before the deadline, on a real control plane."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.targets import kubernetes_states
from orchestrator.targets.base import Answer, QueryTimeout, StepError
from tests.contract.harness_kubernetes import manifests, write_manifests
from tests.e2e.kubernetes_world import KubernetesWorld

pytestmark = pytest.mark.kubernetes


def failure(world: KubernetesWorld, version: str = "1.1.0", **config: Any) -> tuple[StepError, float]:
    """What a deployment fails with, and how long that took."""
    began = time.monotonic()
    with pytest.raises(StepError) as caught:
        world.deploy(version, **config)
    return caught.value, time.monotonic() - began


def test_an_image_that_is_not_there_ends_at_once(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()

    error, took = failure(world, tags=("nope-{{version}}",))

    assert took < 15
    assert "ImagePullBackOff" in str(error)
    assert "event: web-" in str(error)
    assert "manifest unknown" in str(error)


def test_a_crash_loop_ends_at_once(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()

    error, took = failure(world, tags=("crash-{{version}}",))

    assert took < 15
    assert "CrashLoopBackOff" in str(error)
    assert "Back-off restarting failed container" in str(error)


def test_pods_that_never_get_ready_end_by_the_progress_deadline(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    world.deploy("1.0.0")

    error, took = failure(world, tags=("bad-{{version}}",), progress_deadline_s=3)

    assert took < 25
    assert "ProgressDeadlineExceeded" in str(error)
    assert "Readiness probe failed: HTTP probe failed with statuscode: 500" in str(error)
    assert world.get("deployment", "web")["status"]["availableReplicas"] == 2  # the old ones serve on


def test_the_steps_own_deadline_has_a_message_too(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    target = world.target(tags=("bad-{{version}}",))
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="wait")
    step = plan.step("wait")
    short = type(step).from_json({**step.to_json(), "timeout_s": 8.0})

    with pytest.raises(
        StepError, match=r"Not rolled out before the step's deadline \(timeout_s\): web: 0 of 2 pods are available"
    ):
        target.apply(short, world.step_run(short, "deploy-1.0.0", outcomes))


def test_a_pod_that_no_node_takes_is_told(fake_cluster: KubernetesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kubernetes_states.PATIENCE_S, "Unschedulable", 1.0)
    world = fake_cluster
    deployment, service = manifests()
    deployment["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "golden"}
    write_manifests(world.project / "k8s", [deployment, service])

    error, took = failure(world)

    assert took < 20
    assert "Unschedulable: 0/" in str(error)


def test_pods_that_may_not_be_made_are_told(fake_cluster: KubernetesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kubernetes_states.PATIENCE_S, "ReplicaFailure", 1.0)
    world = fake_cluster
    world.kubectl("create", "quota", "small", "--hard=pods=0")
    world.objects()

    error, _ = failure(world)

    assert "ReplicaFailure" in str(error)
    assert "exceeded quota: small" in str(error)


def test_an_api_server_that_is_away_for_a_moment_is_asked_again(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    tools = world.tools()
    asked, silent = tools.query, [2]

    def forgetful(argv: Any, **options: Any) -> Any:
        if "--selector=" in " ".join(argv) and silent[0]:
            silent[0] -= 1
            raise QueryTimeout("no answer")
        return asked(argv, **options)

    target = world.target(tools=replace(tools, query=forgetful))
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="wait")
    step = plan.step("wait")
    run = world.step_run(step, "deploy-1.0.0", outcomes)

    target.apply(step, run)

    assert run.lines[:2] == ["the cluster does not answer; it is asked again"] * 2


def test_a_workload_that_somebody_removes_is_missed(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    target = world.target()
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="wait")
    world.kubectl("delete", "deployment", "web")
    step = plan.step("wait")

    with pytest.raises(StepError, match="web: NotFound: somebody has removed it"):
        target.apply(step, world.step_run(step, "deploy-1.0.0", outcomes))


def test_a_context_without_rights_is_refused_by_the_cluster(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()

    error, _ = failure(world, context="viewer")

    assert "The cluster does not allow it" in str(error)
    assert error.effect is False


# Migrations


def job(world: KubernetesWorld, name: str = "up", image: str = "") -> None:
    containers = [{"name": "migrate", "image": image or f"{world.docker.registry}/{world.label}/web"}]
    spec = {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": containers}}}
    document = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
    (world.project / f"{name}.json").write_text(json.dumps(document))


def test_migrations_run_before_anything_else_is_changed(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    job(world)

    done = world.deploy("1.0.0", migrations=("up.json",), until="update")

    (name,) = done.outcomes["migrate"]["jobs"]
    assert world.get("job", name)["status"]["succeeded"] == 1
    assert world.image("job", name) == f"{world.docker.registry}/{world.label}/web:1.0.0@{done.outcomes['push']['digest']}"
    assert world.kubectl("get", "deployments", "-o", "name") == ""
    step = done.plan.step("migrate")
    assert done.target.probe(step, "deploy-1.0.0", done.outcomes).answer is Answer.DONE
    assert done.target.probe(step, "deploy-2.0.0", done.outcomes).answer is Answer.NOT_DONE


def test_only_the_last_migration_is_kept(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    job(world)
    world.deploy("1.0.0", migrations=("up.json",))

    done = world.deploy("1.1.0", migrations=("up.json",))

    assert world.kubectl("get", "jobs", "-o", "name").split() == [f"job.batch/{done.outcomes['migrate']['jobs'][0]}"]


def test_a_migration_that_fails_changes_nothing_else(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    job(world)
    world.deploy("1.0.0")
    before = world.get("deployment", "web")["metadata"]["generation"]

    error, took = failure(world, tags=("crash-{{version}}",), migrations=("up.json",))

    assert took < 20
    assert "BackoffLimitExceeded" in str(error)
    assert world.get("deployment", "web")["metadata"]["generation"] == before
