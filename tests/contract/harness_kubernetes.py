"""The `kubernetes` target under the contract: the fake cluster, whose control plane is a real one, and a namespace of its own."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.plan import Slot
from orchestrator.targets.base import Target
from orchestrator.targets.kubernetes import KubernetesConfig, KubernetesTarget
from tests.backends.docker import DockerBackend, write_context
from tests.backends.kubernetes import KubernetesBackend
from tests.contract.harness import SLOT, Harness, plain_tools

KINDS = "deployments,replicasets,pods,services,configmaps,jobs,ingresses"


def manifests(name: str = "web", image: str = "web", replicas: int = 2, **more: Any) -> list[dict[str, Any]]:
    """A Service and a Deployment behind it."""
    labels = {"app": name}
    container = {"name": "web", "image": image, "ports": [{"containerPort": 8080}], **more}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 1}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    return [deployment, service]


def write_manifests(directory: Path, objects: list[dict[str, Any]]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for one in objects:
        (directory / f"{one['kind'].lower()}-{one['metadata']['name']}.json").write_text(json.dumps(one))


class KubernetesHarness(Harness):
    kind = "kubernetes"

    def set_up(self) -> None:
        self.docker, self.cluster = DockerBackend(), KubernetesBackend("fake")
        missing = self.docker.available() or self.cluster.available()
        if missing and os.environ.get("CI") == "true":
            pytest.fail(missing, pytrace=False)
        if missing:
            pytest.skip(missing)
        self.label = f"t{uuid.uuid4().hex[:10]}"
        self.cluster.ok("create", "namespace", self.label)
        self.change_source("0")

    def tear_down(self) -> None:
        self.docker.forget(self.label)
        self.cluster.forget(self.label)

    def target(self, *, slot: Slot = SLOT, adopt: bool = False) -> Target:
        config = KubernetesConfig(
            image_name=f"{self.label}/web",
            registry=self.docker.registry,
            kubeconfig=str(self.cluster.kubeconfig),
            context="admin",
            namespace=self.label,
            manifests="k8s",
            deployment="web",
        )
        return KubernetesTarget(config, plain_tools(self.project, slot), adopt=adopt)

    def change_source(self, version: str) -> None:
        write_context(self.project, version=version, label=self.label)
        write_manifests(self.project / "k8s", manifests())

    def make_foreign(self) -> None:
        write_manifests(self.directory / "foreign", manifests(image="foreign"))
        self.kubectl("apply", "-f", str(self.directory / "foreign"))
        self.kubectl("rollout", "status", "deployment/web", "--timeout=30s")

    def world(self) -> Any:
        """All objects, as they are wanted."""
        listed = json.loads(self.kubectl("get", KINDS, "-o", "json"))["items"]
        return sorted(
            (one["kind"], one["metadata"]["name"], one["metadata"].get("generation"), json.dumps(one.get("spec"), sort_keys=True))
            for one in listed
        )

    def kubectl(self, *words: str) -> str:
        return self.cluster.ok("--namespace", self.label, *words)
