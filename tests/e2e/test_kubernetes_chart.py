"""A chart, rendered by a real helm and applied to a real API server: its values, its hooks, its mistakes, its way back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.contract.harness_kubernetes import manifests
from tests.e2e.kubernetes_shop import KubernetesShop
from tests.e2e.kubernetes_world import KubernetesWorld

pytestmark = [pytest.mark.kubernetes, pytest.mark.e2e]

HOOK = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "web-before", "annotations": {"helm.sh/hook": "pre-install,pre-upgrade"}},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "job", "image": "other"}]}}},
}


@pytest.fixture
def shop(helm: str, fake_cluster: KubernetesWorld, tmp_path: Path) -> KubernetesShop:
    shop = KubernetesShop(fake_cluster, tmp_path / "ann's shop")
    shutil.rmtree(shop.project.path / "k8s")
    shop.configure(manifests=None, chart={"path": "chart", "values": ["values/staging.yaml", "values/this, one.yaml"]})
    write_chart(shop.project.path / "chart")
    write_values(shop, {"replicas": 7, "mode": "staging"}, {"replicas": 3})
    return shop


def write_chart(chart: Path) -> None:
    """With a helper, notes, a hook and a test, as charts have them."""
    deployment, service = manifests(env=[{"name": "MODE", "value": "{{ .Values.mode | upper }}"}])
    deployment["metadata"]["labels"] = {"chart": '{{ include "shop.chart" . }}'}
    text = json.dumps(deployment, indent=1).replace('"replicas": 2', '"replicas": {{ required "say how many" .Values.replicas }}')
    test = {**HOOK, "metadata": {"name": "web-test", "annotations": {"helm.sh/hook": "test"}}}
    files = {
        "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.3.1\n",
        "values.yaml": "mode: none\n",
        "templates/_helpers.tpl": '{{ define "shop.chart" }}{{ .Chart.Name }}-{{ .Chart.Version }}{{ end }}',
        "templates/NOTES.txt": "Thank you for installing {{ .Chart.Name }}.",
        "templates/deployment.yaml": text,
        "templates/service.yaml": json.dumps(service),
        "templates/before.yaml": json.dumps(HOOK),
        "templates/tests/test.yaml": json.dumps(test),
    }
    for name, content in files.items():
        path = chart / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.replace('\\"', '"'))


def write_values(shop: KubernetesShop, *values: dict[str, Any]) -> None:
    directory = shop.project.path / "values"
    directory.mkdir(exist_ok=True)
    for name, said in zip(("staging.yaml", "this, one.yaml"), values, strict=True):
        (directory / name).write_text(json.dumps(said))


def replicas_and_mode(shop: KubernetesShop) -> tuple[int, str]:
    spec = shop.world.get("deployment", "web")["spec"]
    return spec["replicas"], spec["template"]["spec"]["containers"][0]["env"][0]["value"]


def test_a_chart_is_deployed_with_its_values_and_without_its_hooks(shop: KubernetesShop) -> None:
    shop.deploy("1.0.0")

    assert replicas_and_mode(shop) == (3, "STAGING")
    assert shop.world.get("deployment", "web")["metadata"]["labels"]["chart"] == "shop-0.3.1"
    assert "@sha256:" in shop.world.image()
    assert {one[0] for one in shop.world.everything()} & {"Job", "Pod"} == set()
    assert shop.project.run("verify").code == 0


def test_a_rollback_applies_what_was_rendered_then_whatever_the_chart_says_now(shop: KubernetesShop) -> None:
    shop.deploy("1.0.0")
    before = shop.world.everything()
    write_values(shop, {"replicas": 7, "mode": "new"}, {"replicas": 2})
    shop.deploy("1.1.0")
    changed = replicas_and_mode(shop)
    shutil.rmtree(shop.project.path / "chart")

    done = shop.project.run("rollback", "--yes")

    assert done.code == 0, done.out + done.err
    assert changed == (2, "NEW")
    assert shop.world.everything() == before


def test_what_helm_refuses_is_said_and_nothing_is_changed(shop: KubernetesShop) -> None:
    shop.deploy("1.0.0")
    before = shop.world.everything()
    write_values(shop, {"mode": "new"}, {})
    shop.write("1.1.0")

    dry = shop.run("dry_run")
    done = shop.run("deploy")

    for said in (dry, done):
        assert said.code == 1, said.out + said.err
        assert "say how many" in said.out
    assert shop.world.everything() == before
