"""Stopped by a signal or killed outright: the claim stays, the next commands say so, `resume` finishes, `abort` ends it."""

from __future__ import annotations

import signal

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import Project, Ran, at_gate, ended

pytestmark = pytest.mark.e2e

LIVE = ("execute", "--mode", "deploy", "--yes")


def stopped(project: Project, number: signal.Signals, *, json: bool = False) -> Ran:
    """A live deployment that was stopped in its build, which will not be held up again."""
    with at_gate(project, *(["--json"] if json else [])) as (process, gate):
        process.send_signal(number)
        done = ended(process)
        gate.open()
    return done


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_names_resume_in_its_last_line(live: Project, number: signal.Signals) -> None:
    done = stopped(live, number)

    deployment_id = live.last.id
    assert done.code == 8, done.err
    assert done.last_line == f"Next: pop-deploy resume {deployment_id}, or pop-deploy abort {deployment_id}"
    assert "Result: INTERRUPTED" in done.out
    assert "[1/5] Building... interrupted" in done.out
    assert live.last.interrupted is not None
    assert (live.last.interrupted.signal, live.last.interrupted.step) == (number.name, "build")
    assert live.claims() != []


def test_after_a_signal_nothing_else_is_deployed_there_and_resume_finishes(live: Project) -> None:
    live.write_source("new")
    live.set_version("1.1.0")
    stopped(live, signal.SIGTERM)
    deployment_id = live.last.id

    refused = live.run(*LIVE)
    asked = live.run("execute", "--mode", "deploy", "--json")
    resumed = live.run("resume", "--json")

    for done in (refused, asked):
        assert done.code == 8
    assert f"Next: pop-deploy resume {deployment_id}, or pop-deploy abort {deployment_id}" in refused.out
    result = resumed.json("deployment_result")
    assert resumed.code == 0, resumed.err
    assert (result["deployment_id"], result["state"], result["version"]) == (deployment_id, "verified", "1.1.0")
    assert (live.live, live.claims()) == ("new", [])
    assert [record["version"] for record in live.history] == ["1.1.0", "1.0.0"]


def test_what_was_interrupted_can_be_given_up(live: Project) -> None:
    stopped(live, signal.SIGINT, json=True)

    done = live.run("abort", "latest", "--reason", "wrong version", "--json")

    result = done.json("deployment_result")
    assert done.code == 0, done.err
    assert (result["state"], result["live_now"]) == ("aborted", "1.0.0 (unchanged)")
    assert live.claims() == []
    assert (live.history[0]["status"], live.history[0]["error"].endswith("wrong version")) == ("failed", True)
    assert live.run(*LIVE).code == 0


def test_killed_outright_resume_waits_for_the_command_that_goes_on(live: Project) -> None:
    live.write_source("new")
    live.set_version("1.1.0")
    with at_gate(live) as (process, gate):
        process.kill()
        ended(process)
        killed = live.last.id
        refused = live.run(*LIVE)
        resuming = live.start("resume", "--json")
        gate.open()
        resumed = ended(resuming)

    result = resumed.json("deployment_result")
    assert refused.code == 8
    assert resumed.code == 0, resumed.err
    assert (result["deployment_id"], result["state"]) == (killed, "verified")
    assert (result["steps"][0]["step"], result["steps"][0]["found"]) == ("build", True)
    assert (live.live, live.claims()) == ("new", [])


def test_killed_in_a_users_command_that_nobody_can_ask_about_is_a_question(live: Project) -> None:
    with at_gate(live, hook="before_deploy") as (process, gate):
        process.send_signal(signal.SIGTERM)
        ended(process)
        gate.open()
    deployment_id = live.last.id

    unknown = live.run("resume")
    decided = live.run("decide", deployment_id, "step_outcome=not_done")
    resumed = live.run("resume", deployment_id)

    assert unknown.code == 8
    assert unknown.last_line.startswith("Next: ") or "step_outcome=<option>" in unknown.out
    assert (decided.code, resumed.code) == (0, 0), resumed.err
    assert live.last.state is State.VERIFIED


def test_the_answer_abort_to_an_unknown_outcome_ends_it(live: Project) -> None:
    with at_gate(live, hook="before_deploy") as (process, _):
        process.send_signal(signal.SIGTERM)
        ended(process)
    live.run("resume")

    done = live.run("decide", live.last.id, "step_outcome=abort")

    assert done.code == 0, done.err
    assert (live.last.state, live.claims()) == (State.ABORTED, [])


def test_a_command_that_ignores_the_signal_is_waited_for_and_recorded(live: Project) -> None:
    with at_gate(live) as (process, gate):
        process.send_signal(signal.SIGTERM)
        gate.open()
        done = ended(process)

    assert done.code == 8
    assert live.run("resume").code == 0
