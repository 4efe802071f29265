"""`pop-deploy` alone: how far a project has come from init to execute, and what comes next. It only reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.project import Project, at_gate
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e

PRODUCTION = {"default_environment": "production", "environments": {"production": {}, "staging": {}}}


@pytest.fixture
def empty(tmp_path: Path) -> Project:
    """A directory with nothing in it."""
    project = Project(tmp_path)
    project.path.mkdir()
    return project


def standing(project: Project, *words: str) -> dict[str, Any]:
    done = project.run("--json", *words)
    assert (done.code, done.err) == (0, "")
    return done.json()


def stages(document: dict[str, Any]) -> dict[str, str]:
    return {stage["name"]: stage["status"] for stage in document["pipeline"]}


def test_an_empty_directory_begins_with_init(empty: Project) -> None:
    document = standing(empty)

    assert stages(document) == {"init": "missing", "setup": "optional", "validate": "optional", "execute": "missing"}
    assert document["next"] == ["pop-deploy init"]
    assert list(empty.path.iterdir()) == []
    assert empty.run().last_line == "Next: pop-deploy init"


def test_files_that_are_there_are_named_before_anything_is_configured(empty: Project) -> None:
    for name in ("Dockerfile", "package.json"):
        (empty.path / name).write_text("{}")

    document = standing(empty)

    assert document["setup_files"] == [
        {"path": "Dockerfile", "target": None, "found": True},
        {"path": "package.json", "target": None, "found": True},
    ]


def test_a_project_without_git_and_without_a_store(project: Project) -> None:
    document = standing(project)

    assert stages(document) == {"init": "done", "setup": "done", "validate": "optional", "execute": "missing"}
    assert document["setup_files"] == [{"path": "public", "target": "local", "found": True}]
    assert document["next"] == ["pop-deploy execute"]


def test_a_version_that_nothing_says_is_named_in_what_comes_next(live: Project) -> None:
    (live.path / "package.json").unlink()

    said = live.run().last_line
    done = live.run(*said.removeprefix("Next: pop-deploy ").split(), "--mode", "deploy", "--yes")

    assert said == "Next: pop-deploy execute --version 1.0.1"
    assert (done.code, live.history[0]["version"]) == (0, "1.0.1")


def test_the_first_version_of_a_project_without_one_is_an_example(project: Project) -> None:
    (project.path / "package.json").unlink()

    document = standing(project)

    assert document["next"] == ["pop-deploy execute --version 0.1.0"]
    assert document["pipeline"][-1]["command"] == "pop-deploy execute --version 0.1.0"
    assert not (project.data / "events.db").exists()


def test_what_the_targets_need_and_is_missing_is_said(project: Project) -> None:
    project.configure(docker={"config": {"image_name": "shop", "dockerfile": "docker/Dockerfile"}}, pypi={})
    project.configure(npm={"enabled": False})

    document = standing(project)

    assert {(each["path"], each["target"], each["found"]) for each in document["setup_files"]} == {
        ("public", "local", True),
        ("docker/Dockerfile", "docker", False),
        ("pyproject.toml", "pypi", False),
    }
    assert stages(document)["setup"] == "partly"
    assert "setup     partly    public; missing: docker/Dockerfile (docker), pyproject.toml (pypi)" in project.run().out


def test_what_is_live_where_and_from_which_stage_it_came(live: Project) -> None:
    document = standing(live)

    assert stages(document)["execute"] == "done"
    (target,) = document["targets"]
    assert (target["target"], target["environment"], target["live_version"], target["verified"]) == (
        "local",
        "default",
        "1.0.0",
        True,
    )


def test_production_is_to_be_validated_first(project: Project) -> None:
    project.configure(top=PRODUCTION)

    document = standing(project)

    assert stages(document)["validate"] == "missing"
    assert document["next"] == ["pop-deploy validate", "pop-deploy execute"]
    assert "production/local: not validated (required)" in project.run().out


def test_an_open_question_and_the_command_that_answers_it(project: Project) -> None:
    project.run("execute", "--mode", "deploy", "--target", "local")

    document = standing(project)

    (waiting,) = document["unfinished"]
    assert (waiting["situation"], waiting["waits_for"]) == ("waiting", "confirm_deploy")
    assert waiting["next"][0].startswith(f"pop-deploy decide {waiting['deployment_id']} confirm_deploy=<option>")
    assert document["next"][0] == waiting["next"][0]


def test_an_interrupted_deployment_comes_before_everything(project: Project) -> None:
    with at_gate(project) as (process, _gate):
        process.kill()
        process.wait()

    document = standing(project)

    assert document["unfinished"][0]["situation"] == "interrupted"
    assert document["next"] == [f"pop-deploy resume {document['unfinished'][0]['deployment_id']}"]


def test_a_broken_file_is_said_and_the_rest_goes_on(live: Project) -> None:
    live.deploy_json.write_text('{"project_name": "shop", "targets": {"local": {"type": "locale"}}}')

    document = standing(live)

    assert "is no kind of target" in document["configuration"]["problem"]
    assert document["targets"][0]["live_version"] == "1.0.0"
    assert stages(document)["init"] == "partly"
    live.deploy_json.write_text("{ my notes")
    assert live.run().code == 0


def test_reads_only(live: Project) -> None:
    def contents() -> dict[Path, bytes]:
        """All files but those in which SQLite keeps note of its readers."""
        found = (path for path in live.path.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
        return {path: path.read_bytes() for path in found}

    before = contents()

    live.run()
    live.run("--json")

    assert contents() == before


# at a terminal


def test_init_is_offered_and_then_it_goes_on(empty: Project) -> None:
    with Terminal(empty) as terminal:
        terminal.expect("Next: pop-deploy init")
        terminal.expect("Write one for what is found here? [Y/n]")
        terminal.type("\n")
        terminal.expect("Written: .claude/popkit/deploy.json")
        terminal.expect("init      done")
        code = terminal.end()

    assert code == 0
    assert empty.deploy_json.exists()


def test_whoever_wants_no_init_is_left_alone(empty: Project) -> None:
    with Terminal(empty) as terminal:
        terminal.expect("[Y/n]")
        terminal.type("n\n")
        code = terminal.end()

    assert code == 0
    assert list(empty.path.iterdir()) == []


def test_execute_offers_init_and_then_deploys(project: Project) -> None:
    project.deploy_json.unlink()

    with Terminal(project, "execute", "--target", "local", "--mode", "dry_run") as terminal:
        terminal.expect("Write one for what is found here? [Y/n]")
        terminal.type("y\n")
        terminal.expect("Result: SIMULATED")
        code = terminal.end()

    assert code == 0


def test_execute_without_a_terminal_says_the_command(empty: Project) -> None:
    done = empty.run("execute", "--mode", "dry_run", "--version", "1.0.0")

    assert done.code == 2
    assert "To write one: pop-deploy init" in done.err
    assert not empty.deploy_json.exists()


def test_a_program_is_never_asked(empty: Project) -> None:
    with Terminal(empty, "--json") as terminal:
        code = terminal.end()

    assert code == 0
    assert "[Y/n]" not in terminal.text


def test_a_validation_is_offered_where_production_needs_one_and_then_shown(project: Project) -> None:
    project.configure(top=PRODUCTION)

    with Terminal(project) as terminal:
        terminal.expect("production/local needs a validation. Validate now? [y/N]")
        terminal.type("n\n")
        code = terminal.end()
    validated = project.run("validate", "--scope", "quick", "--json")

    (found,) = standing(project)["validations"]
    assert code == 0
    assert validated.code in (0, 1), validated.err
    assert found["score"] == validated.json()["readiness"]["score"]
    assert (found["required"], found["current"], found["target"]) == (True, True, "local")
    project.configure(local={"timeout_s": 77})
    assert standing(project)["validations"][0]["stale_because"] == "deploy.json was changed since"
