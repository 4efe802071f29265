"""A good version is promoted and a bad one is caught at 10%, on a real cluster, while clients ask fifty times a second.

Needs the test back-ends: ``tests/backends/docker-up.sh``, ``tests/backends/kubernetes-up.sh kubelet``. Then, in the repository:

    .venv/bin/python examples/canary-kubernetes/run.py

Everything happens in a temporary directory and in a namespace of its own, which is deleted at the end.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import uuid
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.backends.docker import DockerBackend, write_context  # noqa: E402
from tests.backends.kubernetes import KubernetesBackend  # noqa: E402
from tests.backends.traffic import Traffic  # noqa: E402

POP_DEPLOY = str(Path(sys.executable).with_name("pop-deploy"))
ROLLED_BACK = 6


def main() -> None:
    docker, cluster, name = DockerBackend(), KubernetesBackend("kubelet"), f"t{uuid.uuid4().hex[:10]}"
    if missing := docker.available() or cluster.available():
        sys.exit(missing)
    cluster.ok("create", "namespace", name)
    with tempfile.TemporaryDirectory(prefix="canary-kubernetes-") as directory:
        project = Path(directory)
        try:
            tell(project, docker, cluster, name)
        finally:
            cluster.forget(name)
            docker.forget(name)


def tell(project: Path, docker: DockerBackend, cluster: KubernetesBackend, name: str) -> None:
    shutil.copytree(HERE / "k8s", project / "k8s")
    write_deploy_json(project, docker, cluster, name)

    say("Version 1.0.0 goes live with nine pods. The first deployment has nothing to stand beside, so it is none of a canary.")
    write_version(project, "1.0.0", name)
    show(project, "execute", "--mode", "deploy", "--yes")
    url = f"{cluster.node_port(name, 'shop')}/version"

    say("Version 1.1.0 is good. It gets one pod of ten, is watched for three seconds, and replaces the nine others.")
    write_version(project, "1.1.0", name)
    with Traffic([url]) as good:
        show(project, "execute", "--mode", "canary", "--yes")
    report(good)

    say("Version 1.2.0 is bad: its pods get ready, but /health answers 500. It is caught at its 10% and removed.")
    write_version(project, "1.2.0", name, bad=True)
    with Traffic([url]) as bad:
        show(project, "execute", "--mode", "canary", "--yes", expect=ROLLED_BACK)
    report(bad)

    say("Why: every sample is on record.")
    show(project, "replay", "latest")
    say("What is left in the namespace.")
    print("\n".join(cluster.objects(name)))


def write_deploy_json(project: Path, docker: DockerBackend, cluster: KubernetesBackend, name: str) -> None:
    """The deploy.json beside this file, with what is different on every machine."""
    document = json.loads((HERE / "deploy.json").read_text(encoding="utf-8"))
    place = {"registry": docker.registry, "image_name": f"{name}/shop", "kubeconfig": str(cluster.kubeconfig), "namespace": name}
    document["targets"]["shop"]["config"] |= place
    data = project / ".claude" / "popkit"
    data.mkdir(parents=True)
    (data / "deploy.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def write_version(project: Path, version: str, label: str, *, bad: bool = False) -> None:
    (project / "package.json").write_text(json.dumps({"name": "shop", "version": version}), encoding="utf-8")
    write_context(project / "image", version=version, health="failing" if bad else "ok", label=label)


def show(project: Path, *words: str, expect: int = 0) -> None:
    print(f"$ pop-deploy {shlex.join(words)}", flush=True)
    done = subprocess.run([POP_DEPLOY, *words], cwd=project, check=False)
    if done.returncode != expect:
        sys.exit(f"pop-deploy ended with {done.returncode}, not with {expect}")


def report(traffic: Traffic) -> None:
    total = traffic.answers.total()
    shares = ", ".join(f"{version}: {100 * count / total:.0f}%" for version, count in sorted(traffic.answers.items()))
    print(f"\n{traffic.sent} requests, {traffic.lost} lost; answered by {shares}", flush=True)


def say(text: str) -> None:
    print(f"\n{textwrap.fill(text, 100)}\n", flush=True)


if __name__ == "__main__":
    main()
