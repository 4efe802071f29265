"""A canary and people: what waits for them, and promote, abort and a new deployment while one process is at work, from others."""

from __future__ import annotations

import time

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.canary_events import CanarySuperseded
from orchestrator.domain.lifecycle import State
from tests.e2e.canaries import AWHILE, CANARY, ERRORS, ON_FAKE, PLAIN, Canaries, pause, weight
from tests.e2e.project import Project, Ran, ended, wait_until

pytestmark = pytest.mark.e2e

REMOVED = ["canary_10", "rollback_canary_remove", "restore"]
OBEYED_S = 3.0
"""Far less than `AWHILE`; it obeys within one look (0.1 s), and then it has its steps to do and a machine to share."""
BOB = ("--actor", "bob", "--reason", "CHG-9")


@pytest.fixture
def canaries(project: Project) -> Canaries:
    found = Canaries(project).configure(weight(10), pause(AWHILE))
    found.errors(0)
    project.deploy("1.0.0", "--target", "fake")
    project.set_version("1.1.0")
    return found


def decided(canaries: Canaries) -> list[tuple[str, str, str, str]]:
    """Answer, how, who and why of what was decided about the canary."""
    made = [event for event in canaries.events("DecisionMade") if isinstance(event, e.DecisionMade)]
    return [(one.answer, one.how, one.by.partition("@")[0], one.reason) for one in made if one.decision_id != "confirm_deploy"]


def paused(canaries: Canaries) -> None:
    wait_until(lambda: canaries.last.state is State.PAUSED, "it pauses")


# Waiting for a decision


def test_a_pause_without_end_waits_for_somebody_and_says_so_everywhere(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(None))
    project = canaries.project
    with canaries.up():
        paused(canaries)
        shown, listed = project.run("show", "latest", "--json").json("show"), project.run("history", "--json").json("history")
        standing, text = project.run("--json").json("standing"), project.run().out

    promote = f"pop-deploy promote {canaries.last.id}"
    (open_,) = [one for one in shown["decisions"] if one["answer"] is None]
    assert (open_["decision_id"], open_["question"]) == ("canary_pause", "The canary is up and waits. Should it go on?")
    asked = shown["result"]["decision"]
    assert asked["decision_id"] == "canary_pause"
    assert [option["id"] for option in asked["options"]] == ["promote", "abort"]
    (unfinished,) = standing["unfinished"]
    assert (unfinished["state"], unfinished["waits_for"], unfinished["next"][0]) == ("paused", "canary_pause", promote)
    assert promote in text
    assert listed["deployments"][0]["state"] == "paused"


def test_the_process_at_work_names_the_commands_that_lead_on(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(None))
    with canaries.up() as process:
        paused(canaries)
        canaries.project.run("abort", canaries.last.id)
        done = ended(process)

    assert "Paused: as planned" in done.out
    assert f"Next: pop-deploy promote {canaries.last.id}, or pop-deploy abort {canaries.last.id}" in done.out


def test_a_pause_that_was_ended_is_followed_by_the_next_weight(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(None), weight(50), pause(None))
    with canaries.up() as process:
        paused(canaries)
        first = canaries.project.run("promote", canaries.last.id, *BOB)
        wait_until(lambda: "canary_50" in canaries.effects and canaries.last.state is State.PAUSED, "it pauses again")
        open_ = canaries.last.open_decision
        second = canaries.project.run("decide", canaries.last.id, "canary_pause=promote", "--actor", "carl")
        done = ended(process)

    assert (first.code, second.code, done.code) == (0, 0, 0), first.err + second.err + done.out
    assert open_ is not None and open_.detail["step"] == "watch_4"
    assert decided(canaries) == [("promote", "promote", "bob", "CHG-9"), ("promote", "decide", "carl", "")]
    assert canaries.effects == ["canary_10", "canary_50", "step-1", "step-2", "canary_remove"]
    assert canaries.removed() and canaries.live_version == "1.1.0"


# Promote


def obeyed(canaries: Canaries, *words: str) -> tuple[Ran, Ran]:
    """What `words` from elsewhere and the process at work said; it obeyed at once."""
    with canaries.up() as process:
        wait_until(lambda: canaries.canary, "it is up")
        began = time.monotonic()
        said = canaries.project.run(words[0], canaries.last.id, *words[1:], *BOB, "--json")
        done = ended(process)
        assert time.monotonic() - began < OBEYED_S
    return said, done


def test_promote_ends_a_pause_that_has_long_to_go(canaries: Canaries) -> None:
    said, done = obeyed(canaries, "promote")

    assert (said.code, done.code) == (0, 0), said.out + done.out
    assert said.json("deployment_result")["deployment_id"] == canaries.last.id
    assert decided(canaries) == [("promote", "promote", "bob", "CHG-9")]
    watched = canaries.last.forward.records["watch_2"]  # type: ignore[union-attr]
    assert watched.message.startswith("promoted by bob@") and watched.message.endswith(": CHG-9")
    assert canaries.removed() and canaries.live_version == "1.1.0"


def test_promote_in_full_leaves_out_the_weights_that_are_left(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(AWHILE), weight(50), pause(None), weight(80), pause(None))
    said, done = obeyed(canaries, "promote", "--full")

    assert (said.code, done.code) == (0, 0), said.out + done.out
    assert decided(canaries) == [("promote_full", "promote", "bob", "CHG-9")]
    assert canaries.effects == ["canary_10", "step-1", "step-2", "canary_remove"]
    left_out = canaries.last.forward.records["canary_50"].message  # type: ignore[union-attr]
    assert left_out.startswith("left out: promoted in full by bob@")
    assert canaries.removed() and canaries.live_version == "1.1.0"


def test_promote_in_full_after_the_process_died_in_a_pause_comes_to_the_same_end(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(None), weight(50), pause(None))
    with canaries.up() as process:
        paused(canaries)
        canaries.kill(process)
    said = canaries.project.run("promote", canaries.last.id, "--full", *BOB)

    assert said.code == 0, said.out + said.err
    assert canaries.last.state is State.VERIFIED
    assert canaries.effects == ["canary_10", "step-1", "step-2", "canary_remove"]
    assert canaries.removed() and canaries.live_version == "1.1.0"


def test_promote_is_no_way_past_a_check_that_fails(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(None), weight(50), pause(None))
    with canaries.up() as process:
        paused(canaries)
        canaries.errors(2)
        done = ended(process)
        late = canaries.project.run("promote", canaries.last.id, *BOB)

    assert (done.code, late.code) == (6, 2), done.out + late.err
    assert "canary_pause is not asked here" in late.err
    assert canaries.effects == REMOVED and canaries.removed() and canaries.live_version == "1.0.0"
    assert canaries.last.open_decision is None


def test_promote_is_refused_where_there_is_no_canary(canaries: Canaries) -> None:
    done = canaries.project.run("promote", canaries.last.id, "--json")

    assert done.code == 2
    assert done.json("error")["error"]["message"].endswith("canary_pause is not asked here, no question is open")


# The judge pauses


def test_what_cannot_be_known_pauses_where_it_is_told_to_and_a_person_lets_it_go_on(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(AWHILE), checks=({**ERRORS, "no_data": "pause"},))
    with canaries.up() as process:
        wait_until(lambda: canaries.canary, "it is up")
        canaries.errors("")
        paused(canaries)
        open_ = canaries.last.open_decision
        canaries.errors(0)
        said = canaries.project.run("promote", canaries.last.id, *BOB)
        done = ended(process)

    assert open_ is not None and open_.detail["reason"] == "errors: no value"
    assert (said.code, done.code) == (0, 0), said.err + done.out
    assert "no_data" in {one["verdict"] for one in canaries.samples()}
    assert canaries.removed() and canaries.live_version == "1.1.0"


def test_a_failure_ends_a_pause_of_the_judge(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(AWHILE), checks=({**ERRORS, "no_data": "pause"},))
    canaries.errors("")
    with canaries.up() as process:
        paused(canaries)
        canaries.errors(2)
        done = ended(process)

    assert done.code == 6, done.out
    assert canaries.removed() and canaries.live_version == "1.0.0"


# Abort


@pytest.mark.parametrize("waits", [AWHILE, None])
def test_abort_removes_the_canary_and_says_who_and_why(canaries: Canaries, waits: float | None) -> None:
    before = canaries.live
    canaries.configure(weight(10), pause(waits))
    said, done = obeyed(canaries, "abort")

    assert (said.code, done.code) == (0, 6), said.out + said.err + done.out
    deployment = canaries.last
    assert deployment.aborted is not None
    assert deployment.aborted.by.startswith("bob@") and deployment.aborted.reason == "CHG-9"
    assert deployment.state is State.ROLLED_BACK
    assert canaries.effects == REMOVED and canaries.removed() and canaries.live == before


def test_the_answer_abort_does_the_same(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(None))
    with canaries.up() as process:
        paused(canaries)
        said = canaries.project.run("decide", canaries.last.id, "canary_pause=abort", *BOB)
        done = ended(process)

    assert (said.code, done.code) == (0, 6), said.out + said.err + done.out
    assert canaries.effects == REMOVED and canaries.removed() and canaries.live_version == "1.0.0"


# A new deployment


def test_a_new_deployment_is_refused_and_says_how_it_may_begin(canaries: Canaries) -> None:
    with canaries.up() as process:
        refused = canaries.project.run(*PLAIN, "--version", "1.2.0")
        canaries.kill(process)
        dead = canaries.project.run(*PLAIN, "--version", "1.2.0")

    assert (refused.code, dead.code) == (4, 8), refused.out + dead.out
    assert f"is held by {canaries.last.id}" in refused.out and "--supersede" in refused.out
    assert f"pop-deploy resume {canaries.last.id}" in dead.out
    assert canaries.canary is not None


@pytest.mark.parametrize("mode", ["deploy", "canary"])
@pytest.mark.parametrize("alive", [True, False])
def test_a_new_deployment_may_have_the_canary_removed_first(canaries: Canaries, alive: bool, mode: str) -> None:
    with canaries.up() as process:
        old = canaries.last.id
        if not alive:
            canaries.kill(process)
        canaries.configure(weight(20))
        words = ("execute", "--mode", mode, *ON_FAKE, "--version", "1.2.0", "--supersede", *BOB, "--json")
        done = canaries.project.run(*words)
        first = ended(process) if alive else None

    assert done.code == 0, done.out + done.err
    assert first is None or first.code == 6, first.out
    found = {each.id: each for each in canaries.project.deployments()}
    new = canaries.last
    assert found[old].state is State.ROLLED_BACK and found[old].aborted is not None
    assert found[old].aborted.reason == f"superseded by {new.id}: CHG-9"
    (superseded,) = canaries.events("CanarySuperseded")
    assert isinstance(superseded, CanarySuperseded)
    assert (superseded.deployment_id, superseded.by.partition("@")[0], superseded.reason) == (old, "bob", "CHG-9")
    assert canaries.removed() and canaries.live_version == "1.2.0"


def test_a_prepared_deployment_may_supersede_as_well(canaries: Canaries) -> None:
    prepared = canaries.project.run("prepare", "--mode", "deploy", "--target", "fake", "--version", "1.2.0", "--json")
    new = prepared.json()["deployment_id"]
    with canaries.up() as process:
        done = canaries.project.run("execute", new, "--yes", "--supersede")
        first = ended(process)

    assert (done.code, first.code) == (0, 6), done.out + done.err
    assert canaries.removed() and canaries.live_version == "1.2.0"


def test_supersede_touches_nothing_that_is_no_canary(canaries: Canaries) -> None:
    done = canaries.project.run(*PLAIN, "--version", "1.2.0", "--supersede")

    assert done.code == 0, done.out + done.err
    assert canaries.events("CanarySuperseded") == []


def test_a_canary_whose_way_back_failed_is_not_superseded(canaries: Canaries) -> None:
    with canaries.up() as process:
        old = canaries.last.id
        canaries.kill(process)
        entry = {"dir": str(canaries.world), "steps": 2, "supports_canary": True, "fail_at": "restore"}
        canaries.project.configure(fake={"config": entry})
        done = canaries.project.run(*CANARY, "--version", "1.2.0", "--supersede")

    assert done.code == 5, done.out + done.err
    assert f"the way back from its canary has failed. Next: pop-deploy rollback {old}" in done.out
    found = {each.id: each for each in canaries.project.deployments()}
    assert found[old].state is State.ROLLBACK_FAILED
    assert canaries.live_version == "1.0.0"
