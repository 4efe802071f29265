"""A canary whose process is gone: its samples count on, the watch takes what is left of its time, and a person may decide."""

from __future__ import annotations

import signal

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.lifecycle import State
from orchestrator.targets.canary import Sample, watched_s
from tests.e2e.canaries import AWHILE, CANARY, ERRORS, Canaries, pause, weight
from tests.e2e.holding import held_at
from tests.e2e.interrupting import resumable
from tests.e2e.project import Project, ended, wait_until

pytestmark = pytest.mark.e2e

REMOVED = ["canary_10", "rollback_canary_remove", "restore"]
LET_FAIL = {**ERRORS, "failure_limit": 10_000}
"""Every failed sample is recorded at once, so that a test knows what is on record when it kills."""
BOB = ("--actor", "bob", "--reason", "CHG-9")


@pytest.fixture
def canaries(project: Project) -> Canaries:
    found = Canaries(project).configure(weight(10), pause(AWHILE))
    found.errors(0)
    project.deploy("1.0.0", "--target", "fake")
    project.set_version("1.1.0")
    return found


def killed(canaries: Canaries, state: State = State.EXECUTING) -> None:
    """Nobody is at work on a canary that is up."""
    with canaries.up() as process:
        wait_until(lambda: canaries.canary and canaries.last.state is state, f"it is {state}")
        canaries.kill(process)


def decided(canaries: Canaries) -> list[str]:
    made = [one for one in canaries.events("DecisionMade") if isinstance(one, e.DecisionMade)]
    return [one.answer for one in made if one.decision_id == "canary_pause"]


def attempts(canaries: Canaries, step: str = "watch_2") -> dict[int, list[Sample]]:
    """The samples of each attempt of a watch."""
    found: dict[int, list[Sample]] = {}
    for event in canaries.last.sampled:
        if event.step == step:
            found.setdefault(event.attempt, []).extend(Sample.from_json(one) for one in event.samples)
    return found


# What is on record counts


def test_samples_of_before_count_and_one_more_failure_is_one_too_many(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(AWHILE), checks=({**ERRORS, "failure_limit": 1, "interval_s": 1.0},))
    canaries.errors(2)
    with canaries.up() as process:
        wait_until(lambda: len(canaries.samples()) == 1, "one failure is let pass")
        canaries.kill(process)
    done = canaries.project.run("resume")

    assert done.code == 6, done.out + done.err
    assert [one["verdict"] for one in canaries.samples()] == ["fail", "fail"]
    assert {event.attempt for event in canaries.last.sampled} == {1, 2}
    assert canaries.effects == REMOVED and canaries.removed() and canaries.live_version == "1.0.0"


def test_what_had_failed_already_fails_whoever_resumes(canaries: Canaries) -> None:
    """Killed between the sample that decides and its consequence."""
    canaries.errors(2)
    place = "orchestrator.services.step_runner:_record_failure"
    with held_at(canaries.project, place, *CANARY) as (process, _):
        wait_until(canaries.samples, "the failure is on record")
        canaries.kill(process)
    canaries.errors(0)
    done = canaries.project.run("resume")

    assert done.code == 6, done.out + done.err
    assert canaries.last.failure is not None
    assert "errors: 2, expected at most 1 (1 failed)" in canaries.last.failure.message
    assert canaries.effects == REMOVED and canaries.removed()


def test_the_watch_takes_only_what_is_left_of_its_time(canaries: Canaries) -> None:
    pause_s = 4.0
    canaries.configure(weight(10), pause(pause_s), checks=(LET_FAIL,))
    canaries.errors(2)
    with canaries.up() as process:
        wait_until(lambda: watched_s(attempts(canaries).values()) >= 2.5, "more than half of it was watched")
        canaries.kill(process)
    before = watched_s(attempts(canaries).values())
    canaries.errors(0)
    done = canaries.project.run("resume")

    assert done.code == 0, done.out + done.err
    first, second = (watched_s([samples]) for samples in attempts(canaries).values())
    assert first == before
    assert pause_s <= first + second + 0.1
    assert second < pause_s - first + 1.5  # the end is seen by the next look, a second later at most
    assert canaries.effects == ["canary_10", "step-1", "step-2", "canary_remove"]
    assert canaries.removed() and canaries.live_version == "1.1.0"


def test_a_pause_for_a_person_is_waited_for_again(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(None))
    killed(canaries, State.PAUSED)
    asked = canaries.last.open_decision
    process = canaries.project.start("resume")
    wait_until(lambda: len(attempts(canaries)) == 2 or canaries.last.running_step.attempt == 2, "it is watched again")  # type: ignore[union-attr]
    said = canaries.project.run("promote", canaries.last.id, *BOB)
    done = ended(process)

    assert asked is not None
    assert (said.code, done.code) == (0, 0), said.err + done.out
    assert len(canaries.events("DeploymentPaused")) == 1
    assert canaries.removed() and canaries.live_version == "1.1.0"


# A signal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_watch_and_resume_goes_on(canaries: Canaries, number: signal.Signals) -> None:
    canaries.configure(weight(10), pause(2))
    with canaries.up() as process:
        process.send_signal(number)
        stopped = ended(process)
    canary = canaries.canary
    resumable(canaries.project, stopped, number, step="watch_2")
    done = canaries.project.run("resume", canaries.last.id)

    assert canary is not None
    assert done.code == 0, done.out + done.err
    assert canaries.effects == ["canary_10", "step-1", "step-2", "canary_remove"]
    assert canaries.removed() and canaries.live_version == "1.1.0"


def test_a_signal_loses_no_sample(canaries: Canaries) -> None:
    with canaries.up() as process:
        wait_until(lambda: canaries.asked >= 5, "there is something to lose")
        process.send_signal(signal.SIGINT)
        ended(process)

    assert len(canaries.samples()) >= 4


def test_a_pause_for_a_person_can_be_interrupted_too(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(None))
    with canaries.up() as process:
        wait_until(lambda: canaries.last.state is State.PAUSED, "it pauses")
        process.send_signal(signal.SIGINT)
        stopped = ended(process)
    said = canaries.project.run("promote", canaries.last.id, *BOB)

    assert stopped.code == 8, stopped.out
    assert said.code == 0, said.out + said.err
    assert canaries.removed() and canaries.live_version == "1.1.0"


# Nobody is at work


def test_promote_goes_on_where_nobody_is_at_work(canaries: Canaries) -> None:
    killed(canaries)
    done = canaries.project.run("promote", canaries.last.id, *BOB, "--json")

    assert done.code == 0, done.out + done.err
    assert done.json("deployment_result")["state"] == "verified"
    (_, made) = [one for one in canaries.events("DecisionMade") if isinstance(one, e.DecisionMade)]
    assert (made.answer, made.how, made.by.partition("@")[0], made.reason) == ("promote", "promote", "bob", "CHG-9")
    assert canaries.removed() and canaries.live_version == "1.1.0"


@pytest.mark.parametrize("words", [(), ("--json",)])
@pytest.mark.parametrize("state", [State.EXECUTING, State.PAUSED])
def test_abort_removes_the_canary_where_nobody_is_at_work(canaries: Canaries, state: State, words: tuple[str, ...]) -> None:
    before = canaries.live
    canaries.configure(weight(10), pause(None if state is State.PAUSED else AWHILE))
    killed(canaries, state)
    done = canaries.project.run("abort", canaries.last.id, *BOB, *words)

    assert done.code == 0, done.out + done.err
    deployment = canaries.last
    assert deployment.state is State.ROLLED_BACK and deployment.aborted is not None
    assert (deployment.aborted.by.partition("@")[0], deployment.aborted.reason) == ("bob", "CHG-9")
    assert canaries.effects == REMOVED and canaries.removed() and canaries.live == before


def test_the_answer_abort_leads_to_resume_which_removes_it(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(None))
    killed(canaries, State.PAUSED)
    said = canaries.project.run("decide", canaries.last.id, "canary_pause=abort", *BOB)
    refused = canaries.project.run("execute", "--mode", "deploy", "--target", "fake", "--yes")
    done = canaries.project.run("resume", canaries.last.id)

    assert (said.code, refused.code, done.code) == (0, 8, 6), said.out + said.err + refused.out + done.out
    assert f"Next: pop-deploy resume {canaries.last.id}" in said.out
    assert canaries.effects == REMOVED and canaries.removed() and canaries.live_version == "1.0.0"


def test_what_is_not_watched_yet_is_not_promoted(canaries: Canaries) -> None:
    """Killed when the canary was there, and that was not on record yet."""
    canaries.configure(weight(10), pause(1))
    dead = canaries.project.run(*CANARY, POP_DEPLOY_FAKE_KILL="canary_10:after")
    said = canaries.project.run("promote", canaries.last.id, *BOB)
    done = canaries.project.run("resume")

    assert (dead.code, said.code) == (-signal.SIGKILL, 2)
    assert "canary_pause is not asked here" in said.err
    assert done.code == 0, done.out + done.err
    assert decided(canaries) == []


def test_abort_removes_a_canary_whose_weight_is_in_doubt(canaries: Canaries) -> None:
    dead = canaries.project.run(*CANARY, POP_DEPLOY_FAKE_KILL="canary_10:after")
    there = canaries.canary
    done = canaries.project.run("abort", canaries.last.id, *BOB)

    assert dead.code == -signal.SIGKILL and there is not None
    assert done.code == 0, done.out + done.err
    assert canaries.effects == REMOVED and canaries.removed() and canaries.live_version == "1.0.0"


@pytest.mark.parametrize("place", ["before", "mid", "after"])
@pytest.mark.parametrize("step", ["canary_10", "canary_50", "canary_remove", "rollback_canary_remove"])
def test_a_kill_in_the_middle_of_a_canary_step_converges(canaries: Canaries, step: str, place: str) -> None:
    fails = step.startswith("rollback")
    canaries.configure(weight(10), weight(50))
    canaries.errors(2 if fails else 0)
    dead = canaries.project.run(*CANARY, POP_DEPLOY_FAKE_KILL=f"{step}:{place}")
    done = canaries.project.run("resume")

    assert dead.code == -signal.SIGKILL
    assert done.code == (6 if fails else 0), done.out + done.err
    assert canaries.effects == (REMOVED if fails else ["canary_10", "canary_50", "step-1", "step-2", "canary_remove"])
    assert canaries.removed() and canaries.live_version == ("1.0.0" if fails else "1.1.0")


def test_the_step_of_the_way_back_is_the_one_that_runs(canaries: Canaries) -> None:
    """The watch that was given up stays in doubt for ever."""
    killed(canaries)
    dead = canaries.project.run("abort", canaries.last.id, *BOB, POP_DEPLOY_FAKE_KILL="rollback_canary_remove:before")
    running = canaries.last.running_step
    done = canaries.project.run("resume")

    assert (dead.code, done.code) == (-signal.SIGKILL, 6), done.out + done.err
    assert running is not None and running.step.name == "rollback_canary_remove"
    assert canaries.effects == REMOVED and canaries.removed()
