"""Fixtures that several kinds of tests share. The back-ends behind them are described in backends/README.md."""

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from tests.backends.docker import DockerBackend
from tests.backends.postgres import PostgresBackend


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


def _require(missing: str | None) -> None:
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing, pytrace=False)
    if missing:
        pytest.skip(missing)


@pytest.fixture
def strace() -> str:
    """The program that shows which calls are made to the kernel. Without it the test is skipped, or fails where ``CI=true``."""
    found = shutil.which("strace")
    allowed = found and subprocess.run([found, "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0
    _require(None if allowed else "strace is missing or not allowed: the calls that make events durable were not looked at")
    assert found is not None
    return found
