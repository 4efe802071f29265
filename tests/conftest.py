"""Fixtures that several kinds of tests share. The back-ends behind them are described in backends/README.md."""

import os
import signal
import uuid
from collections.abc import Iterator

import pytest

from tests.backends.docker import DockerBackend


def pytest_configure() -> None:
    """The usual signal handling, whatever started us: nohup and a shell's ``&`` ignore signals, and children inherit that."""
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def docker_backend() -> DockerBackend:
    """The running engine and registries. Without them the test is skipped, or fails where ``CI=true``."""
    backend = DockerBackend()
    missing = backend.available()
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing, pytrace=False)
    if missing:
        pytest.skip(missing)
    return backend


@pytest.fixture
def docker_label(docker_backend: DockerBackend) -> Iterator[str]:
    """A name no other test, worker or run has; everything named or labelled with it is removed afterwards.

    It is fit for a project, a repository, a container and a host name.
    """
    label = f"t{uuid.uuid4().hex[:10]}"
    yield label
    docker_backend.forget(label)
