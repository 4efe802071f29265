"""A store that several projects share: what only reads shows this project, and all of them when it is asked to."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.unit.orchestrator.cli.conftest import Run
from tests.unit.orchestrator.histories import World


@pytest.fixture(autouse=True)
def both(project: Path, world: World) -> None:
    """A deployment of shop, whose deploy.json this is, and a later one of blog."""
    say(project, {"project_name": "shop"})
    world.deployment(version="1.0.0").to_verified()
    world.deployment(version="7.0.0", project="blog", target="pages").to_verified()


def say(project: Path, document: object) -> None:
    (project / ".claude" / "popkit" / "deploy.json").write_text(json.dumps(document))


@pytest.mark.parametrize("command", ["history", "metrics", "slots"])
def test_only_this_project_is_shown(run: Run, command: str) -> None:
    shown = run(command)

    assert "production/web" in shown.out
    assert "pages" not in shown.out
    assert "PROJECT" not in shown.out


@pytest.mark.parametrize("command", ["history", "metrics", "slots"])
def test_all_are_shown_with_a_column_when_asked_for(run: Run, command: str) -> None:
    head, *lines = run(command, "--all-projects").out.splitlines()

    assert head.startswith("PROJECT ")
    assert any(line.startswith("blog ") and "pages" in line for line in lines)
    assert any(line.startswith("shop ") and "web" in line for line in lines)


def test_programs_get_the_same_choice(run: Run) -> None:
    assert [row["version"] for row in run("history", "--json").data["deployments"]] == ["1.0.0"]
    assert [row["project"] for row in run("history", "--json", "--all-projects").data["deployments"]] == ["blog", "shop"]
    assert run("metrics", "--json").data["total"]["attempts"] == 1
    assert run("metrics", "--json", "--all-projects").data["total"]["attempts"] == 2
    assert [slot["project"] for slot in run("slots", "--json").data["slots"]] == ["shop"]


def test_latest_is_this_projects(run: Run) -> None:
    assert run("show", "latest", "--json").data["result"]["version"] == "1.0.0"


@pytest.mark.parametrize("text", ["", "{ my notes", "[]", '{"project_name": 7}', '{"project_name": ""}'])
def test_a_file_that_does_not_say_the_name_hides_nothing(project: Path, run: Run, text: str) -> None:
    (project / ".claude" / "popkit" / "deploy.json").write_text(text)

    assert len(run("history", "--json").data["deployments"]) == 2


def test_a_pipe_in_the_files_place_is_not_waited_for(project: Path, run: Run) -> None:
    path = project / ".claude" / "popkit" / "deploy.json"
    path.unlink()
    os.mkfifo(path)

    assert len(run("history", "--json").data["deployments"]) == 2


def test_a_project_without_a_name_in_its_file_is_called_as_its_directory(project: Path, world: World, run: Run) -> None:
    say(project, {"targets": {}})
    world.deployment(version="3.0.0", project=project.name).to_verified()

    assert [row["version"] for row in run("history", "--json").data["deployments"]] == ["3.0.0"]


def test_nothing_of_this_project_says_where_to_look(project: Path, run: Run) -> None:
    say(project, {"project_name": "new"})

    assert "--all-projects" in run("history").out
