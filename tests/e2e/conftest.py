"""Projects for the tests of the installed command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

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
