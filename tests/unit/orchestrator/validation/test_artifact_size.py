"""How large what would be released is: against a limit, and against the last release."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain.readiness import Outcome
from orchestrator.validation import artifact_size
from tests.unit.orchestrator.targets.local_world import WAITS, World
from tests.unit.orchestrator.validation.subjects import files, subject

PYPI = {"pypi": {"config": {}}}
LOCAL = {"local": {"config": {"path": "../releases", "source": "public", "exclude": ["*.log"]}}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files(tmp_path, {"public/index.html": "x" * 1000, "public/big.log": "x" * 5000, "public/.git/x": "x" * 7000})
    (tmp_path / "public" / "link").symlink_to("/etc/passwd")
    return tmp_path


def test_measures_what_would_be_released_and_nothing_else(project: Path) -> None:
    assert artifact_size.measure(subject(project, targets=LOCAL)) == {"source": 1000}


@pytest.mark.parametrize(
    ("limit", "last", "status", "words"),
    [
        (None, None, Outcome.SKIP, "set validation.max_artifact_bytes"),
        (1000, None, Outcome.PASS, "source 1.0 kB, within 1.0 kB"),
        (999, None, Outcome.FAIL, "source above the limit of 999 B"),
        (None, 667, Outcome.PASS, "like the last release"),
        (None, 666, Outcome.WARN, "source from 666 B"),
        (2000, 100, Outcome.WARN, "grown by more than half"),
        (500, 100, Outcome.FAIL, "above the limit"),
    ],
)
def test_a_limit_fails_and_growth_by_more_than_half_warns(
    project: Path, limit: int | None, last: int | None, status: Outcome, words: str
) -> None:
    validation = {"max_artifact_bytes": limit} if limit else None

    found = artifact_size.look(subject(project, targets=LOCAL, validation=validation, sizes={"source": last} if last else {}))

    assert (found.status, words in found.message) == (status, True), found.message


def test_measures_the_archives_of_this_version(tmp_path: Path) -> None:
    files(
        tmp_path, {"dist/shop-1.2.0-py3-none-any.whl": "xx", "dist/shop-1.2.0.tar.gz": "xxx", "dist/shop-1.1.0.tar.gz": "x" * 9}
    )

    assert artifact_size.measure(subject(tmp_path, targets=PYPI)) == {".whl": 2, ".tar.gz": 3}


@pytest.mark.parametrize(
    "targets", [PYPI, LOCAL, {"docker": {"config": {"image_name": "shop"}}}], ids=["pypi", "local", "docker"]
)
def test_what_is_not_made_yet_is_a_skip(tmp_path: Path, targets: dict[str, object]) -> None:
    found = artifact_size.look(subject(tmp_path, targets=targets, validation={"max_artifact_bytes": 1}))

    assert (found.status, "can be measured" in found.message) == (Outcome.SKIP, True)


def test_what_is_measured_before_is_what_the_release_says_afterwards(tmp_path: Path) -> None:
    world = World(tmp_path)
    files(world.project, {"page.html": "x" * 123, "debug.log": "x", ".claude/popkit/deploy.json": "{}", ".git/HEAD": "x"})
    targets = {"local": {"config": {"path": "../srv", "exclude": ["*.log"]}}}

    release = world.deploy(exclude=("*.log",))

    assert release.detail["sizes"] == {"source": 123 + len(WAITS)}
    assert artifact_size.measure(subject(world.project, targets=targets)) == release.detail["sizes"]
