"""What manifests may look like, what is refused in them, and what a dry run says of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.targets.base import CheckStatus, StepError
from orchestrator.targets.kubernetes import Chart
from tests.contract.harness_kubernetes import manifests, write_manifests
from tests.e2e.kubernetes_world import KubernetesWorld, failed

pytestmark = pytest.mark.kubernetes

YAML = """\
# what people write
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web
          env: [{name: MODE, value: "on"}]
"""


def rendered(world: KubernetesWorld, **config: Any) -> list[dict[str, Any]]:
    """The objects that the render step finds."""
    target = world.target(**config)
    step = world.plan(target, "1.0.0").step("render")
    return list(target.apply(step, world.step_run(step, "deploy-1", {})).data["objects"])


def names(objects: list[dict[str, Any]]) -> list[str]:
    return [f"{one['kind']} {one['metadata']['name']}" for one in objects]


def checks(world: KubernetesWorld, **config: Any) -> dict[str, str]:
    """Messages of the checks of a dry run that did not pass."""
    target = world.target(**config)
    return failed(list(target.preflight(target.plan(world.request("1.0.0")))))


# Reading


def test_reads_one_file_with_several_documents(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    (world.project / "all.yaml").write_text(YAML)

    found = rendered(world, manifests="all.yaml")

    assert names(found) == ["Service web", "Deployment web"]
    assert found[0]["spec"]["ports"] == [{"port": 80, "targetPort": 8080, "protocol": "TCP"}]
    assert found[1]["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "MODE", "value": "on"}]


def test_reads_a_directory_with_its_subdirectories(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    (world.project / "k8s" / "more").mkdir(parents=True)
    (world.project / "k8s" / "more" / "web.yml").write_text(YAML)
    (world.project / "k8s" / "README.md").write_text("not a manifest")

    assert names(rendered(world)) == ["Service web", "Deployment web"]


def test_reads_files_whatever_they_are_called(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    (world.project / "k8s").mkdir()
    (world.project / "k8s" / 'a,b "c" -- d.yaml').write_text(YAML)
    (world.project / "k8s" / "nothing.yaml").write_text("---\n# only a comment\n---\n")

    assert names(rendered(world)) == ["Service web", "Deployment web"]


def test_reads_many_large_files(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    large = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{number}"}, "data": {"a": "x" * 9000}}
        for number in range(12)
    ]
    world.objects(*large)

    assert len(rendered(world)) == 14


def test_deploys_what_kustomize_makes(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    base = world.project / "overlays" / "base"
    base.mkdir(parents=True)
    (base / "web.yaml").write_text(YAML)
    (base / "kustomization.yaml").write_text("resources: [web.yaml]\nconfigMapGenerator: [{name: conf, literals: [a=b]}]\n")

    done = world.deploy("1.0.0", kustomize="overlays/base")

    assert [name for name in names(done.release.detail["objects"]) if name.startswith("ConfigMap conf-")]
    assert done.verdicts()["rollout"] is CheckStatus.PASS


def test_says_that_a_chart_needs_helm(fake_cluster: KubernetesWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = fake_cluster
    (world.project / "chart").mkdir()
    for tool in ("kubectl", "docker"):
        (tmp_path / "bin" / tool).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    with pytest.raises(StepError, match="Install helm"):
        rendered(world, chart=Chart(path="chart"))


# Refused before anything is changed


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "Yg=="}}, "Secret s holds its values"),
        (
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}},
            "Secret s holds its values",
        ),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "x"}}, "wants the namespace x"),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "c"}}, "has no metadata.name"),
    ],
)
def test_refuses_what_cannot_be_recorded_or_found_again(
    fake_cluster: KubernetesWorld, extra: dict[str, Any], message: str
) -> None:
    world = fake_cluster
    write_manifests(world.project / "k8s", manifests())
    write_manifests(world.project / "k8s" / "more", [{**extra, "metadata": {"name": "n", **extra["metadata"]}}])
    if "generateName" in extra["metadata"]:
        (world.project / "k8s" / "more" / "configmap-n.json").write_text(
            '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "c"}}'
        )

    with pytest.raises(StepError, match=message) as caught:
        rendered(world)

    assert caught.value.effect is False


def test_follows_no_link_out_of_the_project(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    (world.root / "theirs.yaml").write_text(YAML)
    (world.project / "k8s" / "link.yaml").symlink_to(world.root / "theirs.yaml")

    with pytest.raises(StepError, match="outside the project"):
        rendered(world)


def test_refuses_what_is_no_manifest(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    (world.project / "k8s.yaml").write_text("a: [")

    with pytest.raises(StepError, match=r"The manifest .*k8s\.yaml cannot be read\. Correct it"):
        rendered(world, manifests="k8s.yaml")


def test_refuses_manifests_without_the_workload(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()

    with pytest.raises(StepError, match="there is no Deployment api in the manifests; there are: Service web, Deployment web"):
        world.deploy("1.0.0", deployment="api")

    assert world.kubectl("get", "services", "-o", "name") == ""


def test_asks_which_container_gets_the_image(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    deployment, service = manifests()
    deployment["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:2"})
    write_manifests(world.project / "k8s", [deployment, service])

    with pytest.raises(StepError, match=r"has the containers web, proxy\. container: say which"):
        world.deploy("1.0.0")


# Dry run


def test_a_dry_run_says_what_would_change(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    world.deploy("1.0.0")
    world.objects(replicas=5)
    before = world.everything()
    target = world.target()

    found = {check.name: check for check in target.preflight(world.plan(target, "1.1.0"))}

    assert not failed(list(found.values()))
    assert "Service web: stays as it is" in found["server dry run"].message
    assert "spec.replicas: 2 -> 5" in found["server dry run"].message
    assert "spec.template.spec.containers[web].image: " in found["server dry run"].message
    assert world.everything() == before


def test_a_dry_run_names_who_owns_a_field(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()
    world.deploy("1.0.0")
    world.kubectl("patch", "service", "web", "-p", '{"spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 9090}]}}')
    target = world.target()

    found = {check.name: check for check in target.preflight(world.plan(target, "1.1.0"))}

    assert found["conflicts"].status is CheckStatus.WARN
    assert "set by kubectl-patch" in found["conflicts"].message


def test_a_dry_run_asks_for_every_right(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects()

    found = checks(world, context="viewer", prune=True)

    assert "create deployments.apps" in found["access"]
    assert "patch services" in found["access"]
    assert "delete configmaps" in found["access"]
    assert "get deployments.apps" not in found["access"]


@pytest.mark.parametrize(
    ("config", "name", "message"),
    [
        ({"context": "prod"}, "context", "has no context prod; it has: admin, viewer"),
        ({"namespace": "no-such-place"}, "cluster", "there is no namespace no-such-place"),
        ({"kubeconfig": "/nowhere/kubeconfig"}, "context", "no context admin"),
    ],
)
def test_a_dry_run_says_that_the_place_does_not_exist(
    fake_cluster: KubernetesWorld, config: dict[str, Any], name: str, message: str
) -> None:
    world = fake_cluster
    world.objects()

    assert message in checks(world, **config)[name]


def test_a_dry_run_finds_what_the_cluster_would_not_take(fake_cluster: KubernetesWorld) -> None:
    world = fake_cluster
    world.objects({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "bad"}, "spec": {"ports": [{"port": 99999}]}})

    found = checks(world)

    assert "99999" in found["server dry run"]
    assert "99999" in found["conflicts"]


def test_the_kubeconfigs_own_context_is_never_used(fake_cluster: KubernetesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = fake_cluster
    other = Path(world.root / "kubeconfig")
    other.write_text(world.kubeconfig.read_text() + "current-context: viewer\n")
    monkeypatch.setenv("KUBECONFIG", str(other))
    world.objects()

    done = world.deploy("1.0.0", kubeconfig=None)

    asked = [argv for _, argv in world.questions if argv[0] == "kubectl" and "--local" not in argv and argv[1] != "kustomize"]
    assert all("--context=admin" in argv and f"--namespace={world.label}" in argv for argv in asked)
    assert done.verdicts()["rollout"] is CheckStatus.PASS
