"""Wrong usage and wrong configuration: exit 2, a message that names place and remedy, also as data, and nothing done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.project import Project

pytestmark = pytest.mark.e2e

LIVE = ("--mode", "deploy", "--yes")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--target", "loocal"), 'deploy.json: no target "loocal", did you mean "local"?'),
        (("--environment", "stagin"), 'no environment "stagin", did you mean "staging"?'),
        (("--version", "not a version"), "--version: expected a version like 1.2.0"),
        (("--version", "../../etc"), "--version: expected a version like 1.2.0"),
        (("--mode", "deplyo"), "'deplyo' is not one of 'dry_run', 'deploy', 'canary'"),
        (("--target", ""), "Invalid value for '--target' / '-t': it is empty"),
        (("--version", " "), "Invalid value for '--version' / '-V': it is empty"),
        (("--environment", ""), "Invalid value for '--environment' / '-e': it is empty"),
        (("--plan", "sha256:12"), "at least 8 hex digits"),
        (("--all", "--target", "local"), "--all and --target exclude each other"),
        (("--all", "--plan", "sha256:12345678"), "--plan names the plan of one target"),
        (("--actor", "a\nb"), "'--actor': expected text on one line"),
        (("deploy-20260101-000000-none",), "no deployment 'deploy-20260101-000000-none'"),
        (("--nothing",), "No such option"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(project: Project, words: tuple[str, ...], said: str) -> None:
    project.configure(top={"environments": {"staging": {}}, "default_environment": "staging"})
    project.fake("other", steps=1)

    mode = () if "--mode" in words or words[0].startswith("deploy-") else LIVE
    done = project.run("execute", *words, *mode, "--json")

    assert done.code == 2, done.out
    assert said in done.err
    assert done.json()["success"] is False
    assert done.json()["error"]["exit_code"] == 2
    assert project.live is None


def test_a_command_that_does_not_exist_is_named_nearly(project: Project) -> None:
    done = project.run("exceute")

    assert (done.code, done.out) == (2, "")
    assert "Did you mean execute?" in done.err


def test_an_id_leaves_nothing_to_say_about_target_and_version(project: Project) -> None:
    prepared = project.run("prepare", "--json").json()["deployment_id"]

    done = project.run("execute", prepared, "--version", "2.0.0")

    assert done.code == 2
    assert "leave --target, --version, --mode and the like out" in done.err


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "deploy.json: not found. To write one: pop-deploy init"),
        (lambda path: path.write_text("{"), "deploy.json: line 1, column 2: not valid JSON"),
        (lambda path: path.write_text("[]"), "deploy.json: expected a JSON object, got a list"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "deploy.json: "),
        (
            lambda path: path.write_text(path.read_text().replace('"path"', '"paht"')),
            'targets.local.config.paht: unknown key, did you mean "path"?',
        ),
        (
            lambda path: path.write_text(path.read_text().replace('"public"', "7")),
            "targets.local.config.source: expected a string, got 7",
        ),
    ],
    ids=["missing", "broken", "another type", "no text", "unknown key", "wrong type"],
)
def test_a_configuration_that_cannot_be_used_is_named_with_its_place(
    project: Project, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(project.deploy_json)

    done = project.run("execute", *LIVE, "--json")

    assert done.code == 2
    assert said in done.err
    assert said in done.json()["error"]["message"]
    assert not (project.data / "events.db").exists()


def test_a_directory_that_does_not_exist_is_wrong_usage(project: Project) -> None:
    done = project.run("execute", "--dir", "nowhere")

    assert done.code == 2
    assert "Directory 'nowhere' does not exist" in done.err


def test_from_elsewhere_with_dir_and_the_commands_offered_say_so(project: Project) -> None:
    done = project.run("execute", "--mode", "deploy", "--dir", "my shop", "--json", cwd=project.root)

    asked = done.json("decision_required")["decision_required"]
    assert done.code == 3
    assert asked["answer_with"].count("--dir 'my shop'") == 2


def test_the_store_can_be_elsewhere(project: Project) -> None:
    url = f"sqlite:///{project.root}/the events.db"

    done = project.run("execute", *LIVE, "--store", url)

    assert done.code == 0, done.err
    assert (project.root / "the events.db").exists()
    assert not (project.data / "events.db").exists()


def test_a_store_that_is_none_is_refused_without_its_password(project: Project) -> None:
    done = project.run("execute", *LIVE, "--store", "postgresql://ann:s3cr3t-pw@host/db")

    assert done.code != 0
    assert "s3cr3t-pw" not in done.err + done.out


def test_rollback_without_any_history_is_refused(project: Project) -> None:
    done = project.run("rollback", "--yes")

    assert done.code == 5
    assert "no deployment history, nothing to roll back" in done.err


def test_nothing_to_resume_and_nothing_to_verify_say_so(project: Project) -> None:
    resumed, verified = project.run("resume"), project.run("verify")

    assert (resumed.code, verified.code) == (2, 5)
    assert "nothing to resume: no deployment is under way" in resumed.err
    assert "nothing of ours is live there. Next: pop-deploy execute" in verified.err
