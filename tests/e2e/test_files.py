"""What is left on disc: history in deploy.json, no secret anywhere, and what happens where files cannot be written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import COMMAND, Project

pytestmark = pytest.mark.e2e

SECRET = "xq7-Wr4ngler-of-Tokens"
LIVE = ("execute", "--mode", "deploy", "--yes")


def without_privileges() -> tuple[str, ...]:
    """The command under the rules that hold for everybody: root may otherwise write what is read-only."""
    if os.geteuid() != 0:
        return (COMMAND,)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("as root, and without setpriv (util-linux) nothing is read-only")
    return (setpriv, "--bounding-set", "-dac_override,-dac_read_search", "--", COMMAND)


def test_history_is_right_after_each_deployment(project: Project) -> None:
    project.configure(local={"auto_rollback": True})
    project.run("execute")
    project.deploy()
    first = project.history
    project.configure(local={"hooks": {"after_deploy": [["false"]]}})
    project.set_version("1.1.0")
    project.write_source("broken")
    failed = project.run(*LIVE)
    second = project.history
    project.configure(local={"hooks": {}})
    project.set_version("1.2.0")
    project.deploy()
    project.run("rollback", "--yes", "--reason", "too slow")

    assert failed.code == 6
    assert [(record["status"], record["version"]) for record in first] == [("success", "1.0.0")]
    assert [(record["status"], record["version"], record.get("rollback_to")) for record in second] == [
        ("rolled_back", "1.1.0", "1.0.0"),
        ("failed", "1.1.0", None),
        ("success", "1.0.0", None),
    ]
    assert [(record["status"], record["version"], record.get("rollback_to")) for record in project.history[:2]] == [
        ("rolled_back", "1.2.0", "1.0.0"),
        ("success", "1.2.0", None),
    ]
    assert project.live == "hello"
    for record in project.history:
        assert {
            "timestamp",
            "target",
            "version",
            "status",
            "duration_ms",
            "deployment_id",
            "environment",
            "mode",
            "actor",
        } <= set(record)
        assert record["timestamp"].endswith("+00:00")
        assert None not in record.values()


def test_what_the_user_wrote_in_deploy_json_stays_as_it_was(project: Project) -> None:
    text = project.deploy_json.read_text().replace('"version": "1.0",', '"x-note":   [1,  2],\n  "version": "1.0",')
    project.deploy_json.write_text(text)
    project.deploy_json.chmod(0o640)

    project.deploy()

    now = project.deploy_json.read_text()
    assert '"x-note":   [1,  2],\n  "version": "1.0",' in now
    assert project.deploy_json.stat().st_mode & 0o777 == 0o640
    assert list(json.loads(now))[:3] == ["x-note", "version", "project_name"]


def test_an_older_history_is_taken_in_before_the_first_event_and_once(project: Project) -> None:
    old = {
        "timestamp": "2026-01-01T10:00:00Z",
        "target": "local",
        "version": "0.9.0",
        "status": "success",
        "other": {"kept": True},
    }
    project.configure(top={"history": [old]})

    project.deploy()
    project.deploy()

    assert [record["version"] for record in project.history] == ["1.0.0", "1.0.0", "0.9.0"]
    assert project.history[2] == old


def test_a_secret_is_used_and_is_nowhere(project: Project) -> None:
    says = 'echo "token is $TOKEN"; printf %s "$TOKEN" | base64 >&2; test -e ok || { echo "no: $TOKEN" >&2; exit 4; }'
    config = {
        "path": "../the place",
        "source": "public",
        "build": ["sh", "-c", says],
        "env": {"TOKEN": {"env": "SHOP_TOKEN"}},
    }
    project.configure(local={"config": config})
    project.env["SHOP_TOKEN"] = SECRET

    failed = project.run(*LIVE, "--json")
    (project.path / "ok").touch()
    done = project.run(*LIVE)
    shown = project.run("logs", "latest")

    assert (failed.code, done.code) == (1, 0), done.err
    assert failed.json()["error"]["message"].endswith("no: ***")
    assert "token is ***" in shown.out
    for run in (failed, done, shown):
        assert SECRET not in run.out + run.err
    for file in (path for path in project.root.rglob("*") if path.is_file()):
        assert SECRET.encode() not in file.read_bytes(), file


def test_a_missing_secret_is_named_and_nothing_is_changed(project: Project) -> None:
    config = {"path": "../the place", "source": "public", "build": ["true"], "env": {"TOKEN": {"env": "SHOP_TOKEN"}}}
    project.configure(local={"config": config})

    done = project.run(*LIVE)

    assert done.code == 1
    assert "environment variable SHOP_TOKEN is not set" in done.out
    assert project.live is None


def test_attempts_leave_no_files_behind(project: Project) -> None:
    project.configure(local={"config": {"path": "../the place", "source": "public", "build": ["true"]}})
    project.env["XDG_STATE_HOME"] = str(project.root / "state")

    project.deploy()

    assert [path for path in (project.root / "state").rglob("*") if path.name.startswith("deploy-")] == []


# Where files cannot be written


def test_a_deploy_json_that_cannot_be_written_does_not_fail_the_deployment(live: Project) -> None:
    live.set_version("1.1.0")
    program = without_privileges()
    live.deploy_json.chmod(0o444)
    live.data.chmod(0o555)
    for name in ("events.db", "events.db-wal", "events.db-shm"):
        (live.data / name).touch()
    try:
        done = live.run(*LIVE, program=program)
    finally:
        live.data.chmod(0o755)

    assert done.code == 0, done.out + done.err
    assert "deploy.json" in done.err and "The events are safe in the store" in done.err
    assert done.err.count("The events are safe in the store") == 1
    assert "History updated" not in done.out
    assert live.last.state is State.VERIFIED
    live.deploy_json.chmod(0o644)
    live.run("prepare")
    assert live.history[0]["version"] == "1.1.0"


def test_a_data_directory_that_cannot_be_written_is_refused_with_its_name(project: Project) -> None:
    program = without_privileges()
    project.data.chmod(0o555)
    try:
        done = project.run(*LIVE, "--json", program=program)
    finally:
        project.data.chmod(0o755)

    assert done.code == 1
    assert str(project.data) in done.err
    assert "Traceback" not in done.err
    assert done.json()["success"] is False
    assert project.live is None


def test_a_lock_that_cannot_be_taken_is_refused_before_anything_is_done(project: Project) -> None:
    (project.data / "locks").write_text("a file where the directory should be")

    done = project.run(*LIVE)

    assert done.code == 1
    assert "locks" in done.err + done.out
    assert "Traceback" not in done.err
    assert project.live is None


def test_a_store_of_something_else_is_left_untouched(project: Project) -> None:
    (project.data / "events.db").write_text("precious")

    done = project.run(*LIVE)

    assert done.code == 1
    assert "events.db" in done.err
    assert (project.data / "events.db").read_text() == "precious"


def test_the_plugins_data_directory_is_used_for_everything(project: Project) -> None:
    elsewhere = Path(shutil.move(project.data, project.root / "plugin data"))

    done = project.run(*LIVE, CLAUDE_PLUGIN_DATA=str(elsewhere))

    assert done.code == 0, done.err
    assert (elsewhere / "events.db").exists()
    assert json.loads((elsewhere / "deploy.json").read_text())["history"][0]["status"] == "success"
    assert not project.data.exists()


def test_nothing_of_a_deployment_is_left_running(live: Project) -> None:
    live.configure(local={"config": {"path": "../the place", "source": "public", "build": ["true"]}})
    live.deploy()

    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(live.root) not in listed
