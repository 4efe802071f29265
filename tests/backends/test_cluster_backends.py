"""Proves that clusters, swarms and Prometheus do what the tests of the targets rely on. Look here first, then at a target."""

import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends.docker import SERVICE_PORT, DockerBackend, docker, free_port, state_directory, write_context
from tests.backends.kubernetes import VIEWER, KubernetesBackend, deployment, node_port_service
from tests.backends.prometheus import Exporter, Prometheus
from tests.backends.swarm_nodes import NODES, SwarmNodes
from tests.backends.traffic import Traffic

HERE = Path(__file__).parent


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _text(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return str(response.read().decode()).strip()
    except OSError:
        return ""


def _pushed(backend: DockerBackend, label: str, context: Path, version: str) -> str:
    """Reference by digest of a pushed image of the test service; the engine has no tag for it."""
    reference = f"{backend.registry}/{label}/web"
    write_context(context, version=version, label=label)
    _ok(docker("build", "--quiet", "--tag", f"{reference}:{version}", str(context)))
    _ok(docker("push", "--quiet", f"{reference}:{version}"))
    return f"{reference}@{backend.registry_digest(f'{label}/web', version)}"


@pytest.mark.kubernetes
@pytest.mark.docker
def test_a_cluster_of_real_pods_rolls_without_losing_a_request(
    docker_backend: DockerBackend,
    docker_label: str,
    kubernetes_backend: KubernetesBackend,
    kubernetes_namespace: str,
    tmp_path: Path,
) -> None:
    old, new = (_pushed(docker_backend, docker_label, tmp_path, version) for version in ("1", "2"))
    kubernetes_backend.apply(kubernetes_namespace, deployment("web", old, replicas=4), node_port_service("web"))
    _rolled_out(kubernetes_backend, kubernetes_namespace)
    url = kubernetes_backend.node_port(kubernetes_namespace, "web") + "/version"
    assert _within(10, lambda: _text(url) == "1")

    with Traffic([url]) as traffic:
        kubernetes_backend.apply(kubernetes_namespace, deployment("web", new, replicas=4))
        _rolled_out(kubernetes_backend, kubernetes_namespace)

    assert traffic.lost == 0, traffic.problems
    assert _within(5, lambda: _text(url) == "2")
    assert set(traffic.answers) == {"1", "2"}
    pods = kubernetes_backend.ready_pods(kubernetes_namespace, "app=web")
    assert len(pods) == 4
    assert "serving 2" in kubernetes_backend.ok("--namespace", kubernetes_namespace, "logs", pods[0])


def _rolled_out(backend: KubernetesBackend, namespace: str) -> None:
    backend.ok("--namespace", namespace, "rollout", "status", "deployment/web", "--timeout", "60s")


@pytest.mark.kubernetes
def test_a_hundred_fake_pods_become_ready(fake_kubernetes_backend: KubernetesBackend, fake_kubernetes_namespace: str) -> None:
    fake_kubernetes_backend.apply(fake_kubernetes_namespace, deployment("web", "shop/web:1", replicas=100))

    _rolled_out(fake_kubernetes_backend, fake_kubernetes_namespace)

    assert len(fake_kubernetes_backend.ready_pods(fake_kubernetes_namespace, "app=web")) == 100


@pytest.mark.kubernetes
@pytest.mark.parametrize(
    ("image", "event"),
    [("shop/web:bad-1", "Unhealthy"), ("shop/web:crash", "BackOff"), (f"shop/nope@sha256:{'0' * 64}", "Failed")],
)
def test_a_fake_pod_fails_as_its_image_says(
    fake_kubernetes_backend: KubernetesBackend, fake_kubernetes_namespace: str, image: str, event: str
) -> None:
    bad = deployment("web", image, progress_deadline_s=2)
    fake_kubernetes_backend.apply(fake_kubernetes_namespace, bad)

    status = ("--namespace", fake_kubernetes_namespace, "rollout", "status", "deployment/web", "--timeout", "30s")
    done = fake_kubernetes_backend.kubectl(*status)

    assert done.returncode == 1
    assert "exceeded its progress deadline" in done.stderr
    assert fake_kubernetes_backend.ready_pods(fake_kubernetes_namespace, "app=web") == []
    warnings = fake_kubernetes_backend.items(fake_kubernetes_namespace, "events")
    assert event in {each["reason"] for each in warnings if each["type"] == "Warning"}


@pytest.mark.kubernetes
def test_the_viewer_may_look_and_nothing_else(fake_kubernetes_backend: KubernetesBackend, fake_kubernetes_namespace: str) -> None:
    place = ("--namespace", fake_kubernetes_namespace)
    looked = fake_kubernetes_backend.kubectl(*place, "get", "pods", context=VIEWER)
    made = fake_kubernetes_backend.kubectl(*place, "create", "configmap", "mine", context=VIEWER)

    assert looked.returncode == 0
    assert made.returncode == 1
    assert "is forbidden" in made.stderr
    assert fake_kubernetes_backend.objects(fake_kubernetes_namespace) == []


@pytest.mark.kubernetes
def test_what_holds_a_token_is_private_and_no_command_line_shows_one(fake_kubernetes_backend: KubernetesBackend) -> None:
    tokens = [fake_kubernetes_backend.token(), fake_kubernetes_backend.token(VIEWER)]
    lines = subprocess.run(["ps", "axww", "-o", "args="], capture_output=True, text=True, check=True).stdout

    assert fake_kubernetes_backend.directory.stat().st_mode & 0o077 == 0
    assert not [token for token in tokens if token in lines]
    logs = [log.read_text(errors="replace") for log in fake_kubernetes_backend.directory.glob("*.log")]
    assert not [token for token in tokens for log in logs if token in log]


@pytest.mark.kubernetes
def test_a_second_fake_cluster_comes_and_goes_beside_the_first(
    fake_kubernetes_backend: KubernetesBackend, tmp_path: Path
) -> None:
    settings = {"POP_DEPLOY_BACKENDS_STATE": str(tmp_path), "POP_DEPLOY_FAKE_KUBERNETES_PORT": str(free_port())}
    directory = tmp_path / "kubernetes-fake"
    try:
        _script("kubernetes-up.sh", settings, "fake")
        before = _processes(directory)
        _script("kubernetes-up.sh", settings, "fake")

        assert len(before) == 5
        assert _processes(directory) == before
    finally:
        _script("kubernetes-down.sh", settings, "fake", "wipe")
    assert not directory.exists()
    assert not [record for record in before.values() if _runs(record.split()[0])]
    assert fake_kubernetes_backend.available() is None


def _runs(pid: str) -> bool:
    """Whether a process still does anything; one that nobody has waited for yet does not."""
    try:
        return "\nState:\tZ" not in Path("/proc", pid, "status").read_text()
    except OSError:
        return False


def _script(name: str, settings: dict[str, str], *arguments: str) -> None:
    command = [str(HERE / name), *arguments]
    _ok(subprocess.run(command, env={**os.environ, **settings}, timeout=120, capture_output=True, text=True, check=False))


def _processes(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.glob("*.pid")}


@pytest.mark.swarm
@pytest.mark.docker
def test_a_service_runs_on_every_node_from_the_plain_registry(
    swarm_nodes: SwarmNodes, swarm_nodes_label: str, docker_backend: DockerBackend, docker_label: str, tmp_path: Path
) -> None:
    image = _pushed(docker_backend, docker_label, tmp_path, "1")
    port = free_port()
    create = ["service", "create", "--quiet", "--detach", "--mode", "global", "--name", swarm_nodes_label]
    publish = f"mode=host,target={SERVICE_PORT},published={port}"
    _ok(swarm_nodes.docker(*create, "--endpoint-mode", "dnsrr", "--publish", publish, image))

    urls = [f"http://{address}:{port}/version" for address in swarm_nodes.addresses.values()]

    assert _within(30, lambda: [_text(url) for url in urls] == ["1"] * 3)
    assert all(len(swarm_nodes.containers(swarm_nodes_label, node)) == 1 for node in NODES)


@pytest.mark.swarm
@pytest.mark.docker
def test_two_replicas_on_three_nodes_are_spread_and_forgotten(
    swarm_nodes: SwarmNodes, swarm_nodes_label: str, docker_backend: DockerBackend, docker_label: str, tmp_path: Path
) -> None:
    image = _pushed(docker_backend, docker_label, tmp_path, "1")
    _ok(swarm_nodes.docker("network", "create", "--driver", "overlay", f"{swarm_nodes_label}-net"))
    create = ["service", "create", "--quiet", "--detach", "--replicas", "2", "--endpoint-mode", "dnsrr"]
    named = ["--name", swarm_nodes_label, "--network", f"{swarm_nodes_label}-net"]
    _ok(swarm_nodes.docker(*create, *named, image))

    def running() -> list[str]:
        tasks = swarm_nodes.docker("service", "ps", "--format", "{{.Node}} {{.CurrentState}}", swarm_nodes_label).stdout
        return sorted(line.split()[0] for line in tasks.splitlines() if line.split()[1] == "Running")

    assert _within(30, lambda: len(running()) == 2)
    assert len(set(running())) == 2

    swarm_nodes.forget(swarm_nodes_label)

    assert [each for node in NODES for each in swarm_nodes.containers(swarm_nodes_label, node)] == []
    assert swarm_nodes_label not in swarm_nodes.docker("network", "ls").stdout


@pytest.mark.prometheus
def test_prometheus_answers_about_a_counter_that_a_test_drives(prometheus_program: str, tmp_path: Path) -> None:
    errors = 'requests_total{code="500"}'
    with Exporter() as exporter, Prometheus.started(tmp_path, {"canary": [exporter.address]}) as prometheus:
        exporter.set(errors, 3)

        assert prometheus.wait_for('requests_total{side="canary",code="500"} == 3') == 3

        exporter.add(errors)

        assert prometheus.wait_for("requests_total == 4") == 4
        assert prometheus.wait_for("increase(requests_total[10s]) > 0") > 0
        assert prometheus.query("no_such_series") == []


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[str]:
    """The URL of a small service on this machine."""
    with Exporter() as exporter:
        exporter.set("up", 1)
        yield f"http://{exporter.address}"


def test_traffic_keeps_its_rate_and_counts_every_request(stand_in: str) -> None:
    began = time.monotonic()
    with Traffic([f"{stand_in}/metrics", f"{stand_in}/elsewhere"]) as traffic:
        time.sleep(1)
    took = time.monotonic() - began

    assert traffic.sent == len(traffic.times)
    assert abs(traffic.sent - 50 * took) < 10
    assert abs(traffic.answers["up 1"] - traffic.problems["status 404"]) <= 1
    assert traffic.lost == traffic.problems["status 404"]


def test_traffic_to_nobody_is_all_lost() -> None:
    with Traffic([f"http://127.0.0.1:{free_port()}/version"]) as traffic:
        time.sleep(0.2)

    assert traffic.lost == traffic.sent > 0


def test_the_state_of_the_back_ends_is_outside_the_checkout() -> None:
    assert HERE.parents[1] not in state_directory().parents
