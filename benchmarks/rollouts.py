"""The rollout of a new version on a real cluster against the same commands in a shell script: ``kubectl apply`` with
``rollout status``, or ``docker service update`` with polling until it is completed. Image and registry come before the clock
starts, on both sides; ours is from the step that changes the cluster to the end of the verification, each step recorded.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.harness import BIN, Figure, Limit, Side, Skipped, Unit, compare, program
from benchmarks.project import VERSION, write_project
from tests.backends.docker import SERVICE_PORT, docker, write_context
from tests.backends.kubernetes import KubernetesBackend, deployment, node_port_service
from tests.backends.swarm import SwarmBackend

REPLICAS = 3
_LIMIT = Limit(300, Unit.OVER_MS)
_OURS = "pop-deploy execute --mode deploy --yes, its steps from the update to the verification"
_IMAGE = """set -e
docker build --tag {image} context
docker push {image}
"""
_KUBECTL = """set -e
kubectl {place} apply --server-side --field-manager script --filename k8s
kubectl {place} rollout status deployment/theirs --timeout 120s
"""
_SERVICE = """set -e
before=$(docker service inspect --format '{started}' {name})
docker service update --detach --image {image} {name}
until [ "$(docker service inspect --format '{started}' {name})" != "$before" ]; do sleep 0.5; done
until [ "$(docker service inspect --format '{state}' {name})" = completed ]; do sleep 0.5; done
"""
_NUMBERS = count(time.time_ns())  # never a number that an earlier run has left in the build cache


def run(scratch: Path) -> Iterator[Figure | Skipped]:
    label = f"bench{scratch.name[-8:].lower().replace('_', '0')}"
    yield from _on_kubernetes(scratch / "kubernetes", label)
    yield from _on_swarm(scratch / "swarm", label)


def _on_kubernetes(scratch: Path, label: str) -> Iterator[Figure | Skipped]:
    subject, cluster = f"rollout of {REPLICAS} replicas on Kubernetes", KubernetesBackend("kubelet")
    if (problem := cluster.available()) is not None:
        yield Skipped(subject, problem)
        return
    registry = SwarmBackend().registry
    with cluster.namespace() as namespace:
        config = {
            **_image(registry, label),
            "kubeconfig": str(cluster.kubeconfig),
            "context": cluster.context,
            "namespace": namespace,
            "manifests": "k8s",
            "deployment": "ours",
        }
        ours, theirs = scratch / "ours", scratch / "theirs"
        write_project(ours, config, kind="kubernetes")
        _write_objects(ours, "ours", "web")
        place = f"--kubeconfig {cluster.kubeconfig} --context {cluster.context} --namespace {namespace}"
        theirs.mkdir()

        def script() -> tuple[str, str]:
            image = f"{registry}/{label}/theirs:{next(_NUMBERS)}"
            _write_objects(theirs, "theirs", image)
            return _IMAGE.format(image=image), _KUBECTL.format(place=place)

        yield _compared(subject, ours, theirs, label, script, "sh: kubectl apply, rollout status")
    SwarmBackend().forget(label)


def _on_swarm(scratch: Path, label: str) -> Iterator[Figure | Skipped]:
    subject, swarm = f"rollout of {REPLICAS} replicas on Swarm", SwarmBackend()
    if (problem := swarm.available()) is not None:
        yield Skipped(subject, problem)
        return
    update: dict[str, Any] = {"parallelism": 1, "order": "start-first", "monitor_s": 0.5}
    config = {
        **_image(swarm.registry, label),
        "service": f"{label}-ours",
        "replicas": REPLICAS,
        "ports": [f"mode=host,target={SERVICE_PORT}"],
        "endpoint_mode": "dnsrr",
        "update": update,
    }
    ours, theirs, name = scratch / "ours", scratch / "theirs", f"{label}-theirs"
    write_project(ours, config, kind="swarm")
    theirs.mkdir()
    first = f"{swarm.registry}/{label}/theirs:first"
    _change(theirs, label)
    program(["sh", "-c", f"docker build --tag {first} context && docker push {first}"], cwd=theirs)()
    made = docker(
        *("service", "create", "--detach", "--name", name, "--replicas", str(REPLICAS), "--endpoint-mode", "dnsrr"),
        *("--publish", f"mode=host,target={SERVICE_PORT}", "--update-order", "start-first", "--update-monitor", "500ms", first),
    )
    if made.returncode:
        raise RuntimeError(made.stderr)
    status = {"started": "{{if .UpdateStatus}}{{.UpdateStatus.StartedAt}}{{end}}", "state": "{{.UpdateStatus.State}}"}

    def script() -> tuple[str, str]:
        image = f"{swarm.registry}/{label}/theirs:{next(_NUMBERS)}"
        return _IMAGE.format(image=image), _SERVICE.format(image=image, name=name, **status)

    try:
        yield _compared(subject, ours, theirs, label, script, "sh: docker service update --detach, polling")
    finally:
        swarm.forget(label)


def _compared(subject: str, ours: Path, theirs: Path, label: str, script: Callable[[], tuple[str, str]], words: str) -> Figure:
    """*script*: what makes the image, and what rolls it out."""
    pop_deploy = BIN / "pop-deploy"
    deploy = program([pop_deploy, "execute", "--mode", "deploy", "--yes"], cwd=ours)
    shown = program([pop_deploy, "replay", "latest", "--json"], cwd=ours)
    _change(ours, label)
    deploy()

    def run_ours() -> float:
        _change(ours, label)
        deploy()
        return _rollout_s(json.loads(shown())["events"])

    def run_theirs() -> float:
        _change(theirs, label)
        image, rollout = script()
        program(["sh", "-c", image], cwd=theirs)()
        return _seconds(program(["sh", "-c", rollout], cwd=theirs))

    return compare(subject, Side(_OURS, run_ours), Side(words, run_theirs), _LIMIT, runs=5)


def _rollout_s(events: list[dict[str, Any]]) -> float:
    """From the step that changes the cluster to the verdict."""
    began = next(event for event in events if event["event"] == "StepStarted" and event["data"]["step"] == "update")
    ended = next(event for event in events if event["event"] == "DeploymentVerified")
    return (datetime.fromisoformat(ended["time"]) - datetime.fromisoformat(began["time"])).total_seconds()


def _write_objects(project: Path, name: str, image: str) -> None:
    objects = [deployment(name, image, replicas=REPLICAS), node_port_service(name)]
    (project / "k8s").mkdir(exist_ok=True)
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    (project / "k8s" / "all.json").write_text(json.dumps(listed), encoding="utf-8")


def _image(registry: str, label: str) -> dict[str, Any]:
    return {
        "registry": registry,
        "image_name": f"{label}/ours",
        "tags": ["{{version}}"],
        "build_context": "context",
        "dockerfile": "context/Dockerfile",
    }


def _change(project: Path, label: str) -> None:
    """Another image: what is rolled out differs every time."""
    number = next(_NUMBERS)
    write_context(project / "context", version=f"{VERSION}-{number}", label=label)
    if (project / "package.json").exists():
        (project / "package.json").write_text(json.dumps({"name": "bench", "version": f"1.0.{number}"}), encoding="utf-8")


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
