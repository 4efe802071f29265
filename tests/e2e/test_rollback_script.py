"""The drop-in `scripts/rollback_deployment.py`: keys, streams and exit codes that callers of the skill's script rely on."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import Project, Ran

pytestmark = pytest.mark.e2e

SCRIPT = Path(__file__).parents[2] / "scripts" / "rollback_deployment.py"
OLD = [
    {
        "timestamp": "2024-05-01T10:00:00",
        "target": "local",
        "version": "v2",
        "status": "failed",
        "error": "boom",
        "commit_sha": None,
    },
    {"timestamp": "2024-04-01T10:00:00", "target": "local", "version": "2024.04-rc", "status": "success", "commit_sha": None},
    {"timestamp": "2024-03-01T10:00:00", "target": "docker", "version": "7", "status": "success"},
    {"timestamp": "yesterday", "target": "local", "version": 1, "status": "success"},
]


@pytest.fixture
def two(live: Project) -> Project:
    """1.1.0 is live, 1.0.0 was before."""
    live.write_source("new")
    live.deploy("1.1.0")
    return live


def script(project: Project, action: str, *words: str, cwd: Path | None = None) -> Ran:
    return project.run("--action", action, *words, program=(sys.executable, str(SCRIPT)), cwd=cwd)


def on_stdout(done: Ran) -> dict[str, Any]:
    """The one document on stdout; nothing is on stderr that a caller would take for an error."""
    document = done.json()
    assert not done.err.startswith("{"), done.err
    assert datetime.fromisoformat(document["timestamp"]).utcoffset() is not None
    return document


def on_stderr(done: Ran) -> dict[str, Any]:
    assert (done.out, done.code) == ("", 1)
    document = json.loads(done.err)
    assert isinstance(document, dict)
    return document


def with_history(project: Project, *records: dict[str, Any]) -> None:
    """As another tool writes it: its own records at the front."""
    document = json.loads(project.deploy_json.read_text())
    document["history"] = [*records, *document.get("history", [])]
    project.deploy_json.write_text(json.dumps(document))


# assess


def test_assess_says_where_a_rollback_leads_and_changes_nothing(two: Project) -> None:
    before = (two.data / "events.db").read_bytes(), two.deploy_json.read_bytes()

    document = on_stdout(done := script(two, "assess"))

    first = two.deployments()[0]
    assert done.code == 0
    assert (document["operation"], document["success"], document["target"]) == ("assess_rollback", True, "local")
    assert (document["current_version"], document["current_status"]) == ("1.1.0", "success")
    assert (document["rollback_version"], document["rollback_commit"]) == ("1.0.0", None)
    assert document["rollback_timestamp"] == first.finished_at
    assert (document["total_deployments"], document["last_failed"], document["can_rollback"]) == (2, None, True)
    assert ((two.data / "events.db").read_bytes(), two.deploy_json.read_bytes()) == before


def test_assess_knows_the_last_failure(two: Project) -> None:
    two.configure(local={"hooks": {"before_deploy": [["false"]]}})
    two.run("execute", "--mode", "deploy", "--yes", "--version", "1.2.0")

    document = on_stdout(script(two, "assess"))

    assert (document["current_version"], document["current_status"]) == ("1.2.0", "failed")
    assert document["last_failed"]["version"] == "1.2.0" and document["last_failed"]["error"]
    # What failed has changed nothing: 1.1.0 is live, and a rollback would leave that.
    assert (document["rollback_version"], document["leaves"]) == ("1.0.0", two.deployments()[1].id)


def test_assess_without_any_deployment_says_that_there_is_none(project: Project) -> None:
    document = on_stdout(script(project, "assess"))

    assert (document["success"], document["can_rollback"], document["rollback_version"]) == (True, False, None)
    assert (document["current_version"], document["current_status"], document["total_deployments"]) == (None, None, 0)
    assert document["reason"] == "default/local: no deployment history, nothing to roll back"
    assert not (project.data / "events.db").exists()


def test_the_records_of_others_are_read_but_nothing_of_theirs_can_be_gone_back_to(project: Project) -> None:
    with_history(project, *OLD)

    document = on_stdout(script(project, "assess"))

    assert (document["current_version"], document["current_status"]) == ("v2", "failed")
    assert document["last_failed"] == {"version": "v2", "timestamp": "2024-05-01T10:00:00", "error": "boom"}
    assert (document["total_deployments"], document["can_rollback"], document["rollback_version"]) == (3, False, None)
    assert document["reason"].startswith("default/local: no release was verified by pop-deploy there, nothing to roll back to")
    assert not (project.data / "events.db").exists()


def test_a_newer_record_of_another_tool_is_seen_before_it_is_taken_in(two: Project) -> None:
    with_history(two, {"timestamp": "2099-01-01T00:00:00", "target": "local", "version": "3", "status": "success"})

    document = on_stdout(script(two, "assess"))

    assert (document["current_version"], document["total_deployments"]) == ("3", 3)
    assert (document["can_rollback"], document["rollback_version"]) == (True, "1.0.0")
    assert "The newest record was written by another tool" in document["reason"]


def test_after_a_rollback_the_restored_version_is_the_current_one(two: Project) -> None:
    script(two, "rollback")

    document = on_stdout(script(two, "assess"))

    assert (document["current_version"], document["current_status"]) == ("1.0.0", "rolled_back")
    assert (document["can_rollback"], document["rollback_version"]) == (False, None)
    assert document["total_deployments"] == 3


# investigate


def test_investigate_gathers_what_is_known(two: Project) -> None:
    two.configure(local={"hooks": {"after_deploy": [["sh", "-c", "echo no space left; exit 1"]]}})
    two.run("execute", "--mode", "deploy", "--yes", "--version", "1.2.0")

    document = on_stdout(done := script(two, "investigate"))

    by_source = {found["source"]: found["data"] for found in document["diagnostics"]}
    assert (done.code, document["success"], document["target"]) == (0, True, "local")
    assert document["diagnostic_count"] == len(document["diagnostics"]) == len(by_source)
    assert by_source["deployment_history"]["version"] == "1.2.0"
    assert "no space left" in by_source["step_logs"][0]["text"]
    assert by_source["git_log"]["recent_commits"] == [] and "commits unknown" in by_source["git_log"]["message"]
    assert any("current" in line for line in by_source["target"])


def test_investigate_of_nothing_has_no_diagnostics(project: Project) -> None:
    document = on_stdout(script(project, "investigate"))

    assert (document["diagnostics"], document["diagnostic_count"]) == ([], 0)


# rollback


def test_rollback_brings_the_last_verified_release_back(two: Project) -> None:
    document = on_stdout(done := script(two, "rollback", "--reason", "loses orders"))

    assert done.code == 0, done.err
    assert (document["operation"], document["success"], document["dry_run"]) == ("execute_rollback", True, False)
    assert (document["from_version"], document["to_version"]) == ("1.1.0", "1.0.0")
    assert isinstance(document["duration_ms"], int)
    assert [step["status"] for step in document["steps"]] == ["done", "passed"]
    assert "error" not in document and document["message"]
    assert two.live == "hello"
    answer = two.last.rollback
    assert answer is not None and answer.reason == "loses orders"
    assert two.history[0]["status"] == "rolled_back"


def test_the_call_itself_is_the_confirmation(two: Project) -> None:
    script(two, "rollback")

    store_events = json.loads(two.run("show", "latest", "--json").out)["decisions"]
    confirmed = next(made for made in store_events if made["decision_id"] == "confirm_rollback")
    assert (confirmed["answer"], confirmed["how"], confirmed["reason"]) == ("proceed", "script", "called with --action rollback")


def test_a_dry_run_shows_the_steps_and_changes_nothing(two: Project) -> None:
    document = on_stdout(done := script(two, "rollback", "--dry-run"))

    assert (done.code, document["dry_run"], document["duration_ms"]) == (0, True, 0)
    assert [step["status"] for step in document["steps"]] == ["simulated", "simulated"]
    assert (two.live, two.last.state) == ("new", State.VERIFIED)


@pytest.mark.parametrize("option", ["--version", "--to"])
def test_a_version_is_named_with_either_option(two: Project, option: str) -> None:
    two.write_source("newest")
    two.deploy("1.2.0")

    document = on_stdout(script(two, "rollback", option, "1.0.0"))

    assert (document["to_version"], two.live) == ("1.0.0", "hello")


def test_what_was_never_verified_is_refused_on_stderr(two: Project) -> None:
    document = on_stderr(script(two, "rollback", "--version", "9.9.9"))

    assert (document["operation"], document["success"]) == ("execute_rollback", False)
    assert "no verified release 9.9.9 to go back to; there are: 1.0.0" in document["error"]
    assert two.live == "new"


def test_without_history_there_is_nothing_to_roll_back(project: Project) -> None:
    document = on_stderr(script(project, "rollback"))

    assert "no deployment history, nothing to roll back" in document["error"]


def test_a_rollback_that_fails_says_what_is_live(live: Project) -> None:
    live.fake(steps=1)
    live.deploy("1.0.0", "--target", "fake")
    live.deploy("1.1.0", "--target", "fake")
    live.fake(steps=1, fail_at="restore")

    document = on_stdout(done := script(live, "rollback", "--target", "fake"))

    assert (done.code, document["success"], document["error_step"]) == (1, False, "restore")
    assert document["live_now"].startswith("unknown") and document["error"]
    assert [step["status"] for step in document["steps"]] == ["failed", "skipped"]


# verify and report


def test_verify_after_a_rollback(two: Project) -> None:
    before = on_stdout(early := script(two, "verify"))
    script(two, "rollback")
    after = on_stdout(late := script(two, "verify"))
    (two.place / "current").unlink()
    broken = on_stdout(last := script(two, "verify"))

    assert (early.code, before["healthy"], before["rollback_verified"]) == (1, True, False)
    assert (late.code, after["healthy"], after["rollback_verified"]) == (0, True, True)
    assert (after["passed"], after["failed"]) == (len(after["checks"]), 0)
    assert (last.code, broken["rollback_verified"], broken["failed"] > 0) == (1, False, True)


def test_verify_of_nothing_is_a_skipped_check_and_no_success(project: Project) -> None:
    document = on_stdout(done := script(project, "verify"))

    assert done.code == 1
    assert [check["status"] for check in document["checks"]] == ["skip"]
    assert (document["passed"], document["failed"], document["rollback_verified"]) == (0, 0, False)


def test_report_writes_the_incident_of_what_was_left(two: Project) -> None:
    script(two, "rollback")

    document = on_stdout(done := script(two, "report"))

    path = Path(document["report_path"])
    assert done.code == 0
    assert document["filename"] == path.name == f"incident-{two.last.id}.md"
    assert path.parent == two.data / "incidents" and "# Incident: 1.1.0 in default/local" in path.read_text()


def test_report_of_nothing_is_refused(two: Project) -> None:
    document = on_stderr(script(two, "report"))

    assert document["operation"] == "generate_incident_report"
    assert "no deployment has failed or was rolled back there" in document["error"]


# streams and codes


def test_a_configuration_that_is_not_there_is_said_on_stderr(project: Project) -> None:
    project.deploy_json.unlink()

    document = on_stderr(script(project, "assess"))

    assert (document["operation"], document["success"]) == ("rollback_assess", False)
    assert "deploy.json" in document["error"]


def test_a_directory_that_is_not_there_is_said_on_stderr(project: Project) -> None:
    document = on_stderr(script(project, "assess", "--dir", "nowhere"))

    assert document == {"error": "Directory not found: nowhere"}


def test_a_target_that_is_not_there_is_said_on_stderr(project: Project) -> None:
    document = on_stderr(script(project, "rollback", "--target", "loocal"))

    assert 'did you mean "local"?' in document["error"]


@pytest.mark.parametrize("words", [("--action", "undo"), ("--nonsense",), ()], ids=["action", "option", "nothing"])
def test_a_bad_flag_is_wrong_usage(project: Project, words: tuple[str, ...]) -> None:
    done = project.run(*words, program=(sys.executable, str(SCRIPT)))

    assert (done.code, done.out) == (2, "")


def test_it_works_from_anywhere(two: Project) -> None:
    document = on_stdout(script(two, "assess", "--dir", str(two.path), cwd=two.root))

    assert document["directory"] == str(two.path)
