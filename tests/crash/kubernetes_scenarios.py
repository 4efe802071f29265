"""What is killed on a cluster: the real control plane whose pods only claim to run. See `scenarios`."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from tests.backends.docker import DockerBackend, write_context
from tests.backends.kubernetes import KubernetesBackend
from tests.contract.harness_kubernetes import manifests, write_manifests
from tests.crash.scenarios import CANARY, ROLLBACK, Scenario
from tests.crash.world import World

CLUSTER = KubernetesBackend("fake")


@dataclass(frozen=True)
class Kubernetes(Scenario):
    """A migration, a Deployment with its Service, and pruning. An image whose tag begins with ``crash`` does what it says."""

    target: ClassVar[str] = "kubernetes"
    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "kubernetes.render",
            "docker.build",
            "docker.push",
            "kubernetes.migrate",
            "kubernetes.apply",
            "kubernetes.wait",
            "kubernetes.prune",
        }
    )

    def require(self, request: pytest.FixtureRequest) -> None:
        request.getfixturevalue("docker_backend")
        request.getfixturevalue("fake_kubernetes_backend")

    def document(self, world: World) -> dict[str, Any]:
        label = f"crash{uuid.uuid4().hex[:10]}"
        world.notes.update(label=label)
        CLUSTER.ok("create", "namespace", label)
        repository = f"{DockerBackend().registry}/{label}/web"
        write_manifests(world.project / "k8s", manifests(replicas=4))
        job = {"restartPolicy": "Never", "containers": [{"name": "up", "image": "migrations"}]}
        (world.project / "migrate.json").write_text(
            json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "up"}, "spec": {"template": {"spec": job}}})
        )
        kubernetes = {
            "enabled": True,
            "primary": True,
            "auto_rollback": True,
            "config": {
                "image_name": repository.partition("/")[2],
                "registry": DockerBackend().registry,
                "build_context": "image",
                "dockerfile": "image/Dockerfile",
                "manifests": "k8s",
                "migrations": ["migrate.json"],
                "kubeconfig": str(CLUSTER.kubeconfig),
                "context": "admin",
                "namespace": label,
                "deployment": "web",
                "prune": True,
                "canary": {
                    "steps": [{"weight": 25}, {"pause_s": 1}],
                    "checks": [{"name": "errors", "command": ["cat", "errors"], "max": 0.5, "interval_s": 0.2}],
                },
            },
        }
        return {"version": "1.0", "project_name": label, "targets": {"kubernetes": kubernetes}, "history": []}

    def set_version(self, world: World, version: str) -> None:
        """A version also has a ConfigMap of its own, so that there is something to prune."""
        world.set_version(version)
        (world.project / "errors").write_text("1" if "broken" in version else "0")
        context = world.project / "image"
        shutil.rmtree(context, ignore_errors=True)
        write_context(context, version=version, label=world.notes["label"])
        for old in (world.project / "k8s").glob("configmap-*"):
            old.unlink()
        conf = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"conf-{version}"}, "data": {"version": version}}
        write_manifests(world.project / "k8s", [conf])

    def effects(self, world: World) -> list[str]:
        """What is there, by version: each object once, none of the canary, and one Job that has run."""
        found = CLUSTER.items(world.notes["label"], "deployments,services,configmaps,jobs", "pop-deploy/slot")
        return [self._shown(one) for one in found]

    def _shown(self, one: dict[str, Any]) -> str:
        status, annotations = one.get("status", {}), one["metadata"].get("annotations", {})
        pods = f"{status.get('readyReplicas', 0)} ready, {status.get('succeeded', 0)} ended well"
        name = "up" if one["kind"] == "Job" else one["metadata"]["name"]
        return f"{one['kind']} {name} {annotations['pop-deploy/version']}: {pods}"

    def live(self, world: World) -> str:
        found = CLUSTER.get(world.notes["label"], "deployment", "web")
        assert found is not None
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        version = str(found["metadata"]["annotations"]["pop-deploy/version"])
        assert f":{version}@sha256:" in image
        return version

    def outcome(self, world: World) -> object:
        """An error names pods, and as many of them as have failed so far; what matters is why."""
        return re.sub(
            r'"error": "(?:[^"\\]|\\.)*(CrashLoopBackOff)(?:[^"\\]|\\.)*"', r'"error": "\1"', str(super().outcome(world))
        )

    def clean(self, world: World) -> None:
        if "label" in world.notes:
            CLUSTER.forget(world.notes["label"])
            DockerBackend().forget(world.notes["label"])


@dataclass(frozen=True)
class KubernetesCanary(Kubernetes):
    """The same with a canary before the update."""

    words: tuple[str, ...] = CANARY

    kinds: ClassVar[frozenset[str]] = frozenset({*Kubernetes.kinds, "canary.weight", "canary.watch", "canary.remove"})

    def prepare(self, world: World) -> None:
        super().prepare(world)
        # deploy.json shows the release before, too: that of every round is a canary's.
        self.set_version(world, self.version.format(round=0))
        done = world.run(*CANARY)
        assert done.code == self.code, done.output


SCENARIOS: tuple[Scenario, ...] = (
    Kubernetes("kubernetes deploy"),
    Kubernetes("kubernetes automatic rollback", version="crash1.1.{round}", code=6),
    Kubernetes("kubernetes rollback", words=ROLLBACK),
    KubernetesCanary("kubernetes canary"),
    KubernetesCanary("kubernetes canary that is caught", version="1.1.{round}broken", code=6),
)
