"""What the configuration of a kubernetes target takes and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.targets.canary_config import Canary
from orchestrator.targets.kubernetes_config import Chart, KubernetesConfig


def config(**fields: Any) -> KubernetesConfig:
    known = {"image_name": "shop/web", "context": "prod", "namespace": "shop", "deployment": "web", "manifests": "k8s"}
    return KubernetesConfig(**{**known, **fields})


@pytest.mark.parametrize(
    ("deployment", "workload"),
    [
        ("web", ("Deployment", "web")),
        ("deployment/web", ("Deployment", "web")),
        ("statefulset/db.main", ("StatefulSet", "db.main")),
        ("daemonset/agent", ("DaemonSet", "agent")),
    ],
)
def test_reads_which_workload_serves(deployment: str, workload: tuple[str, str]) -> None:
    assert config(deployment=deployment).workload == workload


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"context": "-prod"}, "context: expected the name of a context"),
        ({"context": "a b"}, "context: expected the name of a context"),
        ({"namespace": "Shop"}, "namespace: expected the name of a namespace"),
        ({"deployment": "--all"}, "deployment: expected NAME of a Deployment, or statefulset/NAME"),
        ({"deployment": "job/web"}, "deployment: expected NAME of a Deployment, or statefulset/NAME"),
        ({"container": "Web"}, "container: expected the name of a container"),
        ({"manifests": "-f"}, "manifests: expected a path that does not begin with a dash"),
        ({"migrations": ("-f",)}, "migrations: expected a path that does not begin with a dash"),
        ({"kubeconfig": "-"}, "kubeconfig: expected a path that does not begin with a dash"),
        ({"manifests": None}, "expected exactly one of manifests, kustomize and chart, got none"),
        ({"kustomize": "k8s"}, "expected exactly one of manifests, kustomize and chart, got manifests and kustomize"),
        ({"chart": Chart(path="c")}, "expected exactly one of manifests, kustomize and chart, got manifests and chart"),
        ({"deployment": "statefulset/db", "canary": Canary()}, "canary: only a Deployment can have one, not statefulset/db"),
    ],
)
def test_says_what_is_wrong(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"expected|canary") as caught:
        config(**fields)

    assert message in str(caught.value)


def test_takes_the_names_that_cloud_providers_give_contexts() -> None:
    assert config(context="arn:aws:eks:eu-west-1:1234:cluster/shop").context
    assert config(context="gke_my-project_europe-west1-b_shop").context


def test_a_chart_names_paths() -> None:
    with pytest.raises(ValueError, match="values: expected a path"):
        Chart(path="chart", values=("-x",))
