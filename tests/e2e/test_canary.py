"""A canary from its first weight to its end, with real processes: what its samples decide, and that nothing of it is left."""

from __future__ import annotations

import sys
import time

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.canaries import AWHILE, CANARY, ERRORS, PLAIN, Canaries, pause, weight
from tests.e2e.holding import alive
from tests.e2e.project import Project, ended, wait_until

pytestmark = pytest.mark.e2e

REMOVED = ["canary_10", "rollback_canary_remove", "restore"]


@pytest.fixture
def canaries(project: Project) -> Canaries:
    found = Canaries(project).configure(weight(10), pause(AWHILE))
    found.errors(0)
    project.deploy("1.0.0", "--target", "fake")
    project.set_version("1.1.0")
    return found


# Promoted


def test_goes_through_its_weights_and_pauses_to_the_promotion(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(1), weight(41), weight(50))
    done = canaries.project.run(*CANARY)

    assert done.code == 0, done.out + done.err
    assert canaries.effects == ["canary_10", "canary_41", "canary_50", "step-1", "step-2", "canary_remove"]
    assert canaries.removed() and canaries.live_version == "1.1.0"
    assert canaries.last.state is State.VERIFIED
    for line in (
        "[1/10] Canary at 10% (1 of 11 replicas, 9.1% reached)... done",
        "[2/10] Watching canary for 1 s... done",
        "[3/10] Canary at 41% (4 of 14 replicas, 28.6% reached)... done",
        "[9/10] Removing canary... done",
    ):
        assert line in done.out
    assert canaries.project.history[0]["version"] == "1.1.0"


def test_every_sample_is_on_record_with_value_threshold_and_verdict(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(1))
    canaries.errors(0.25)
    assert canaries.project.run(*CANARY).code == 0

    sample, ready = canaries.samples()[0], canaries.samples("readiness")
    assert (sample["value"], sample["threshold"], sample["verdict"]) == (0.25, "at most 1", "pass")
    assert [(one["value"], one["verdict"]) for one in ready] == [(1, "pass")] * len(ready)
    assert ready[0]["threshold"] == "1 of 1 ready, no restart"
    assert len(ready) >= 2  # once more at the end of the pause


def test_waits_for_as_many_samples_as_it_needs_whatever_the_pause_is(canaries: Canaries) -> None:
    canaries.configure(weight(10), checks=({**ERRORS, "min_samples": 12},))

    assert canaries.project.run(*CANARY).code == 0
    assert len(canaries.samples()) >= 12


def test_a_canary_that_was_let_fail_is_not_promoted_before_it_has_passed(canaries: Canaries) -> None:
    canaries.errors(5)
    canaries.configure(weight(10), checks=({**ERRORS, "failure_limit": 1000},))
    with canaries.up() as process:
        wait_until(lambda: len(canaries.samples()) >= 5, "it fails, and is let pass")
        assert process.poll() is None
        canaries.errors(0)
        done = ended(process)

    assert done.code == 0, done.out + done.err
    assert {one["verdict"] for one in canaries.samples()} == {"pass", "fail"}


# Failed


def failed(canaries: Canaries, before: str, why: str) -> None:
    """The canary was removed, the stable release is as it was, and the record says so."""
    deployment = canaries.last
    assert canaries.effects == REMOVED
    assert canaries.removed() and canaries.live == before
    assert deployment.state is State.ROLLED_BACK and deployment.failure is not None
    assert why in deployment.failure.message
    assert deployment.rollback is not None and deployment.rollback.by == "policy canary"
    assert [(record["version"], record["status"]) for record in canaries.project.history] == [
        ("1.1.0", "rolled_back"),
        ("1.1.0", "failed"),
        ("1.0.0", "success"),
    ]


def test_a_bad_sample_ends_it_and_the_stable_release_is_untouched(canaries: Canaries) -> None:
    before = canaries.live
    with canaries.up() as process:
        wait_until(lambda: canaries.canary, "it is up")
        canaries.errors(2)
        done = ended(process)

    assert done.code == 6, done.out + done.err
    failed(canaries, before, "the canary failed: errors: 2, expected at most 1 (1 failed)")
    last = canaries.samples()[-1]
    assert (last["verdict"], last["value"], last["message"]) == ("fail", 2.0, "2, expected at most 1")


def test_as_many_bad_samples_as_allowed_and_one_more(canaries: Canaries) -> None:
    before = canaries.live
    canaries.errors(2)
    canaries.configure(weight(10), pause(AWHILE), checks=({**ERRORS, "failure_limit": 2},))
    done = canaries.project.run(*CANARY)

    assert done.code == 6, done.out + done.err
    assert len(canaries.samples()) == 3
    failed(canaries, before, "errors: 2, expected at most 1 (3 failed, 2 let pass)")


@pytest.mark.parametrize(
    ("side", "why"),
    [
        ({"restarts": 1}, "readiness: 1 of 1 ready, 1 restarted or failed (1 failed)"),
        ({"ready": 0, "problems": ["no such image"]}, "readiness: 0 of 1 ready; no such image (1 failed)"),
    ],
)
def test_restarts_and_tasks_that_are_not_ready_end_it(canaries: Canaries, side: dict[str, object], why: str) -> None:
    before = canaries.live
    with canaries.up() as process:
        canaries.sides(canary=side)
        done = ended(process)

    assert done.code == 6, done.out + done.err
    failed(canaries, before, why)


def test_no_data_ends_it(canaries: Canaries) -> None:
    before = canaries.live
    canaries.errors("")

    assert canaries.project.run(*CANARY).code == 6
    failed(canaries, before, "errors: no value (1 failed)")


def test_a_target_that_cannot_be_asked_ends_it_and_is_no_good_sign(canaries: Canaries) -> None:
    before = canaries.live
    canaries.sides(unreachable=True)
    canaries.configure(weight(10), pause(1), checks=())
    done = canaries.project.run(*CANARY)

    assert done.code == 6, done.out + done.err
    failed(canaries, before, "readiness: could not be asked 5 times in a row: the fake cannot be reached")


def test_a_check_that_hangs_keeps_neither_the_judge_nor_the_end_waiting(canaries: Canaries) -> None:
    note = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(25)"
    slow = {"name": "slow", "command": [sys.executable, "-I", "-S", "-c", note], "max": 1}
    canaries.configure(weight(10), pause(AWHILE), checks=(ERRORS, slow))
    with canaries.up() as process:
        wait_until(lambda: (pid := canaries.project.path / "pid").exists() and pid.read_text(), "it hangs")
        began = time.monotonic()
        canaries.errors(2)
        done = ended(process)

    assert done.code == 6, done.out + done.err
    assert time.monotonic() - began < 5
    assert not alive(int((canaries.project.path / "pid").read_text()))


def test_replay_shows_why(canaries: Canaries) -> None:
    canaries.errors(2)
    canaries.project.run(*CANARY)
    replay = canaries.project.run("replay", canaries.last.id, "--json").json("replay")
    text = canaries.project.run("replay", canaries.last.id).out

    assert replay["legal"] is True
    last = [event for event in replay["events"] if event["event"] == "CanarySampled"][-1]
    assert last["data"]["samples"][-1]["verdict"] == "fail"
    assert "errors fail: 2, expected at most 1" in last["summary"]
    assert "the canary failed: errors: 2, expected at most 1 (1 failed)" in text


# Its deadline


def test_a_forgotten_canary_is_removed_at_its_deadline(canaries: Canaries) -> None:
    before = canaries.live
    canaries.configure(weight(10), pause(None), deadline_s=1.5)
    done = canaries.project.run(*CANARY)

    assert done.code == 6, done.out + done.err
    failed(canaries, before, "the canary was not promoted within 1.5 s (deadline_s)")


def test_a_forgotten_canary_pauses_at_its_deadline_where_it_is_told_to(canaries: Canaries) -> None:
    canaries.configure(weight(10), checks=({**ERRORS, "min_samples": 10_000},), deadline_s=1, on_deadline="pause")
    with canaries.up() as process:
        wait_until(lambda: canaries.last.state is State.PAUSED, "it pauses")
        open_ = canaries.last.open_decision
        done = canaries.project.run("promote", canaries.last.id, "--reason", "it is good")
        finished = ended(process)

    assert open_ is not None and "not promoted within 1 s (deadline_s)" in open_.detail["reason"]
    assert (done.code, finished.code) == (0, 0), done.out + done.err + finished.out
    assert canaries.removed() and canaries.live_version == "1.1.0"


# Before it begins


def test_there_is_no_canary_without_a_stable_release(project: Project) -> None:
    canaries = Canaries(project).configure(weight(10))
    canaries.errors(0)
    done = project.run(*CANARY, "--json")

    assert done.code == 5, done.out + done.err
    assert canaries.canary is None and project.claims() == []
    assert not canaries.world.exists()


@pytest.mark.parametrize("words", [("--dry-run",), ("--dry-run", "--json")])
def test_a_dry_run_of_a_canary_changes_nothing_and_takes_no_slot(canaries: Canaries, words: tuple[str, ...]) -> None:
    before = canaries.live
    done = canaries.project.run(*CANARY, *words)

    assert done.code == 0, done.out + done.err
    assert "Canary at 10% (1 of 11 replicas, 9.1% reached)" in done.out
    assert canaries.canary is None and canaries.live == before
    assert canaries.project.last.state is State.SIMULATED and canaries.project.last.epoch is None


def test_a_failed_promotion_removes_the_canary_too(canaries: Canaries) -> None:
    canaries.configure(weight(10))
    entry = {"dir": str(canaries.world), "steps": 2, "supports_canary": True, "canary": {"steps": [weight(10)]}}
    canaries.project.configure(fake={"config": {**entry, "fail_at": "step-2", "outcome": "changed"}})
    done = canaries.project.run(*CANARY)

    assert done.code == 6, done.out + done.err
    assert canaries.effects == ["canary_10", "step-1", "step-2", "rollback_canary_remove", "restore"]
    assert canaries.removed() and canaries.live_version == "1.0.0"


def test_after_a_canary_a_plain_deployment_goes_its_way(canaries: Canaries) -> None:
    canaries.errors(2)
    failed_ = canaries.project.run(*CANARY)
    done = canaries.project.run(*PLAIN)

    assert (failed_.code, done.code) == (6, 0), done.out + done.err
    assert canaries.effects == ["step-1", "step-2"]
