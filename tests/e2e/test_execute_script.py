"""The drop-in `scripts/execute_deployment.py`: keys, streams and exit codes that callers of the deploy skill's script rely on."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import Project, Ran, at_gate, ended

pytestmark = pytest.mark.e2e

SCRIPT = Path(__file__).parents[2] / "scripts" / "execute_deployment.py"
DEPLOY = ("--action", "execute", "--mode", "deploy")


def script(project: Project, *words: str, cwd: Path | None = None, **env: str) -> Ran:
    return project.run(*words, program=(sys.executable, str(SCRIPT)), cwd=cwd, **env)


def on_stdout(done: Ran) -> dict[str, Any]:
    """The one document on stdout; nothing is on stderr that a caller would take for an error."""
    document = done.json()
    assert not done.err.startswith("{"), done.err
    return document


def on_stderr(done: Ran) -> dict[str, Any]:
    assert done.out == ""
    document = json.loads(done.err)
    assert isinstance(document, dict)
    return document


# prepare


def test_prepare_says_what_is_known_and_records_nothing(project: Project) -> None:
    project.configure(top={"ci": {"provider": "github-actions"}})
    project.git("init", "-q")
    sha = project.commit()

    done = script(project, "--action", "prepare")

    document = on_stdout(done)
    assert done.code == 0
    assert {name: document[name] for name in document if name != "timestamp"} == {
        "operation": "prepare_deployment",
        "directory": str(project.path),
        "success": True,
        "target": "local",
        "environment": "default",
        "target_config": json.loads(project.deploy_json.read_text())["targets"]["local"],
        "version": "1.0.0",
        "commit_sha": sha,
        "last_deployment": None,
        "rollback_version": None,
        "project_name": "shop",
        "ci_provider": "github-actions",
    }
    assert datetime.fromisoformat(document["timestamp"]).utcoffset() is not None
    assert not (project.data / "events.db").exists()


def test_prepare_knows_the_last_deployment_and_the_way_back(live: Project) -> None:
    document = on_stdout(script(live, "--action", "prepare", "--target", "local", "--version", "2.0.0"))

    assert (document["version"], document["rollback_version"]) == ("2.0.0", "1.0.0")
    assert document["last_deployment"] == live.history[0]


def test_prepare_reads_the_history_of_others_where_there_are_no_events(project: Project) -> None:
    records = [
        {"timestamp": "2026-01-02T00:00:00Z", "target": "local", "version": "0.9.1", "status": "failed"},
        {"timestamp": "2026-01-01T00:00:00Z", "target": "local", "version": "0.9.0", "status": "success"},
    ]
    project.configure(top={"history": records})

    document = on_stdout(script(project, "--action", "prepare"))

    assert document["last_deployment"] == records[0]
    assert document["rollback_version"] == "0.9.0"


def test_prepare_without_a_version_or_commit_says_null(project: Project) -> None:
    (project.path / "package.json").unlink()

    document = on_stdout(script(project, "--action", "prepare"))

    assert (document["success"], document["version"], document["commit_sha"], document["ci_provider"]) == (True, None, None, None)


# execute


def test_execute_is_a_dry_run_unless_the_mode_says_otherwise(project: Project) -> None:
    done = script(project, "--action", "execute")

    document = on_stdout(done)
    assert done.code == 0
    assert (document["operation"], document["success"], document["dry_run"], document["mode"]) == (
        "execute_deployment",
        True,
        True,
        "dry_run",
    )
    assert document["message"]
    assert "error" not in document
    assert [step["status"] for step in document["steps"]] == ["simulated"] * 4
    assert project.live is None


def test_execute_deploys_and_the_call_itself_is_the_confirmation(project: Project) -> None:
    done = script(project, *DEPLOY, "--target", "local", "--version", "1.2.0")

    document = on_stdout(done)
    assert done.code == 0, done.err
    wanted = {
        "operation",
        "directory",
        "timestamp",
        "deployment_id",
        "target",
        "version",
        "mode",
        "duration_ms",
        "rollback_version",
    }
    assert wanted | {"success", "dry_run", "steps", "message"} <= set(document)
    assert (document["success"], document["dry_run"], document["mode"], document["version"]) == (True, False, "deploy", "1.2.0")
    assert (document["target"], document["rollback_version"], document["deployment_id"]) == ("local", None, project.last.id)
    assert isinstance(document["duration_ms"], int)
    assert "error" not in document and "image" not in document
    for step in document["steps"]:
        assert {"status", "duration_s", "exit_code", "stderr"} <= set(step)
    confirmation = project.last.confirmation
    assert confirmation is not None
    assert (confirmation.how, confirmation.reason) == ("script", "called with --mode deploy")
    assert project.history[0]["version"] == "1.2.0"


def test_a_deployment_that_fails_is_reported_whole_on_stdout(live: Project) -> None:
    live.configure(local={"hooks": {"before_deploy": [["sh", "-c", "echo 'it broke' >&2; exit 3"]]}})

    done = script(live, *DEPLOY)

    document = on_stdout(done)
    assert done.code == 1
    assert (document["operation"], document["success"], document["state"]) == ("execute_deployment", False, "failed")
    assert (document["error"].endswith("it broke"), document["error_step"]) == (True, "before_deploy-1")
    assert "message" not in document
    failed = document["steps"][0]
    assert (failed["status"], failed["exit_code"], failed["stderr"]) == ("failed", 3, "it broke\n")
    assert document["rollback_version"] == "1.0.0"
    assert live.history[0]["status"] == "failed"


def test_a_dry_run_whose_checks_fail_is_a_failure(project: Project) -> None:
    project.configure(local={"config": {"path": "../the place", "source": "missing"}})

    done = script(project, "--action", "execute")

    document = on_stdout(done)
    assert (done.code, document["success"], document["dry_run"]) == (1, False, True)
    assert "missing" in document["error"]


@pytest.mark.parametrize("mode", ["dry_run", "dry-run"])
def test_both_spellings_of_the_dry_run_are_understood(project: Project, mode: str) -> None:
    assert on_stdout(script(project, "--action", "execute", "--mode", mode))["mode"] == "dry_run"


# verify


def test_verify_names_every_check_and_counts_them(live: Project) -> None:
    done = script(live, "--action", "verify")

    document = on_stdout(done)
    assert done.code == 0
    assert (document["operation"], document["target"], document["healthy"]) == ("verify_deployment", "local", True)
    assert {"directory", "timestamp", "checks", "passed", "total"} <= set(document)
    assert all({"name", "status", "message"} <= set(check) for check in document["checks"])
    assert document["passed"] == sum(check["status"] == "pass" for check in document["checks"])
    assert document["total"] == len(document["checks"])


def test_verify_of_what_is_not_healthy_is_1_with_the_whole_report(live: Project) -> None:
    (live.place / "current").unlink()

    done = script(live, "--action", "verify")

    document = on_stdout(done)
    assert (done.code, document["healthy"]) == (1, False)
    assert "fail" in {check["status"] for check in document["checks"]}


def test_healthy_is_never_true_when_every_check_was_skipped(project: Project) -> None:
    done = script(project, "--action", "verify")

    document = on_stdout(done)
    assert (done.code, document["healthy"], document["passed"]) == (1, False, 0)
    assert {check["status"] for check in document["checks"]} == {"skip"}


def test_verify_after_a_deployment_that_failed_is_not_healthy(live: Project) -> None:
    live.configure(local={"hooks": {"after_deploy": [["false"]]}})
    script(live, *DEPLOY)

    done = script(live, "--action", "verify")

    assert done.code == 1
    assert on_stdout(done)["healthy"] is False


# What goes wrong


@pytest.mark.parametrize("action", ["prepare", "execute", "verify"])
@pytest.mark.parametrize("text", [None, "{", "[]", '{"version": 7}'], ids=["missing", "no JSON", "no object", "wrong"])
def test_a_deploy_json_that_cannot_be_read_is_1_on_stderr(project: Project, action: str, text: str | None) -> None:
    project.deploy_json.unlink()
    if text is not None:
        project.deploy_json.write_text(text)

    done = script(project, "--action", action)

    document = on_stderr(done)
    assert done.code == 1
    assert (document["operation"], document["success"], "deploy.json" in document["error"]) == (f"deploy_{action}", False, True)


def test_no_such_target_is_on_stdout_for_prepare(project: Project) -> None:
    done = script(project, "--action", "prepare", "--target", "loocal")

    document = on_stdout(done)
    assert (done.code, document["operation"], document["success"]) == (1, "prepare_deployment", False)
    assert 'did you mean "local"?' in document["error"]


@pytest.mark.parametrize("action", ["execute", "verify"])
def test_no_such_target_is_on_stderr_for_the_others(project: Project, action: str) -> None:
    done = script(project, "--action", action, "--target", "loocal")

    document = on_stderr(done)
    assert (done.code, document["success"]) == (1, False)
    assert 'did you mean "local"?' in document["error"]


@pytest.mark.parametrize("action", ["prepare", "execute", "verify"])
def test_a_directory_that_is_absent_is_1_with_nothing_but_the_error(project: Project, action: str) -> None:
    done = script(project, "--dir", "nowhere", "--action", action)

    assert done.code == 1
    assert list(on_stderr(done)) == ["error"]


@pytest.mark.parametrize("words", [("--nothing",), ("--action", "destroy"), ("--mode", "perhaps"), ("--target",)])
def test_a_bad_flag_or_choice_is_2(project: Project, words: tuple[str, ...]) -> None:
    done = script(project, *words)

    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err


def test_a_rule_that_refuses_is_1_with_the_reason_on_stderr(project: Project) -> None:
    done = script(project, "--action", "execute", "--mode", "canary")

    document = on_stderr(done)
    assert (done.code, document["operation"], document["success"]) == (1, "deploy_execute", False)
    assert "has no canary" in document["error"]


def test_a_slot_that_is_held_is_1_with_the_holder_on_stderr(project: Project) -> None:
    with at_gate(project) as (process, gate):
        done = script(project, *DEPLOY)
        gate.open()
        ended(process)

    assert done.code == 1
    assert "default/local is held by " in on_stderr(done)["error"]


def test_a_question_that_is_open_is_1_with_the_way_out_on_stderr(project: Project) -> None:
    project.configure(local={"primary": False})
    project.fake("web", steps=1)

    done = script(project, "--action", "execute")

    document = on_stderr(done)
    assert done.code == 1
    assert "name one with --target" in document["error"]


def test_an_interrupted_deployment_is_1_with_the_command_that_goes_on(live: Project) -> None:
    with at_gate(live) as (process, gate):
        process.kill()
        ended(process)
        gate.open()

    done = script(live, *DEPLOY)

    assert done.code == 1
    assert f"pop-deploy resume {live.deployments()[1].id}" in on_stderr(done)["error"]
    assert live.deployments()[1].state is State.EXECUTING


@pytest.mark.parametrize("action", ["prepare", "execute", "verify"])
def test_a_store_that_is_none_is_1_on_stderr(project: Project, action: str) -> None:
    (project.data / "events.db").write_text("precious")

    done = script(project, "--action", action)

    assert done.code == 1
    assert "events.db" in on_stderr(done)["error"]


def test_from_another_directory_with_dir(live: Project) -> None:
    document = on_stdout(script(live, "--dir", "my shop", "--action", "verify", cwd=live.root))

    assert (document["directory"], document["healthy"]) == (str(live.path), True)
