"""What the commands write: one JSON object that fits its schema, plain lines where nobody watches, and readers that go away."""

from __future__ import annotations

import subprocess

import pytest

from tests.e2e.project import COMMAND, DEADLINE_S, Project

pytestmark = pytest.mark.e2e


def test_the_report_is_that_of_the_documentation(live: Project) -> None:
    live.set_version("1.1.0")

    done = live.deploy()

    lines = done.out.splitlines()
    assert lines[:9] == [
        "Deployment Execution",
        "====================",
        "Target: local (primary)",
        "Mode: deploy",
        "Version: 1.1.0",
        "Environment: default",
        "",
        "Steps:",
        lines[8],
    ]
    assert lines[8].startswith("  [1/4] Copying release... done (")
    assert lines[11:13] == ["  [4/4] Health check... passed", ""]
    assert lines[13] == "Result: SUCCESS"
    assert lines[14].startswith("Duration: ")
    assert lines[15:] == [
        f"Deployment ID: {live.last.id}",
        "",
        "History updated in .claude/popkit/deploy.json",
        "Next: pop-deploy verify, or pop-deploy rollback",
    ]


def test_every_command_writes_one_json_object_that_fits_its_schema(live: Project) -> None:
    live.write_source("new")
    live.set_version("1.1.0")

    prepared = live.run("prepare", "--json").json("prepare_result")
    confirmed = live.run("confirm", prepared["deployment_id"], "--json").json("deployment_result")
    executed = live.run("execute", prepared["deployment_id"], "--json").json("deployment_result")
    verified = live.run("verify", "--json").json("verify_result")
    listed = live.run("rollback", "--list", "--json").json()
    simulated = live.run("rollback", "--dry-run", "--json").json("rollback_result")
    asked = live.run("rollback", "--json").json("decision_required")
    decided = live.run("decide", prepared["deployment_id"], "confirm_rollback=proceed", "--json").json("deployment_result")
    rolled_back = live.run("rollback", prepared["deployment_id"], "--json").json("rollback_result")
    resumed = live.run("resume", prepared["deployment_id"], "--json").json("deployment_result")

    assert (confirmed["state"], executed["state"], verified["healthy"]) == ("confirmed", "verified", True)
    assert [(row["version"], row["live"]) for row in listed["releases"]] == [("1.1.0", True), ("1.0.0", False)]
    assert (simulated["dry_run"], simulated["success"], simulated["rollback_to"]) == (True, True, "1.0.0")
    assert asked["decision_required"]["detail"]["to"] == "1.0.0"
    assert decided["state"] == "verified"
    assert (rolled_back["state"], rolled_back["rollback_to"], rolled_back["success"]) == ("rolled_back", "1.0.0", True)
    assert resumed["state"] == "rolled_back"


def test_a_failure_is_one_json_object_too(live: Project) -> None:
    live.configure(local={"hooks": {"before_deploy": [["sh", "-c", "echo working; echo it broke >&2; exit 3"]]}})

    done = live.run("execute", "--mode", "deploy", "--yes", "--json")

    result = done.json("deployment_result")
    assert (done.code, result["success"], result["state"]) == (1, False, "failed")
    assert (result["steps"][0]["status"], result["steps"][0]["exit_code"]) == ("failed", 3)
    assert result["error"]["step"] == "before_deploy-1"
    assert result["error"]["message"].endswith("it broke")
    assert "Traceback" in result["error"]["trace"]
    assert result["live_now"] == "1.0.0 (unchanged)"


def test_progress_of_a_json_command_is_on_stderr(live: Project) -> None:
    done = live.deploy(None, "--json")

    assert "[1/4] Copying release... done" in done.err
    assert done.json()["success"]


def test_without_a_terminal_there_is_no_control_character(live: Project) -> None:
    done = live.deploy()

    assert "\x1b" not in done.out + done.err
    assert "\r" not in done.out


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_reader_that_goes_away_changes_neither_deployment_nor_exit_code(live: Project, words: tuple[str, ...]) -> None:
    live.set_version("1.1.0")
    process = subprocess.Popen(
        [COMMAND, "execute", "--mode", "deploy", "--yes", *words],
        cwd=live.path,
        env=live.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None

    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()

    assert process.wait(DEADLINE_S) == 0
    assert "Traceback" not in said and "BrokenPipe" not in said
    assert live.history[0]["version"] == "1.1.0"


def test_in_a_locale_that_knows_no_letters_but_ascii(live: Project) -> None:
    live.configure(local={"hooks": {"before_deploy": [["sh", "-c", "echo Größe ✓ >&2; exit 1"]]}})

    done = live.run("execute", "--mode", "deploy", "--yes", LC_ALL="POSIX", LANG="", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")

    assert done.code == 1
    assert "Traceback" not in done.err
