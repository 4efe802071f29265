"""At a terminal: the questions are asked one after another, answered by number or word, and never change what has happened."""

from __future__ import annotations

import os
import signal

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import DEADLINE_S, Project, at_gate, wait_until
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e

TARGET, MODE, CONFIRM = "Which target should I deploy?", "How should I deploy?", "Ready to deploy?"
STRATEGY, REPORT = "How should I roll back?", "Should I write an incident report?"
AFTER, FAILED, BACK = "Deployment complete. What next?", "Deployment failed. What next?", "Ready to roll back?"


def test_the_four_questions_of_a_guided_deployment(project: Project) -> None:
    project.fake("web", steps=1)

    with Terminal(project, "execute") as terminal:
        shown = terminal.answer(TARGET, "1")
        terminal.answer(MODE, "2")
        plan = terminal.answer(CONFIRM, "proceed")
        terminal.answer(AFTER, "done")
        code = terminal.end()

    assert code == 0, terminal.text
    for option in ("1) Primary target - Deploy to the primary configured target", "2) All targets", "3) Choose target"):
        assert option in shown
    assert "Deployment Plan" in plan and "Plan: sha256:" in plan
    assert "Result: SUCCESS" in terminal.text
    assert project.live == "hello"
    decisions = {name: (made.answer, made.how) for name, made in project.last.answers.items()}
    assert decisions == {
        "deploy_target": ("primary", "prompt"),
        "deploy_mode": ("deploy", "prompt"),
        "confirm_deploy": ("proceed", "prompt"),
        "post_deploy": ("done", "prompt"),
    }


def test_the_mode_that_enter_chooses_is_the_dry_run(project: Project) -> None:
    with Terminal(project, "execute", "--target", "local") as terminal:
        terminal.answer(MODE, "")
        code = terminal.end()

    assert code == 0
    assert "Result: SIMULATED" in terminal.text
    assert project.live is None


def test_a_confirmation_is_never_given_by_enter(project: Project) -> None:
    with Terminal(project, "execute", "--mode", "deploy") as terminal:
        terminal.answer(CONFIRM, "")
        terminal.type("perhaps\n")
        terminal.expect("'perhaps' is none of: proceed, dry_run_first, abort")
        terminal.type("abort\n")
        code = terminal.end()

    assert code == 0
    assert (project.live, project.last.state) == (None, State.ABORTED)


def test_dry_run_first_runs_the_dry_run_and_asks_again(project: Project) -> None:
    with Terminal(project, "execute", "--mode", "deploy") as terminal:
        terminal.answer(CONFIRM, "dry")
        checks = terminal.answer(CONFIRM, "proceed")
        terminal.answer(AFTER, "3")
        code = terminal.end()

    assert code == 0
    assert "[pass] source: " in checks
    assert project.live == "hello"


def test_the_plan_is_made_again_after_somebody_thought_about_it(project: Project) -> None:
    with Terminal(project, "execute", "--mode", "deploy") as terminal:
        terminal.expect(CONFIRM)
        project.write_source("edited while the question stood")
        terminal.type("proceed\n")
        code = terminal.end()

    assert code == 5
    assert "the plan no longer holds; changed: source: sha256:" in terminal.text
    assert project.live is None


def test_after_a_success_it_can_be_verified_again(live: Project) -> None:
    with Terminal(live, "execute", "--mode", "deploy", "--yes") as terminal:
        terminal.answer(AFTER, "verify")
        code = terminal.end()

    assert code == 0
    assert "Result: HEALTHY" in terminal.text
    assert len({check.round for check in live.last.checks if check.phase == "verify"}) == 2


def test_after_a_success_it_can_be_rolled_back(live: Project) -> None:
    live.write_source("new")
    live.set_version("1.1.0")

    with Terminal(live, "execute", "--mode", "deploy", "--yes") as terminal:
        terminal.answer(AFTER, "rollback")
        terminal.answer(BACK, "proceed")
        terminal.answer(REPORT, "skip_report")
        code = terminal.end()

    assert code == 0, terminal.text
    assert "Result: ROLLED BACK to 1.0.0" in terminal.text
    assert (live.live, live.last.state) == ("hello", State.ROLLED_BACK)
    assert live.last.asked["confirm_rollback"].detail["to"] == "1.0.0"


def test_after_a_failure_it_can_be_tried_again(live: Project) -> None:
    flag = live.path / "broken"
    flag.touch()
    live.configure(local={"hooks": {"before_deploy": [["test", "!", "-e", "broken"]]}})

    with Terminal(live, "execute", "--mode", "deploy", "--yes") as terminal:
        terminal.expect(FAILED)
        flag.unlink()
        terminal.type("retry\n")
        terminal.answer(AFTER, "done")
        code = terminal.end()

    failed, again = live.deployments()[-2:]
    assert code == 0, terminal.text
    assert (failed.state, again.state, again.requested.caused_by) == (State.FAILED, State.VERIFIED, failed.id)


def test_after_a_failure_that_changed_something_it_can_be_rolled_back(live: Project) -> None:
    live.configure(local={"hooks": {"after_deploy": [["false"]]}})
    live.write_source("broken")

    with Terminal(live, "execute", "--mode", "deploy", "--yes") as terminal:
        terminal.answer(FAILED, "rollback")
        terminal.answer(BACK, "1")
        terminal.answer(REPORT, "skip_report")
        code = terminal.end()

    assert code == 6, terminal.text
    assert (live.live, live.last.state) == ("hello", State.ROLLED_BACK)


def test_after_a_failure_it_can_be_closed(live: Project) -> None:
    live.configure(local={"hooks": {"before_deploy": [["false"]]}})

    with Terminal(live, "execute", "--mode", "deploy", "--yes") as terminal:
        terminal.answer(FAILED, "abort")
        code = terminal.end()

    assert code == 1
    assert live.last.state is State.ABORTED


@pytest.mark.parametrize("how", ["\x03", "\x04", signal.SIGTERM, signal.SIGHUP], ids=["Ctrl-C", "Ctrl-D", "SIGTERM", "SIGHUP"])
def test_whoever_leaves_at_a_question_leaves_it_open(project: Project, how: str | signal.Signals) -> None:
    with Terminal(project, "execute", "--mode", "deploy") as terminal:
        terminal.expect(CONFIRM)
        terminal.wait_for_prompt()
        if isinstance(how, str):
            terminal.type(how)
        else:
            os.kill(terminal.pid, how)
        code = terminal.end()

    assert code == 3, terminal.text
    assert f"Answer with: pop-deploy decide {project.last.id} confirm_deploy=<option>" in terminal.text
    assert (project.last.state, project.live) == (State.PREPARED, None)


def test_whoever_leaves_after_a_success_leaves_a_success(project: Project) -> None:
    with Terminal(project, "execute", "--mode", "deploy", "--yes") as terminal:
        terminal.expect(AFTER)
        terminal.wait_for_prompt()
        terminal.type("\x03")
        code = terminal.end()

    assert code == 0, terminal.text
    assert project.live == "hello"


def test_ctrl_c_while_a_step_runs_stops_it(live: Project) -> None:
    with at_gate(live) as (process, gate):
        process.kill()
        process.wait()
        gate.open()
    live.run("resume")
    live.configure(local={"config": {"path": "../the place", "source": "public", "build": ["sleep", "60"]}})

    with Terminal(live, "execute", "--mode", "deploy", "--yes") as terminal:
        terminal.expect("Building")
        wait_until(lambda: live.last.running_step is not None, "the build is running")
        terminal.type("\x03")
        code = terminal.end()

    assert code == 8, terminal.text
    assert f"pop-deploy resume {live.last.id}" in terminal.text


def test_live_progress_shows_the_running_step_and_clears_up_after_itself(live: Project) -> None:
    with Terminal(live, "execute", "--mode", "deploy", "--yes") as terminal:
        terminal.answer(AFTER, "done")
        terminal.end()

    assert "[1/4] Copying release... done" in terminal.text
    assert b"\x1b[?25h" in terminal.raw or b"\x1b[?25l" not in terminal.raw, "the cursor was hidden and not shown again"


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(project: Project, env: dict[str, str]) -> None:
    with Terminal(project, "execute", "--mode", "dry_run", "--target", "local", **env) as terminal:
        code = terminal.end()

    assert code == 0
    assert b"\x1b[3" not in terminal.raw and b"\x1b[1m" not in terminal.raw


def test_a_dumb_terminal_gets_no_control_sequence_and_is_asked_all_the_same(project: Project) -> None:
    with Terminal(project, "execute", "--mode", "deploy", TERM="dumb") as terminal:
        terminal.answer(CONFIRM, "proceed")
        terminal.answer(AFTER, "done")
        code = terminal.end()

    assert code == 0
    assert b"\x1b" not in terminal.raw


def test_a_rollback_is_confirmed_at_the_terminal_or_left_open(live: Project) -> None:
    live.write_source("new")
    live.deploy("1.1.0")

    with Terminal(live, "rollback") as left:
        left.answer(STRATEGY, "")
        left.expect(BACK)
        left.wait_for_prompt()
        left.type("\x03")
        left_code = left.end()
    with Terminal(live, "rollback") as refused:
        refused.answer(STRATEGY, "previous")
        refused.answer(BACK, "abort")
        refused_code = refused.end()
    with Terminal(live, "rollback") as confirmed:
        confirmed.answer(STRATEGY, "1")
        confirmed.answer(BACK, "proceed")
        confirmed.answer(REPORT, "2")
        confirmed_code = confirmed.end()

    assert (left_code, refused_code, confirmed_code) == (3, 0, 0)
    assert "Nothing was changed." in refused.text
    assert live.live == "hello"


def test_of_all_targets_none_begins_while_another_deployment_holds_one(project: Project) -> None:
    project.fake("web", steps=1)
    project.configure(local={"primary": False}, web={"primary": True})

    with at_gate(project, "--target", "local") as (holder, gate):
        with Terminal(project, "execute", "--mode", "deploy") as terminal:
            terminal.answer(TARGET, "all")
            code = terminal.end()
        gate.open()
        holder.communicate(timeout=DEADLINE_S)

    assert code == 4, terminal.text
    assert not (project.root / "web" / "effects.log").exists()
    assert [(each.target, each.state) for each in project.deployments()] == [
        ("local", State.VERIFIED),
        ("web", State.ABORTED),
        ("local", State.ABORTED),
    ]


def test_all_targets_are_deployed_one_after_another(project: Project) -> None:
    project.fake("web", steps=1)

    with Terminal(project, "execute", "--mode", "deploy") as terminal:
        terminal.answer(TARGET, "all")
        terminal.answer(CONFIRM, "proceed")
        terminal.answer(CONFIRM, "proceed")
        code = terminal.end()

    assert code == 0, terminal.text
    assert sorted(record["target"] for record in project.history) == ["local", "web"]
