"""A project whose only target is a namespace of a cluster, and the installed command in it: `KubernetesShop`."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.backends.docker import write_context
from tests.contract.harness_kubernetes import manifests, write_manifests
from tests.e2e.kubernetes_world import KubernetesWorld
from tests.e2e.project import DEADLINE_S, Project, Ran

CANARY = {
    "steps": [{"weight": 25}, {"pause_s": 3}],
    "checks": [{"name": "health", "http": {"path": "/health"}, "interval_s": 0.5, "min_samples": 3}],
}


class KubernetesShop:
    """A project whose only target is a namespace of the real cluster."""

    def __init__(self, world: KubernetesWorld, root: Path) -> None:
        self.world = world
        self.project = Project(root)
        root.mkdir()
        self.project.data.mkdir(parents=True)
        self.write("1.0.0")
        probe = {"httpGet": {"path": "/version", "port": 8080}, "periodSeconds": 1}
        # The endpoint is taken out of the proxy's rules while the old pod still answers.
        linger = {"preStop": {"exec": {"command": ["/bin/busybox", "sleep", "3"]}}}
        deployment, service = manifests(replicas=3, readinessProbe=probe, lifecycle=linger)
        deployment["spec"]["strategy"] = {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 8
        service["spec"]["type"] = "NodePort"
        write_manifests(self.project.path / "k8s", [deployment, service])
        self.configure()

    def configure(self, **config: Any) -> None:
        known = {
            "image_name": f"{self.world.label}/web",
            "registry": self.world.docker.registry,
            "build_context": "image",
            "dockerfile": "image/Dockerfile",
            "manifests": "k8s",
            "kubeconfig": str(self.world.kubeconfig),
            "context": "admin",
            "namespace": self.world.label,
            "deployment": "web",
            "progress_deadline_s": 60,
            "canary": CANARY,
        }
        config = {name: value for name, value in (known | config).items() if value is not None}
        self.project.configure(
            top={"project_name": self.world.label},
            web={"type": "kubernetes", "primary": True, "auto_rollback": True, "config": config},
        )

    def write(self, version: str, **options: Any) -> None:
        self.project.path.mkdir(parents=True, exist_ok=True)
        self.project.set_version(version)
        write_context(self.project.path / "image", version=version, label=self.world.label, **options)

    def run(self, mode: str, *words: str) -> Ran:
        return self.project.run("execute", "--mode", mode, "--yes", *words)

    def deploy(self, version: str) -> None:
        self.write(version)
        done = self.run("deploy")
        assert done.code == 0, done.out + done.err

    @property
    def url(self) -> str:
        """Where the version is answered, in the real cluster only; its proxy knows the pods by now, which it hears of last."""
        url = f"{self.world.cluster.node_port(self.world.label, 'web')}/version"
        deadline = time.monotonic() + DEADLINE_S
        while not _answers(url):
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.1)
        return url


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False
