"""The installed command with a kubernetes target: questions, refusals, the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.harness_kubernetes import manifests, write_manifests
from tests.e2e.kubernetes_shop import KubernetesShop
from tests.e2e.kubernetes_world import KubernetesWorld

pytestmark = [pytest.mark.kubernetes, pytest.mark.e2e]


@pytest.fixture
def shop(fake_cluster: KubernetesWorld, tmp_path: Path) -> KubernetesShop:
    return KubernetesShop(fake_cluster, tmp_path / "ann's shop")


def test_a_dry_run_changes_nothing_and_names_the_plan_to_execute(shop: KubernetesShop) -> None:
    before = shop.world.everything()

    dry = shop.project.run("execute", "--mode", "dry_run", "--json").json("deployment_result")
    untouched = shop.world.everything()
    done = shop.run("deploy", "--plan", dry["plan_digest"])

    assert untouched == before
    assert done.code == 0, done.out + done.err


def test_the_first_deployment_is_no_canary(shop: KubernetesShop) -> None:
    done = shop.run("canary")

    assert done.code == 5, done.out + done.err
    assert shop.world.everything() == [one for one in shop.world.everything() if one[0] in ("ConfigMap", "Secret")]


def test_what_was_changed_by_hand_is_not_overwritten_unasked(shop: KubernetesShop) -> None:
    shop.deploy("1.0.0")
    shop.world.kubectl("scale", "deployment/web", "--replicas=5")
    shop.write("1.1.0")

    refused = shop.run("deploy")
    kept = shop.world.get("deployment", "web")["spec"]["replicas"]
    accepted = shop.run("deploy", "--accept-drift", "--reason", "was only a test")

    assert refused.code == 5, refused.out + refused.err
    assert "spec.replicas: 3 -> 5" in refused.out + refused.err
    assert kept == 5
    assert accepted.code == 0, accepted.out + accepted.err
    assert shop.world.get("deployment", "web")["spec"]["replicas"] == 3


def test_what_is_not_ours_is_refused_before_anything_is_done(shop: KubernetesShop) -> None:
    shop.world.kubectl("create", "deployment", "web", "--image=theirs")

    done = shop.run("deploy")

    assert done.code == 5, done.out + done.err
    assert "Deployment web in namespace" in done.out + done.err


def test_a_secret_in_the_manifests_is_neither_recorded_nor_deployed_without_it(shop: KubernetesShop) -> None:
    deployment, service = manifests(env=[{"name": "DATABASE", "value": "postgres://shop:hunter2hunter2@db/shop"}])
    write_manifests(shop.project.path / "k8s", [deployment, service])

    done = shop.run("deploy")

    assert done.code == 1, done.out + done.err
    assert "spec.template.spec.containers[0].env[0].value" in done.out
    assert "hunter2hunter2" not in done.out + done.err
    assert b"hunter2hunter2" not in b"".join(path.read_bytes() for path in shop.project.data.rglob("*") if path.is_file())
    assert not [one for one in shop.world.everything() if one[0] == "Deployment"]


def test_a_rollback_leads_to_the_verified_release_before(shop: KubernetesShop) -> None:
    shop.deploy("1.0.0")
    before = shop.world.everything()
    shop.deploy("1.1.0")

    done = shop.project.run("rollback", "--yes")

    assert done.code == 0, done.out + done.err
    assert shop.world.everything() == before
    assert shop.project.run("verify").code == 0


def test_the_canarys_plan_says_what_it_will_reach_and_how_long_it_takes(shop: KubernetesShop) -> None:
    shop.deploy("1.0.0")
    shop.write("1.1.0")

    done = shop.project.run("prepare", "--mode", "canary")

    assert done.code == 0, done.out + done.err
    assert "1 of 4 replicas, 25% reached" in done.out
