"""A good version is promoted and a bad one is caught at 10%, on a real swarm, while a client asks the service by its name.

Needs the test back-ends: ``tests/backends/docker-up.sh`` and ``tests/backends/swarm-up.sh``. Then, in the repository:

    .venv/bin/python examples/canary-swarm/run.py

Everything happens in a temporary directory and in a service and network of its own, which are removed at the end.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import textwrap
import uuid
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.backends.docker import docker, write_context  # noqa: E402
from tests.backends.swarm import SwarmBackend  # noqa: E402
from tests.backends.swarm_clients import Outcomes, asking  # noqa: E402

POP_DEPLOY = str(Path(sys.executable).with_name("pop-deploy"))
ROLLED_BACK = 6


def main() -> None:
    backend, name = SwarmBackend(), f"t{uuid.uuid4().hex[:10]}"
    if missing := backend.available():
        sys.exit(missing)
    made = docker("network", "create", "--driver", "overlay", "--attachable", f"{name}-net")
    if made.returncode:
        sys.exit(made.stderr)
    with tempfile.TemporaryDirectory(prefix="canary-swarm-") as directory:
        try:
            tell(Path(directory), backend, name)
        finally:
            backend.forget(name)


def tell(project: Path, backend: SwarmBackend, name: str) -> None:
    write_deploy_json(project, backend, name)

    say(
        "Version 1.0.0 goes live with nine replicas. The first deployment has nothing to stand beside, so it is none of a canary."
    )
    write_version(project, "1.0.0", name)
    show(project, "execute", "--mode", "deploy", "--yes")
    image = docker("service", "inspect", "--format", "{{.Spec.TaskTemplate.ContainerSpec.Image}}", name).stdout.strip()

    say("Version 1.1.0 is good. It gets one replica of ten, is watched for three seconds, and replaces the nine others.")
    write_version(project, "1.1.0", name)
    with asking(docker, name, f"{name}-net", image, project / "clients") as good:
        show(project, "execute", "--mode", "canary", "--yes")
    report(good)

    say("Version 1.2.0 is bad: its replicas run, but /health answers 500. It is caught at its 10% and removed.")
    write_version(project, "1.2.0", name, bad=True)
    with asking(docker, name, f"{name}-net", image, project / "clients") as bad:
        show(project, "execute", "--mode", "canary", "--yes", expect=ROLLED_BACK)
    report(bad)

    say("Why: every sample is on record.")
    show(project, "replay", "latest")
    say("What is left in the swarm.")
    print(docker("service", "ls", "--filter", f"name={name}", "--format", "{{.Name}} {{.Replicas}}").stdout)


def write_deploy_json(project: Path, backend: SwarmBackend, name: str) -> None:
    """The deploy.json beside this file, with what is different on every machine."""
    document = json.loads((HERE / "deploy.json").read_text(encoding="utf-8"))
    place = {"registry": backend.registry, "image_name": f"{name}/web", "service": name, "networks": [f"{name}-net"]}
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


def report(traffic: Outcomes) -> None:
    shares = ", ".join(f"{said}: {100 * count / traffic.sent:.0f}%" for said, count in sorted(traffic.answers.items()))
    print(f"\n{traffic.sent} requests, {traffic.lost} lost; answered by {shares}", flush=True)


def say(text: str) -> None:
    print(f"\n{textwrap.fill(text, 100)}\n", flush=True)


if __name__ == "__main__":
    main()
