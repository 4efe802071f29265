"""The kubernetes target on a real control plane: deploy, replace, go back. Its pods only claim to run."""

from __future__ import annotations

import json
import random
import time

import pytest

from orchestrator.domain.errors import NothingToRollBack
from orchestrator.targets.base import Answer, CheckStatus, ForeignResource, StepError
from tests.contract.harness_kubernetes import manifests, write_manifests
from tests.e2e.kubernetes_world import KubernetesWorld

pytestmark = pytest.mark.kubernetes

MARKS = ("deployment", "version", "commit", "slot-name")


# Deploying


def test_runs_what_the_registry_has(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()

    done = world.deploy("1.0.0")

    digest = world.docker.registry_digest(f"{world.label}/web", "1.0.0")
    repository = f"{world.docker.registry}/{world.label}/web"
    assert world.image() == f"{repository}:1.0.0@{digest}"
    assert done.release.artifacts == {repository: digest}
    assert done.verdicts() == {"rollout": CheckStatus.PASS, "digest": CheckStatus.PASS}
    assert done.target.observe() == done.release
    assert done.target.drift() == ()


def test_every_object_says_whose_it_is(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()

    world.deploy("1.0.0")

    for kind in ("service", "deployment"):
        metadata = world.get(kind, "web")["metadata"]
        assert {name: metadata["annotations"][f"pop-deploy/{name}"] for name in MARKS} == {
            "deployment": "deploy-1.0.0",
            "version": "1.0.0",
            "commit": "0123456789abcdef0123456789abcdef01234567",
            "slot-name": "My shop/staging/web",
        }
        assert metadata["labels"]["pop-deploy/slot"]
    assert "pop-deploy/slot" in world.get("deployment", "web")["spec"]["template"]["metadata"]["labels"]


def test_applies_as_a_field_manager_of_its_own(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()

    world.deploy("1.0.0")

    entries = json.loads(world.kubectl("get", "service", "web", "-o", "json", "--show-managed-fields"))["metadata"][
        "managedFields"
    ]
    assert [(one["manager"], one["operation"]) for one in entries] == [("pop-deploy", "Apply")]


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_rolls_other_workloads_out(fake_cluster: KubernetesWorld, kind: str) -> None:
    world = fake_cluster
    deployment, service = manifests()
    more = {"serviceName": "web"} if kind == "StatefulSet" else {}
    spec = {**deployment["spec"], **more}
    if kind == "DaemonSet":
        del spec["replicas"]
    write_manifests(world.project / "k8s", [service, {**deployment, "kind": kind, "spec": spec}])

    first = world.deploy("1.0.0", deployment=f"{kind.lower()}/web")
    world.source("1.1.0")
    second = world.deploy("1.1.0", deployment=f"{kind.lower()}/web")

    assert first.release != second.release == second.target.observe()
    assert second.verdicts() == {"rollout": CheckStatus.PASS, "digest": CheckStatus.PASS}
    assert second.release.artifacts != first.release.artifacts


def test_sets_the_image_wherever_the_repository_is_asked_for(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    deployment, service = manifests()
    repository = f"{world.docker.registry}/{world.label}/web"
    deployment["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:2"})
    deployment["spec"]["template"]["spec"]["initContainers"] = [{"name": "prepare", "image": f"{repository}:latest"}]
    write_manifests(world.project / "k8s", [service, deployment])

    done = world.deploy("1.0.0", container="web")

    spec = world.get("deployment", "web")["spec"]["template"]["spec"]
    wanted = f"{repository}:1.0.0@{done.outcomes['push']['digest']}"
    assert [one["image"] for one in spec["containers"]] == [wanted, "proxy:2"]
    assert spec["initContainers"][0]["image"] == wanted


def test_rolls_a_hundred_replicas_out_with_few_calls(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects(replicas=100)
    target = world.target()
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="wait")
    world.questions.clear()
    began = time.monotonic()

    step = plan.step("wait")
    target.apply(step, world.step_run(step, "deploy-1.0.0", outcomes))

    took = time.monotonic() - began
    assert len(world.questions) <= max(4, took)
    assert world.get("deployment", "web")["status"]["availableReplicas"] == 100


def test_reads_a_large_release_back(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    noise = random.Random(1)  # noqa: S311 - it must only not be compressible
    files = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{number}"}, "data": {"a": noise.randbytes(9000).hex()}}
        for number in range(3)
    ]
    world.objects(*files)

    done = world.deploy("1.0.0")

    assert len(json.dumps(done.release.detail)) > 54_000
    assert done.target.observe() == done.release
    assert done.target.drift() == ()


# Going back


def test_a_rollback_applies_what_was_recorded(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    first = world.deploy("1.0.0")
    before = world.everything()
    world.source("1.1.0")
    world.objects(replicas=3, env=[{"name": "MODE", "value": "new"}])
    second = world.deploy("1.1.0")

    back = world.roll_back(second, first.release)

    assert world.everything() == before
    assert back.verdicts() == {"rollout": CheckStatus.PASS, "digest": CheckStatus.PASS}
    assert second.target.observe() == first.release


def test_a_rollback_from_pods_that_crash_is_not_taken_for_a_failure(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    first = world.deploy("1.0.0")
    world.source("1.1.0")
    target = world.target(tags=("crash-{{version}}",))
    plan = world.plan(target, "1.1.0")
    with pytest.raises(StepError):
        world.apply(target, plan, "deploy-1.1.0")

    back = target.rollback(plan, first.release)
    outcomes = world.apply(target, back, "deploy-1.1.0")

    assert {check.status for check in target.verify(back, "deploy-1.1.0", outcomes)} == {CheckStatus.PASS}


def test_a_rollback_says_what_it_cannot_undo(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    first = world.deploy("1.0.0")
    job = {"restartPolicy": "Never", "containers": [{"name": "migrate", "image": f"{world.docker.registry}/{world.label}/web"}]}
    (world.project / "job.json").write_text(
        json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "up"}, "spec": {"template": {"spec": job}}})
    )
    second = world.deploy("1.1.0", migrations=("job.json",))

    plan = second.target.rollback(second.plan, first.release)
    run = world.step_run(plan.steps[0], "deploy-1.1.0", {})
    second.target.apply(plan.steps[0], run)

    assert run.lines == ["what migrate did to the data is not undone by going back"]


def test_no_way_back_leads_into_another_namespace(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    first = world.deploy("1.0.0")

    with pytest.raises(NothingToRollBack, match="ran in namespace"):
        world.target(namespace="elsewhere").rollback(first.plan, first.release)


# What is ours


def test_touches_no_service_that_is_not_ours(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    world.kubectl("create", "service", "clusterip", "web", "--tcp=80:80")
    before = world.everything()

    with pytest.raises(StepError, match=r"Service web in namespace .* does not carry our label"):
        world.deploy("1.0.0")

    assert world.everything() == before


def test_takes_over_what_it_may_adopt(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    world.kubectl("apply", "-f", str(world.project / "k8s"))

    with pytest.raises(ForeignResource):
        world.target().observe()
    done = world.deploy("1.0.0", adopt=True)

    assert done.target.observe() == done.release
    assert done.target.drift() == ()


def test_prunes_only_when_told_to_and_only_what_is_ours(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "old"}, "data": {"a": "b"}}
    world.objects(extra)
    world.deploy("1.0.0")
    world.kubectl("create", "configmap", "theirs")
    world.objects()

    world.deploy("1.1.0")
    kept = {name for kind, name, _ in world.everything() if kind == "ConfigMap"}
    done = world.deploy("1.2.0", prune=True)
    pruned = {name for kind, name, _ in world.everything() if kind == "ConfigMap"}

    assert kept - pruned == {"old"}
    assert "theirs" in pruned
    assert done.outcomes["prune"] == {"removed": ["ConfigMap old"]}


def test_says_what_was_changed_by_hand(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    done = world.deploy("1.0.0")
    world.kubectl("scale", "deployment/web", "--replicas=3")
    world.kubectl("set", "env", "deployment/web", "MODE=debug")
    world.kubectl("patch", "service", "web", "-p", '{"spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 9090}]}}')

    lines = done.target.drift()

    assert "Deployment web: spec.replicas: 2 -> 3" in lines
    assert "Service web: spec.ports[0].targetPort: 8080 -> 9090" in lines
    assert any("env[MODE].value set by kubectl-set" in line for line in lines)
    assert any("kubectl-patch" in line for line in lines)
    world.deploy("1.0.1")
    assert world.target().drift() == ()


def test_half_an_update_of_ours_is_no_drift(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    done = world.deploy("1.0.0")
    world.kubectl("annotate", "--overwrite", "service", "web", "pop-deploy/deployment=deploy-1.1.0")
    world.kubectl("patch", "service", "web", "-p", '{"spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 9090}]}}')

    assert done.target.drift() == ()


def test_a_restart_is_no_drift(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    done = world.deploy("1.0.0")

    world.kubectl("rollout", "restart", "deployment/web")

    assert done.target.drift() == ()


def test_says_that_an_object_is_gone(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    done = world.deploy("1.0.0")

    world.kubectl("delete", "service", "web")

    assert done.target.drift() == ("Service web: is gone, somebody has removed it",)


def test_a_job_in_the_manifests_runs_once(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    pod = {"restartPolicy": "Never", "containers": [{"name": "seed", "image": f"{world.docker.registry}/{world.label}/web"}]}
    world.objects({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "seed"}, "spec": {"template": {"spec": pod}}})
    first = world.deploy("1.0.0")
    uid = world.get("job", "seed")["metadata"]["uid"]
    world.source("1.1.0")

    second = world.deploy("1.1.0")

    assert world.get("job", "seed")["metadata"]["uid"] == uid
    step = second.plan.step("update")
    assert second.target.probe(step, second.deployment_id, second.outcomes).answer is Answer.DONE
    assert world.roll_back(second, first.release).verdicts()["rollout"] is CheckStatus.PASS


# After a kill


def test_half_an_update_is_completed(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    target = world.target()
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0")
    world.kubectl("delete", "service", "web")
    step = plan.step("update")

    half = target.probe(step, "deploy-1.0.0", outcomes)
    again = target.apply(step, world.step_run(step, "deploy-1.0.0", outcomes, attempt=2))
    whole = target.probe(step, "deploy-1.0.0", outcomes)

    assert (half.answer, half.detail) == (Answer.NOT_DONE, "not applied by deploy-1.0.0: Service web")
    assert whole.answer is Answer.DONE
    assert dict(whole.data) == dict(again.data)


def test_nobody_knows_while_the_cluster_does_not_answer(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    done = world.deploy("1.0.0")
    silent = world.cluster.write_kubeconfig(world.root / "silent", context="admin", server="https://127.0.0.1:9")
    step = world.plan(world.target(), "1.0.0").step("update")
    place = {**step.inputs["place"], "kubeconfig": str(silent)}

    step = type(step).from_json({**step.to_json(), "inputs": {**step.inputs, "place": place}})
    found = done.target.probe(step, done.deployment_id, done.outcomes)

    assert found.answer is Answer.UNKNOWN
    assert "The cluster does not answer" in found.detail
