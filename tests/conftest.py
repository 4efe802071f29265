"""Fixtures that several kinds of tests share. The back-ends behind them are described in backends/README.md."""

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import prometheus
from tests.backends.docker import DockerBackend
from tests.backends.kubernetes import KubernetesBackend
from tests.backends.postgres import PostgresBackend
from tests.backends.swarm import SwarmBackend
from tests.backends.swarm_nodes import SwarmNodes


def pytest_configure() -> None:
    """The usual signal handling, whatever started us: nohup and a shell's ``&`` ignore signals, and children inherit that."""
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def docker_backend() -> DockerBackend:
    """The running engine and registries. Without them the test is skipped, or fails where ``CI=true``."""
    backend = DockerBackend()
    _require(backend.available())
    return backend


@pytest.fixture
def docker_label(docker_backend: DockerBackend) -> Iterator[str]:
    """A name no other test, worker or run has; everything named or labelled with it is removed afterwards.

    It is fit for a project, a repository, a container and a host name.
    """
    label = f"t{uuid.uuid4().hex[:10]}"
    yield label
    docker_backend.forget(label)


@pytest.fixture(scope="session")
def swarm_backend() -> SwarmBackend:
    """The same engine as the manager of a swarm. Without one the test is skipped, or fails where ``CI=true``."""
    backend = SwarmBackend()
    _require(backend.available())
    return backend


@pytest.fixture
def swarm_label(swarm_backend: SwarmBackend) -> Iterator[str]:
    """As `docker_label`, for a service too: at the end it is removed and its containers are waited for."""
    label = f"t{uuid.uuid4().hex[:10]}"
    yield label
    swarm_backend.forget(label)


@pytest.fixture(scope="session")
def postgres_backend() -> PostgresBackend:
    """The running server. Without it the test is skipped, or fails where ``CI=true``."""
    backend = PostgresBackend()
    _require(backend.available())
    return backend


@pytest.fixture
def postgres_url(postgres_backend: PostgresBackend) -> Iterator[str]:
    """The store URL of an empty database of the test's own."""
    with postgres_backend.database() as url:
        yield url


@pytest.fixture(scope="session")
def swarm_nodes() -> SwarmNodes:
    """A swarm of three engines, apart from `docker_backend`. Without it the test is skipped, or fails where ``CI=true``."""
    backend = SwarmNodes()
    _require(backend.available())
    return backend


@pytest.fixture
def swarm_nodes_label(swarm_nodes: SwarmNodes) -> Iterator[str]:
    """A name nobody else has on the three engines; everything named or labelled with it is removed from them afterwards."""
    label = f"t{uuid.uuid4().hex[:10]}"
    yield label
    swarm_nodes.forget(label)


@pytest.fixture(scope="session")
def prometheus_program() -> str:
    """The program that `tests.backends.prometheus` starts. Without it the test is skipped, or fails where ``CI=true``."""
    _require(prometheus.available())
    return "prometheus"


@pytest.fixture(scope="session")
def kubernetes_backend(docker_backend: DockerBackend) -> KubernetesBackend:
    """The cluster whose pods run, from the plain registry. Without it the test is skipped, or fails where ``CI=true``."""
    backend = KubernetesBackend("kubelet")
    _require(backend.available())
    return backend


@pytest.fixture
def kubernetes_namespace(kubernetes_backend: KubernetesBackend) -> Iterator[str]:
    """An empty namespace of the test's own in the cluster whose pods run."""
    with kubernetes_backend.namespace() as name:
        yield name


@pytest.fixture(scope="session")
def fake_kubernetes_backend() -> KubernetesBackend:
    """The cluster whose pods only claim to run. Without it the test is skipped, or fails where ``CI=true``."""
    backend = KubernetesBackend("fake")
    _require(backend.available())
    return backend


@pytest.fixture
def fake_kubernetes_namespace(fake_kubernetes_backend: KubernetesBackend) -> Iterator[str]:
    """An empty namespace of the test's own in the cluster whose pods only claim to run."""
    with fake_kubernetes_backend.namespace() as name:
        yield name


def _require(missing: str | None) -> None:
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing, pytrace=False)
    if missing:
        pytest.skip(missing)


@pytest.fixture
def helm(monkeypatch: pytest.MonkeyPatch) -> str:
    """helm, on PATH during the test. Without it the test is skipped, or fails where ``CI=true``."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    found = shutil.which("helm")
    _require(None if found else "helm is not installed beside the tests' Python: make .venv/dev")
    assert found is not None
    return found


@pytest.fixture
def strace() -> str:
    """The program that shows which calls are made to the kernel. Without it the test is skipped, or fails where ``CI=true``."""
    found = shutil.which("strace")
    allowed = found and subprocess.run([found, "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0
    _require(None if allowed else "strace is missing or not allowed: the calls that make events durable were not looked at")
    assert found is not None
    return found
