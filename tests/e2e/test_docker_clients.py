"""The docker target with other clients than the usual one: without buildx, and Debian's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.targets.base import CheckStatus
from tests.backends.docker import DockerBackend
from tests.e2e.docker_world import DockerWorld, failed

pytestmark = pytest.mark.docker


@pytest.fixture
def world(docker_backend: DockerBackend, docker_label: str, tmp_path: Path) -> DockerWorld:
    return DockerWorld(docker_backend, docker_label, tmp_path)


# Other clients


def test_builds_with_the_classic_builder_where_buildx_is_broken(
    world: DockerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "config" / "cli-plugins" / "docker-buildx"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("#!/bin/sh\nexit 1\n")
    plugin.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("DOCKER_BUILDKIT", "1")
    world.source("1.0.0")

    world.deploy("1.0.0")

    assert world.served() == "1.0.0"


def test_works_with_the_client_of_debian(world: DockerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = Path("/usr/bin/docker")
    if not older.exists() or older.samefile(str(shutil.which("docker"))):
        pytest.skip("there is only one docker client here")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").symlink_to(older)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")

    first, second = world.two_versions()
    back = world.roll_back(second, first.release)

    assert set(back.verdicts().values()) == {CheckStatus.PASS}
    assert world.served() == "1.0.0"
    assert not failed(list(second.target.preflight(second.plan)))
