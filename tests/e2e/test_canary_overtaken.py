"""What comes too late for a canary: a word that was meant for an earlier pause, and a deployment after its claim was released."""

from __future__ import annotations

import pytest

from eventstore.reading import open_read_only
from orchestrator.domain import events as e
from orchestrator.domain.lifecycle import State
from tests.e2e.canaries import AWHILE, CANARY, PLAIN, Canaries, pause, weight
from tests.e2e.holding import held_at
from tests.e2e.project import Project, ended, wait_until

pytestmark = pytest.mark.e2e

REMOVED = ["canary_10", "rollback_canary_remove", "restore"]
WATCH_IS_OVER = "orchestrator.services.canary_samples:Sampling.__exit__"
"""Called once somebody or the time has ended a watch, and that is not on record yet."""
TAKES_THE_SLOT = "orchestrator.services.execute:hold"
BOB = ("--actor", "bob", "--reason", "CHG-9")


@pytest.fixture
def canaries(project: Project) -> Canaries:
    found = Canaries(project).configure(weight(10), pause(AWHILE))
    found.errors(0)
    project.deploy("1.0.0", "--target", "fake")
    project.set_version("1.1.0")
    return found


def given(canaries: Canaries) -> int:
    """How many answers were left to the process at work."""
    store = open_read_only(str(canaries.project.data / "events.db"))
    found = sum(event.type == "DecisionGiven" for event in store.read_all())
    store.close()
    return found


def test_a_promote_that_was_meant_for_an_earlier_pause_promotes_nothing(canaries: Canaries) -> None:
    canaries.configure(weight(10), pause(0.5), weight(50), pause(None))
    project = canaries.project
    with held_at(project, WATCH_IS_OVER, *CANARY) as (process, gate):
        late = project.start("promote", canaries.last.id, *BOB)
        wait_until(lambda: given(canaries) == 1, "it is left to the process at work")
        gate.open()
        wait_until(lambda: canaries.last.state is State.PAUSED, "the next pause stands")
        said = ended(late)
        (not_taken,) = canaries.last.not_taken
        watched, standing = canaries.last.canary_watched, canaries.effects
        project.run("promote", canaries.last.id)
        done = ended(process)

    assert said.code != 0 and "it came too late" in said.out + said.err
    assert isinstance(not_taken, e.DecisionNotTaken)
    assert (not_taken.decision_id, not_taken.answer, not_taken.reason) == ("canary_pause", "promote", "CHG-9")
    assert not_taken.by.startswith("bob@") and "the pause that it was meant for was over" in not_taken.message
    assert watched is not None and watched.step.name == "watch_4"
    assert standing == ["canary_10", "canary_50"]
    assert done.code == 0, done.out + done.err


# Its claim was released


def released(canaries: Canaries) -> str:
    """ID of a canary that is up while nobody is at work on it, and nobody has its slot."""
    with canaries.up() as process:
        canaries.kill(process)
    old = canaries.last.id
    done = canaries.project.run("slots", "release", old, "--reason", "its machine is gone")
    assert done.code == 0, done.out + done.err
    assert canaries.project.claims() == [] and canaries.canary is not None
    return old


def test_a_deployment_after_it_is_refused_and_nothing_is_left_behind(canaries: Canaries) -> None:
    canaries.project.run(*PLAIN, "--version", "1.0.1")
    old = released(canaries)
    refused = canaries.project.run(*PLAIN, "--version", "1.2.0")
    back = canaries.project.run("rollback", "--target", "fake", "--yes", "--reason", "it is slow")
    text = canaries.project.run().out

    assert refused.code == 5, refused.out + refused.err
    assert f"the canary of {old} is still up, though its claim was released" in refused.out
    assert f"pop-deploy abort {old}" in refused.out and old in text
    assert back.code == 5 and old in back.out + back.err, back.out + back.err
    assert canaries.live_version == "1.0.1" and canaries.canary is not None


def test_it_can_still_be_aborted_and_then_there_is_room(canaries: Canaries) -> None:
    old = released(canaries)
    aborted = canaries.project.run("abort", old, *BOB)
    assert canaries.effects == REMOVED and canaries.removed() and canaries.live_version == "1.0.0"
    done = canaries.project.run(*PLAIN, "--version", "1.2.0")

    assert (aborted.code, done.code) == (0, 0), aborted.out + aborted.err + done.out
    assert canaries.live_version == "1.2.0"


def test_it_can_still_be_resumed(canaries: Canaries) -> None:
    old = released(canaries)
    resumed = canaries.project.start("resume", old)
    wait_until(lambda: canaries.project.claims() != [], "somebody is at work on it again")
    promoted = canaries.project.run("promote", old)
    done = ended(resumed)

    assert (promoted.code, done.code) == (0, 0), promoted.err + done.out + done.err
    assert canaries.removed() and canaries.live_version == "1.1.0"


@pytest.mark.parametrize("mode", ["deploy", "canary"])
def test_it_can_be_superseded(canaries: Canaries, mode: str) -> None:
    old = released(canaries)
    canaries.configure(weight(20))
    done = canaries.project.run("execute", "--mode", mode, "--target", "fake", "--yes", "--version", "1.2.0", "--supersede", *BOB)

    assert done.code == 0, done.out + done.err
    found = {each.id: each.state for each in canaries.project.deployments()}
    assert found[old] is State.ROLLED_BACK
    assert len(canaries.events("CanarySuperseded")) == 1
    assert canaries.removed() and canaries.live_version == "1.2.0"


def test_one_that_came_up_and_lost_its_claim_while_another_waited_for_the_slot_is_not_left_behind(canaries: Canaries) -> None:
    with held_at(canaries.project, TAKES_THE_SLOT, *PLAIN, "--version", "1.2.0") as (process, gate):
        old = released(canaries)
        gate.open()
        refused = ended(process)

    assert refused.code == 5, refused.out + refused.err
    assert f"the canary of {old} is still up, though its claim was released" in refused.out
    assert canaries.live_version == "1.0.0" and canaries.canary is not None
    assert canaries.project.claims() == []
