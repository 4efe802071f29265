"""The drop-in `scripts/create_deploy_config.py`: keys, streams and exit codes that its callers rely on."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.project import Project, Ran

pytestmark = pytest.mark.e2e

SCRIPT = Path(__file__).parents[2] / "scripts" / "create_deploy_config.py"
KINDS = ["docker", "npm", "pypi", "vercel", "netlify", "github_releases"]


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    """A directory with nothing in it."""
    project = Project(tmp_path)
    project.path.mkdir()
    return project


def script(project: Project, *words: str, cwd: Path | None = None, **env: str) -> Ran:
    return project.run(*words, program=(sys.executable, str(SCRIPT)), cwd=cwd, **env)


def on_stdout(done: Ran) -> dict[str, Any]:
    assert (done.code, done.err) == (0, "")
    return done.json()


def on_stderr(done: Ran) -> dict[str, Any]:
    assert (done.code, done.out) == (1, "")
    document = json.loads(done.err)
    assert isinstance(document, dict)
    return document


def test_writes_what_the_old_script_wrote_and_says_so(bare: Project) -> None:
    done = script(bare, "--targets", ",".join(KINDS), "--primary", "npm", "--ci", "github_actions", "--project-name", "web shop")

    document = on_stdout(done)
    written = json.loads(bare.deploy_json.read_text())
    assert {key: document[key] for key in ("operation", "success", "targets", "primary", "project_name")} == {
        "operation": "create_deploy_config",
        "success": True,
        "targets": KINDS,
        "primary": "npm",
        "project_name": "web shop",
    }
    assert document["config"] == written
    assert document["path"] == document["config_path"] == str(bare.deploy_json)
    assert document["ci"] == written["ci"] == {**written["ci"], "provider": "github_actions", "workflow_dispatch": False}
    assert document["message"].startswith("Created .claude/popkit/deploy.json with docker, npm")
    assert datetime.fromisoformat(document["timestamp"]).utcoffset() is not None
    assert {name: (entry["enabled"], entry["primary"]) for name, entry in written["targets"].items()} == {
        kind: (True, kind == "npm") for kind in KINDS
    }


def test_what_it_writes_is_used_by_the_other_script(bare: Project) -> None:
    script(bare, "--targets", "docker,npm")

    prepared = bare.run(
        "--action", "prepare", "--version", "1.0.0", program=(sys.executable, str(SCRIPT.with_name("execute_deployment.py")))
    )

    assert prepared.json()["target"] == "docker"


def test_without_names_it_writes_what_is_detected(project: Project) -> None:
    project.deploy_json.unlink()

    document = on_stdout(script(project, "--dir", str(project.path), cwd=project.root))

    assert "local" in document["targets"]
    assert document["config"]["project_name"] == "shop"


def test_an_existing_file_is_renewed_with_its_history_and_the_users_keys(live: Project) -> None:
    live.configure(top={"x-team": "shop", "redact": ["internal-[0-9]+"]})
    before, history = live.deploy_json.read_bytes(), live.history

    document = on_stdout(script(live, "--targets", "docker,local", "--ci", "manual_only"))

    assert document["message"].startswith("Replaced")
    assert Path(live.path, document["backup"]).read_bytes() == before
    assert (document["config"]["x-team"], document["config"]["redact"]) == ("shop", ["internal-[0-9]+"])
    assert live.history == history
    assert live.run("history").out.count("1.0.0") == 1


def test_unknown_kinds_are_refused_with_the_list(bare: Project) -> None:
    document = on_stderr(script(bare, "--targets", "docker,heroku"))

    assert (document["operation"], document["success"]) == ("create_deploy_config", False)
    assert "heroku was not detected" in document["error"]
    assert "npm, pypi, vercel, netlify, github_releases" in document["error"]
    assert not bare.deploy_json.exists()


def test_a_broken_file_is_left_alone(project: Project) -> None:
    project.deploy_json.write_text("{ my notes")

    document = on_stderr(script(project, "--targets", "docker"))

    assert "not valid JSON" in document["error"]
    assert project.deploy_json.read_text() == "{ my notes"


def test_a_directory_that_is_not_there_and_a_bad_flag(bare: Project) -> None:
    assert on_stderr(script(bare, "--dir", "nowhere"))["error"] == "Directory not found: nowhere"
    assert script(bare, "--ci", "jenkins").code == 2
    assert script(bare, "--target", "docker").code == 2
