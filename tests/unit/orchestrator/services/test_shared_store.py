"""Several projects in one store, as a team has them: none of them acts on another one's deployments, or shows its history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.lifecycle import State
from orchestrator.services import resume as resuming
from orchestrator.services.repository import load
from tests.unit.orchestrator.services.workspace import World, die


@pytest.fixture
def blog(world: World, tmp_path: Path) -> World:
    """Another project whose targets have the same names, beside `world`, which is called shop."""
    other = World(tmp_path / "blog")
    other.document["project_name"] = "blog"
    other.store, other.locks, other.ids, other.clock = world.store, world.locks, world.ids, world.clock
    return other


def test_each_project_deploys_to_slots_of_its_own(world: World, blog: World) -> None:
    shops, blogs = world.deploy("1.0.0"), blog.deploy("7.0.0")

    assert (shops.deployment.state, blogs.deployment.state) == (State.VERIFIED, State.VERIFIED)
    assert [record["version"] for record in versions(world)] == ["1.0.0"]
    assert [record["version"] for record in versions(blog)] == ["7.0.0"]


def test_another_projects_deployment_is_not_acted_on(world: World, blog: World) -> None:
    shops = world.deploy("1.0.0").deployment.id

    with pytest.raises(UsageProblem, match=rf"{shops} belongs to shop, which shares the store; this is blog\. Next: go to"):
        load(blog.process(), shops)


def test_latest_means_ones_own(world: World, blog: World) -> None:
    shops = world.deploy("1.0.0").deployment.id
    blog.deploy("7.0.0")

    assert load(world.process(), "latest").deployment.id == shops


def test_resume_without_an_id_looks_only_for_ones_own(world: World, blog: World) -> None:
    world.before["step-2"] = die
    interrupted = world.crash("1.0.0")

    with pytest.raises(UsageProblem, match="nothing to resume: no deployment is under way"):
        resuming.interrupted(blog.process(), None)

    assert resuming.interrupted(world.process(), None).deployment.id == interrupted


def versions(world: World) -> list[dict[str, Any]]:
    return list(world.history_file.records)
