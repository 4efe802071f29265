"""The questions of a rollback: at a terminal they are asked, elsewhere they can be answered and never block; `--investigate`."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import Project
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e

STRATEGY, VERSION, BACK = "How should I roll back?", "Which version should be brought back?", "Ready to roll back?"
REPORT = "Should I write an incident report?"


def reports(project: Project) -> list[Path]:
    return sorted(project.data.glob("incidents/*"))


def test_the_previous_release_is_what_enter_chooses(three: Project) -> None:
    with Terminal(three, "rollback") as terminal:
        shown = terminal.answer(STRATEGY, "")
        terminal.answer(BACK, "proceed")
        terminal.answer(REPORT, "create_report")
        code = terminal.end()

    assert code == 0, terminal.text
    assert "Current: 1.2.0 (success)" in shown and "Rollback to: 1.1.0, verified " in shown
    assert "is the last verified release before 1.2.0" in shown
    assert three.live == "1.1.0"
    assert [path.name for path in reports(three)] == [f"incident-{three.last.id}.md"]
    assert "Incident report: " in terminal.text
    made = {name: (answer.answer, answer.how) for name, answer in three.last.answers.items()}
    assert made["incident_report"] == ("create_report", "prompt")


def test_after_specific_the_version_is_really_asked_for(three: Project) -> None:
    with Terminal(three, "rollback", "--reason", "loses orders") as terminal:
        terminal.answer(STRATEGY, "specific")
        shown = terminal.answer(VERSION, "1.0.0")
        terminal.answer(BACK, "proceed")
        terminal.answer(REPORT, "2")
        code = terminal.end()

    assert code == 0, terminal.text
    assert "1) 1.1.0 - verified " in shown and "2) 1.0.0 - verified " in shown and "1.2.0" not in shown
    assert three.live == "hello"
    assert reports(three) == []


def test_investigate_shows_what_is_known_and_comes_back(three: Project) -> None:
    with Terminal(three, "rollback") as terminal:
        terminal.answer(STRATEGY, "investigate")
        terminal.expect("Rollback Investigation")
        terminal.answer(STRATEGY, "previous")
        terminal.answer(BACK, "abort")
        code = terminal.end()

    assert code == 0, terminal.text
    assert "Nothing was changed." in terminal.text
    assert three.live == "1.2.0"


def test_whoever_changed_their_mind_about_the_version_is_asked_again(three: Project) -> None:
    with Terminal(three, "rollback") as first:
        first.answer(STRATEGY, "specific")
        first.answer(VERSION, "1.0.0")
        first.answer(BACK, "abort")
        first.end()
    with Terminal(three, "rollback") as second:
        second.answer(STRATEGY, "previous")
        second.answer(BACK, "proceed")
        second.answer(REPORT, "2")
        code = second.end()

    assert (code, three.live) == (0, "1.1.0")


def test_whoever_leaves_at_the_report_has_rolled_back_all_the_same(three: Project) -> None:
    with Terminal(three, "rollback", "--yes") as terminal:
        terminal.expect(REPORT)
        terminal.wait_for_prompt()
        terminal.type("\x03")
        code = terminal.end()
    later = three.run("decide", three.last.id, "incident_report=create_report", "--json").json()

    assert code == 0, terminal.text
    assert three.last.state is State.ROLLED_BACK
    assert f"pop-deploy incident {three.last.id}" in later["next"]


def test_without_a_terminal_nothing_but_the_confirmation_is_asked(three: Project) -> None:
    asked = three.run("rollback", "--json")
    done = three.run("rollback", "--yes", "--json")

    assert (asked.code, asked.json()["decision_required"]["decision_id"]) == (3, "confirm_rollback")
    result = done.json("rollback_result")
    assert (done.code, result["rollback_to"]) == (0, "1.1.0")
    assert result["next"][-1] == f"pop-deploy incident {three.last.id}"
    assert reports(three) == []


def test_the_strategy_can_be_decided_without_being_asked_and_then_the_version_must_be(three: Project) -> None:
    latest = three.last.id

    decided = three.run("decide", latest, "rollback_strategy=specific")
    asked = three.run("rollback", latest, "--json")
    question = asked.json("decision_required")["decision_required"]
    wrong = three.run("decide", latest, "rollback_version=9.9.9")
    three.run("decide", latest, "rollback_version=1.0.0")
    confirm = three.run("rollback", latest, "--json").json()["decision_required"]
    done = three.run("rollback", latest, "--yes")

    assert (decided.code, asked.code) == (0, 3)
    assert (question["decision_id"], [option["id"] for option in question["options"]]) == ("rollback_version", ["1.1.0", "1.0.0"])
    assert question["answer_with"].endswith(f"&& pop-deploy rollback {latest}")
    assert (wrong.code, "expected one of 1.1.0, 1.0.0" in wrong.err) == (2, True)
    assert confirm["detail"]["to"] == "1.0.0"
    assert (done.code, three.live) == (0, "hello")


def test_investigating_by_decision_shows_it_and_leaves_the_question_open(three: Project) -> None:
    latest = three.last.id
    three.run("decide", latest, "rollback_strategy=investigate")

    shown = three.run("rollback", latest, "--json")

    document = shown.json()
    assert shown.code == 3
    assert document["decision"]["decision_id"] == "rollback_strategy"
    assert document["assessment"]["rollback_version"] == "1.1.0"
    assert three.live == "1.2.0"


def test_no_verified_release_to_go_to_is_said_before_anything_is_asked(live: Project) -> None:
    with Terminal(live, "rollback") as terminal:
        code = terminal.end()

    assert code == 5
    assert "no verified release before 1.0.0, nothing to roll back to" in terminal.text


# --investigate


def test_an_investigation_gathers_failure_log_commits_and_what_the_target_says(project: Project) -> None:
    project.git("init", "-q")
    good = project.commit()
    project.deploy("1.0.0")
    project.write_source("broken")
    project.set_version("1.1.0")
    bad = project.commit("lose orders")
    project.configure(local={"hooks": {"after_deploy": [["sh", "-c", "echo the database is gone; exit 3"]]}})
    project.run("execute", "--mode", "deploy", "--yes")
    before = project.deploy_json.read_bytes(), (project.data / "events.db").stat().st_size

    text, found = project.run("rollback", "--investigate"), project.run("rollback", "--investigate", "--json").json()

    assert text.code == 0, text.err
    assert (
        "the database is gone" in text.out
        and "lose orders" in text.out
        and f"\n  pop-deploy rollback {project.last.id}\n" in text.out
    )
    assert [failure["step"] for failure in found["failures"]] == ["after_deploy-1"]
    assert "the database is gone" in found["logs"][0]["text"]
    assert [(commit["sha"], commit["subject"]) for commit in found["commits"]["commits"]] == [(bad, "lose orders")]
    assert found["commits"]["between"]["good"] == good
    assert any("current" in line for line in found["diagnostics"])
    assert found["live_now"].startswith("1.1.0") or found["live_now"].startswith("unknown")
    assert (project.deploy_json.read_bytes(), (project.data / "events.db").stat().st_size) == before


def test_without_git_the_commits_are_unknown(three: Project) -> None:
    done = three.run("rollback", "--investigate")

    assert done.code == 0, done.err
    assert "commits unknown: no commit of the release to go back to is on record" in done.out


def test_a_commit_that_git_does_not_have_is_unknown_with_its_reason(project: Project) -> None:
    project.git("init", "-q")
    project.commit()
    project.deploy("1.0.0")
    project.write_source("new")
    project.commit()
    project.deploy("1.1.0")
    (project.path / ".git").rename(project.root / "kept")
    project.git("init", "-q")

    found = project.run("rollback", "--investigate", "--json").json()

    assert found["commits"]["known"] is False
    assert found["commits"]["message"].startswith("commits unknown: git log: ")


def test_an_investigation_of_nothing_makes_no_store(project: Project) -> None:
    done = project.run("rollback", "--investigate")

    assert done.code == 2
    assert not (project.data / "events.db").exists()
