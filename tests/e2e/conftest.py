"""Projects for the tests of the installed command."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.docker import DockerBackend
from tests.backends.kubernetes import KubernetesBackend
from tests.e2e.kubernetes_world import KubernetesWorld, in_namespace
from tests.e2e.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Nothing was ever deployed. No git."""
    root = tmp_path / "ann's work"
    root.mkdir()
    return Project(root).make()


@pytest.fixture
def fake(project: Project) -> Project:
    """With a target ``fake`` of two steps; see `faked`."""
    project.fake(steps=2)
    return project


@pytest.fixture(scope="session")
def _deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project(tmp_path_factory.mktemp("deployed")).make()
    project.deploy("1.0.0")
    return project.root


@pytest.fixture
def live(_deployed: Path, tmp_path: Path) -> Project:
    """1.0.0 is live and verified."""
    root = tmp_path / "ann's work"
    shutil.copytree(_deployed, root, symlinks=True)
    return Project(root)


@pytest.fixture
def three(live: Project) -> Project:
    """1.2.0 is live; 1.1.0 and 1.0.0 ("hello") were before."""
    for version in ("1.1.0", "1.2.0"):
        live.write_source(version)
        live.deploy(version)
    return live


@pytest.fixture
def fake_cluster(
    docker_backend: DockerBackend, fake_kubernetes_backend: KubernetesBackend, docker_label: str, tmp_path: Path
) -> Iterator[KubernetesWorld]:
    """A namespace where pods only claim to run, and fail as their image's tag says."""
    with in_namespace(fake_kubernetes_backend, docker_backend, docker_label, tmp_path) as world:
        yield world


@pytest.fixture
def real_cluster(
    docker_backend: DockerBackend, kubernetes_backend: KubernetesBackend, docker_label: str, tmp_path: Path
) -> Iterator[KubernetesWorld]:
    """A namespace where pods really run."""
    with in_namespace(kubernetes_backend, docker_backend, docker_label, tmp_path) as world:
        yield world


@pytest.fixture
def shop(project: Project) -> Project:
    """In git and clean, with two environments."""
    project.configure(top={"environments": {"staging": {}, "production": {}}, "default_environment": "staging"})
    (project.path / ".gitignore").write_text(".claude/\n")
    project.git("init", "-q")
    project.commit()
    return project
