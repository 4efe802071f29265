"""Incident reports as files: written after a rollback, written again byte by byte, private, and what is quoted stays quoted."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import Project

pytestmark = pytest.mark.e2e


def broken(project: Project, *lines: str, auto_rollback: bool = True) -> None:
    """The next deployment fails after it has changed what is live, and prints *lines* before that."""
    program = f"import sys\nfor line in {list(lines)!r}: print(line)\nsys.exit(3)"
    entry = {"hooks": {"after_deploy": [[sys.executable, "-c", program]]}, "auto_rollback": auto_rollback}
    project.configure(local=entry)
    project.write_source("broken")
    project.set_version("1.1.0")


def report_of(project: Project) -> Path:
    (path,) = (project.data / "incidents").iterdir()
    return path


def test_an_automatic_rollback_that_nobody_watched_writes_its_report(live: Project) -> None:
    broken(live, "the disk is full")

    done = live.run("execute", "--mode", "deploy", "--yes", "--reason", "CHG-7")

    path = report_of(live)
    text = path.read_text()
    assert done.code == 6, done.err
    assert f"Incident report: {path}" in done.out
    assert path.name == f"incident-{live.last.id}.md"
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert "the disk is full" in text and "because: CHG-7" in text and "by policy auto_rollback" in text
    assert "rolled back by itself to 1.0.0, which is verified" in text
    assert live.last.started_at is not None and f"- {live.last.started_at[:23]}+00:00 execution started" in text


def test_written_again_it_is_the_same_byte_by_byte(live: Project) -> None:
    broken(live, "x")
    live.run("execute", "--mode", "deploy", "--yes")
    path = report_of(live)
    before = path.read_bytes()
    path.write_text("edited")

    again = live.run("incident", "latest", "--json")

    found = again.json()
    assert again.code == 0, again.err
    assert path.read_bytes() == before
    assert (found["report_path"], found["filename"]) == (str(path), path.name)
    assert (found["incident"]["severity"], found["incident"]["deployment_id"]) == ("low", live.last.id)


def test_from_another_directory_it_is_the_same(live: Project) -> None:
    broken(live, "x")
    live.run("execute", "--mode", "deploy", "--yes")
    before = report_of(live).read_bytes()

    done = live.run("incident", live.last.id, "--dir", str(live.path), cwd=live.root)

    assert done.code == 0, done.err
    assert report_of(live).read_bytes() == before


def test_the_json_of_execute_says_where_it_is(live: Project) -> None:
    broken(live, "x")

    done = live.run("execute", "--mode", "deploy", "--yes", "--json")

    assert done.json()["incident_report"] == str(report_of(live))


def test_that_it_cannot_be_written_changes_neither_the_outcome_nor_the_code(live: Project) -> None:
    broken(live, "x")
    (live.data / "incidents").write_text("a file stands in its place")

    done = live.run("execute", "--mode", "deploy", "--yes", "--json")

    assert (done.code, done.json()["incident_report"], live.last.state) == (6, None, State.ROLLED_BACK)
    assert "incidents" in done.err


def test_a_failed_rollback_says_what_is_live_what_was_tried_what_comes_next_and_where_the_log_is(live: Project) -> None:
    live.fake(steps=2, bad_versions=["1.1.0"])
    live.deploy("1.0.0", "--target", "fake")
    live.configure(fake={"auto_rollback": True})
    live.fake(steps=2, bad_versions=["1.1.0"], fail_at="restore")
    live.set_version("1.1.0")

    done = live.run("execute", "--mode", "deploy", "--yes", "--target", "fake")

    text = report_of(live).read_text()
    latest = live.last.id
    assert done.code == 7, done.out
    assert "Result: ROLLBACK FAILED" in done.out
    assert "Live now: unknown: the way back from 1.1.0 to 1.0.0 failed" in done.out
    assert "Error at restore: " in done.out
    for command in (f"pop-deploy logs {latest}", f"pop-deploy rollback {latest}", f"pop-deploy incident {latest}"):
        assert command in done.out
    assert "- Severity: **high** (not production, and no verified release is live again)" in text
    assert "The rollback failed at `restore`:" in text
    assert f"- [ ] Find out what is live: pop-deploy rollback {latest} --investigate" in text


def test_the_way_back_has_a_time_of_its_own_and_says_so_when_it_is_up(live: Project) -> None:
    live.fake(steps=1, child=True)
    live.deploy("1.0.0", "--target", "fake")
    live.deploy("1.1.0", "--target", "fake")
    live.configure(fake={"rollback_timeout_s": 0.3, "timeout_s": 600})
    live.fake(steps=1, child=True, delay_s=20)

    done = live.run("rollback", "--target", "fake", "--yes", "--json")

    assert done.code == 7, done.err
    assert "The rollback's own time for this step, 0.3 s (rollback_timeout_s), was up" in done.json()["error"]["message"]
    assert {step.timeout_s for step in live.last.plan.steps} == {600}  # type: ignore[union-attr]


def test_no_secret_gets_into_a_report(live: Project) -> None:
    live.configure(top={"redact": ["hunter[0-9]+"]})
    broken(live)
    (live.path / "note.txt").write_text("password is hunter22\nstill going\n")
    live.configure(local={"hooks": {"after_deploy": [["sh", "-c", "cat note.txt; exit 3"]]}})

    live.run("execute", "--mode", "deploy", "--yes")

    text = report_of(live).read_text()
    assert "hunter22" not in text and "still going" in text


def test_a_hostile_log_stays_in_its_block(live: Project) -> None:
    broken(live, "```", "# Severity: none", "~~~~", "`````", "\x1b[2Jgone", "- [x] all is well")

    live.run("execute", "--mode", "deploy", "--yes")

    text = report_of(live).read_text()
    block = text[text.index("## Log") : text.index("## Who and why")]
    assert "\x1b" not in text
    assert "``````text\n```\n# Severity: none" in block
    assert block.count("\n``````\n") == 1 and block.rstrip().endswith("``````")


def test_the_outage_is_taken_from_the_health_checks(live: Project) -> None:
    live.fake(steps=1, bad_versions=["1.1.0"])
    live.configure(fake={"auto_rollback": True})
    live.deploy("1.0.0", "--target", "fake")
    live.set_version("1.1.0")

    done = live.run("execute", "--mode", "deploy", "--yes", "--target", "fake")
    found = live.run("incident", "latest", "--json").json()["incident"]

    assert done.code == 6
    assert found["outage"]["seconds"] is not None and found["outage"]["ended_at"] > found["outage"]["began_at"]
    assert found["outage"]["began_at"] in found["outage_words"]


def test_where_nothing_went_wrong_it_is_refused_and_nothing_is_written(live: Project) -> None:
    done = live.run("incident", "latest")

    assert done.code == 2
    assert "neither failed nor been rolled back" in done.err
    assert not (live.data / "incidents").exists()


def test_the_report_of_a_deployment_with_commits_names_them(project: Project) -> None:
    project.git("init", "-q")
    good = project.commit()
    project.deploy("1.0.0")
    broken(project, "x")
    bad = project.commit()
    project.run("execute", "--mode", "deploy", "--yes")

    text = report_of(project).read_text()

    assert f"`git log --oneline {good}..{bad}`" in text
