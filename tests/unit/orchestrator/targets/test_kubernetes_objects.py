"""Objects as data: which are taken, in which order, with which image, and what says whose they are."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from orchestrator.domain.plan import Slot, Step
from orchestrator.targets.base import ForeignResource, StepError
from orchestrator.targets.kubernetes_objects import Name, accepted, containers, name_of, pin, repository_of
from orchestrator.targets.kubernetes_render import rendered
from orchestrator.targets.kubernetes_slot import RELEASE, Wanted, refuse_foreign, release_of, slot_label
from tests.contract.harness_kubernetes import manifests

SLOT = Slot("My shop", "production", "web")
DIGEST = "sha256:" + "a" * 64


def thing(kind: str, name: str = "x", version: str = "v1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **more}


def wanted(**detail: Any) -> Wanted:
    known = {
        "image": "r/web", "image_ref": "r/web:1", "digest": DIGEST, "progress_deadline_s": None, "namespace": "shop",
        "workload": {"kind": "Deployment", "name": "web", "container": None}, "objects": accepted(manifests(), "shop"),
    }  # fmt: skip
    return Wanted(slot=SLOT, deployment_id="deploy-1", version="1.0.0+a", commit_sha=None, detail={**known, **detail})


def test_applies_what_others_need_first() -> None:
    kinds = ["Ingress", "Deployment", "Thing", "ConfigMap", "CustomResourceDefinition", "Service", "ServiceAccount"]

    found = accepted([thing(kind) for kind in kinds], "shop")

    assert [one["kind"] for one in found] == [
        "CustomResourceDefinition", "ServiceAccount", "ConfigMap", "Service", "Thing", "Deployment", "Ingress",
    ]  # fmt: skip


def test_leaves_out_what_only_a_cluster_writes() -> None:
    one = thing("ConfigMap", data={"a": "b"}, status={"x": 1})
    one["metadata"] |= {"namespace": "shop", "creationTimestamp": None, "annotations": {}}

    assert accepted([one], "shop") == [thing("ConfigMap", data={"a": "b"})]


def test_changes_nothing_of_what_it_is_given() -> None:
    given = manifests()
    before = copy.deepcopy(given)

    accepted(given, "shop")

    assert given == before


@pytest.mark.parametrize("service", [{"port": 80}, {"port": 80, "protocol": "UDP"}])
def test_says_the_protocol_of_every_port(service: dict[str, Any]) -> None:
    (found,) = accepted([thing("Service", spec={"ports": [service]})], "shop")

    assert found["spec"]["ports"] == [{"protocol": "TCP", **service}]


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([], "there is no object in them"),
        ([thing("ConfigMap"), thing("ConfigMap")], "ConfigMap x is there twice"),
        ([{"kind": "ConfigMap", "metadata": {"name": "x"}}], "has no metadata.name"),
    ],
)
def test_refuses_what_cannot_be_applied(objects: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(StepError, match=message) as caught:
        accepted(objects, "shop")

    assert caught.value.effect is False


def test_takes_a_secret_without_values() -> None:
    assert accepted([thing("Secret", type="Opaque")], "shop")


@pytest.mark.parametrize(
    ("image", "repository"),
    [("web", "web"), ("web:1", "web"), ("r:5000/a/web", "r:5000/a/web"), (f"r:5000/a/web:1@{DIGEST}", "r:5000/a/web")],
)
def test_knows_the_repository_of_an_image(image: str, repository: str) -> None:
    assert repository_of(image) == repository


def test_puts_the_image_into_a_cron_job_of_the_same_repository() -> None:
    job = {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "r/web:old"}, {"name": "b", "image": "x"}]}}}}
    cron = thing("CronJob", version="batch/v1", spec={"jobTemplate": job})

    pin([cron], ("Deployment", "web"), None, "r/web", "r/web:2")

    assert [one["image"] for one in containers(cron)] == ["r/web:2", "x"]


def test_names_an_object_as_kubectl_takes_it() -> None:
    assert name_of(thing("Service")).resource == "Service.v1./x"
    assert Name("apps/v1", "Deployment", "web").resource == "Deployment.v1.apps/web"


def test_the_same_release_is_the_same_objects() -> None:
    assert wanted().objects() == wanted().objects()
    assert json.loads(json.dumps(wanted().objects())) == wanted().objects()


def test_a_release_is_read_back_from_its_workload() -> None:
    deployment = next(one for one in wanted().objects() if one["kind"] == "Deployment")

    said = {key.removeprefix("pop-deploy/"): value for key, value in deployment["metadata"]["annotations"].items()}
    release = release_of(said)

    assert (release.version, release.deployment_id, release.commit_sha) == ("1.0.0+a", "deploy-1", None)
    assert release.artifacts == {"r/web": DIGEST}
    assert release.detail == json.loads(json.dumps(wanted().detail))


def test_only_the_workload_holds_the_release() -> None:
    holders = [one["kind"] for one in wanted().objects() if RELEASE in one["metadata"]["annotations"]]

    assert holders == ["Deployment"]


def test_refuses_manifests_that_are_too_large_to_be_recorded() -> None:
    import random

    noise = "".join(random.Random(1).choices("abcdefghijklmnop", k=200_000))  # noqa: S311
    objects = accepted([*manifests(), thing("ConfigMap", data={"a": noise})], "shop")

    with pytest.raises(StepError, match="too large to be recorded"):
        wanted(objects=objects).objects()


def test_what_the_records_hide_is_not_applied() -> None:
    objects = accepted(manifests(env=[{"name": "DATABASE", "value": "postgres://u:pw@db/x"}]), "shop")
    outcome = rendered(objects, [])
    recorded = json.loads(json.dumps(outcome).replace("u:pw@", "u:***@"))
    step = Step(name="update", title="", kind="", inputs={"release": {"version": "1", "detail": {"image": "r/web"}}})

    def complete(render: dict[str, Any]) -> None:
        Wanted.of(SLOT, step, "deploy-1", {"render": render, "push": {"digest": DIGEST}}).require_complete()

    complete(outcome)
    with pytest.raises(StepError, match=r"Deployment web: spec\.template\.spec\.containers\[0\]\.env\[0\]\.value") as caught:
        complete(recorded)
    assert caught.value.effect is False


def test_the_progress_deadline_is_the_configured_one() -> None:
    deployment = wanted(progress_deadline_s=90.0).pinned()[1]

    assert deployment["spec"]["progressDeadlineSeconds"] == 90
    assert "progressDeadlineSeconds" not in wanted().pinned()[1]["spec"]


def test_a_label_fits_whatever_the_slot_is_called() -> None:
    label = slot_label(Slot("Ünïcode & blanks " * 20, "a/b", "c"))

    assert len(label) == 20
    assert label.isalnum()
    assert label != slot_label(SLOT)


def test_refuses_what_is_not_ours_by_name() -> None:
    with pytest.raises(ForeignResource, match=r"Service web in namespace shop does not carry our label for production/web"):
        refuse_foreign(["Service web"], SLOT, "shop", adopt=False)
    refuse_foreign(["Service web"], SLOT, "shop", adopt=True)
    refuse_foreign([], SLOT, "shop", adopt=False)
