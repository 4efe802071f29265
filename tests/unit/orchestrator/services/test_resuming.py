"""Going on after a crash or a signal: from every state, nothing is done twice, and what nobody can tell is asked of a person."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from eventstore import WrongExpectedVersion
from orchestrator.domain import events as e
from orchestrator.domain.errors import Interrupted, SlotHeld, SlotLost, UsageProblem
from orchestrator.domain.lifecycle import State
from orchestrator.domain.side_events import SlotTaken
from orchestrator.services import resume as resuming
from orchestrator.services.codec import CODEC
from orchestrator.services.execute import advance
from orchestrator.services.repository import Journal, load
from orchestrator.services.slot import claimant
from tests.unit.orchestrator.services.ports import ended_with
from tests.unit.orchestrator.services.workspace import SLOT, YES, World, die

LIVE_APPENDS = (
    "SlotTaken",
    "ExecutionStarted",
    "StepStarted",
    "StepSucceeded",
    "DeploymentDeployed",
    "DeploymentVerified",
    "SlotReleased",
)


def finish(world: World, deployment_id: str) -> Journal:
    """What a person would do: `resume`, or the same command again where nothing had begun."""
    workspace = world.process(actor="bob@ci-8", pid=200)
    journal = load(workspace, deployment_id)
    resuming.free_claim(workspace, journal)
    advance(workspace, journal, YES)
    return journal


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("event", ["DeploymentPrepared", "DeploymentConfirmed", *LIVE_APPENDS])
def test_a_deployment_killed_at_any_append_ends_as_if_undisturbed(world: World, side: str, event: str) -> None:
    world.store.die_at = (side, event)
    deployment_id = world.crash("1.0.0")

    journal = finish(world, deployment_id)

    assert journal.deployment.state is State.VERIFIED
    assert world.effects == ["step-1", "step-2", "step-3"]
    assert (world.live, world.running) == ("1.0.0", "1.0.0")
    assert claimant(world.process(), SLOT) is None
    assert world.children.left == []


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("event", ["DeploymentFailed", "StepStarted", "StepSucceeded", "RolledBack", "SlotReleased"])
def test_a_way_back_killed_at_any_append_is_finished(tmp_path: Path, side: str, event: str) -> None:
    world = World(tmp_path, auto_rollback=True)
    world.deploy("1.0.0")
    world.configure(script={"bad_versions": ["1.1.0"]})
    world.store.die_at = (side, event)
    deployment_id = world.crash("1.1.0")

    journal = finish(world, deployment_id)

    assert journal.deployment.state is State.ROLLED_BACK
    assert Counter(world.effects) == {"step-1": 2, "step-2": 2, "step-3": 2, "restore": 1}
    assert world.running == "1.0.0"
    assert claimant(world.process(), SLOT) is None


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("step", ["step-1", "step-2", "step-3"])
def test_killed_beside_an_effect_it_is_made_exactly_once(world: World, step: str, where: str) -> None:
    getattr(world, where)[step] = die
    deployment_id = world.crash("1.0.0")

    journal = world.resume(deployment_id)

    assert world.effects == ["step-1", "step-2", "step-3"]
    record = journal.deployment.forward.records[step]  # type: ignore[union-attr]
    assert (record.found, record.attempt) == ((True, 1) if where == "after" else (False, 2))


def test_who_goes_on_and_what_the_target_said_is_on_record(world: World) -> None:
    world.after["step-2"] = die
    deployment_id = world.crash("1.0.0")

    world.resume(deployment_id)

    events = world.events(deployment_id)
    resumed = next(event for event in events if isinstance(event, e.DeploymentResumed))
    probed = next(event for event in events if isinstance(event, e.StepProbed))
    assert (resumed.by, resumed.taken_over_from) == ("bob@ci-8", f"{deployment_id}: ann@ci-7 (pid 100 on ci-7)")
    assert (probed.step, probed.attempt, probed.answer, probed.detail) == ("step-2", 1, "done", "the effect was counted")


def test_what_is_found_and_the_next_intent_are_one_append(world: World) -> None:
    world.after["step-2"] = die
    deployment_id = world.crash("1.0.0")
    before = len(world.store.appends)

    world.resume(deployment_id)

    assert ("deployment", ("StepProbed", "StepSucceeded", "StepStarted")) in world.store.appends[before:]


def test_a_verification_that_was_interrupted_is_asked_again(world: World) -> None:
    world.store.die_at = ("after", "DeploymentDeployed")
    deployment_id = world.crash("1.0.0")

    journal = world.resume(deployment_id)

    assert journal.deployment.state is State.VERIFIED
    assert [check.round for check in journal.deployment.checks] == [1]


def test_resuming_what_has_ended_does_nothing(world: World) -> None:
    done = world.deploy("1.0.0")
    before = len(world.store.appends)

    journal = world.resume(done.deployment.id)

    assert journal.deployment.state is State.VERIFIED
    assert len(world.store.appends) == before


def test_without_an_id_the_only_interrupted_one_is_meant(world: World) -> None:
    world.before["step-1"] = die
    deployment_id = world.crash("1.0.0")

    assert resuming.interrupted(world.process(), None).deployment.id == deployment_id


def test_without_an_id_nothing_interrupted_is_wrong_usage(world: World) -> None:
    world.deploy("1.0.0")

    with pytest.raises(UsageProblem, match="nothing to resume: no deployment is under way"):
        resuming.interrupted(world.process(), None)


def test_without_an_id_several_interrupted_ones_are_named(tmp_path: Path) -> None:
    world = World(tmp_path, targets={})
    world.configure("web")
    world.configure("api")
    ids = []
    for target in ("web", "api"):
        world.before["step-1"] = die
        ids.append(world.crash("1.0.0", target=target))

    with pytest.raises(UsageProblem, match="several were interrupted") as refused:
        resuming.interrupted(world.process(), None)

    assert all(one in str(refused.value) for one in ids)


def test_what_another_process_is_working_on_is_not_taken_for_interrupted(world: World) -> None:
    said: list[str] = []

    def look(_run: object) -> None:
        with pytest.raises(UsageProblem) as refused:
            resuming.interrupted(world.process(), None)
        said.append(str(refused.value))

    world.before["step-2"] = look
    journal = world.deploy("1.0.0")

    assert said == [f"nothing to resume: {journal.deployment.id} is being worked on"]


def test_a_running_deployment_cannot_be_resumed_beside_its_process(world: World) -> None:
    def resume(run: Any) -> None:
        with pytest.raises(SlotHeld):
            world.resume(run.deployment_id)

    world.before["step-2"] = resume

    assert world.deploy("1.0.0").deployment.state is State.VERIFIED


def test_a_writer_whose_slot_was_taken_over_cannot_append(world: World) -> None:
    def take_over(run: Any) -> None:
        # Whoever replaces it has the epoch, and has not written a word to the deployment yet.
        taken = SlotTaken(deployment_id=run.deployment_id, host="ci-8", pid=2, start_ticks=1, boot_id="boot-8")
        world.store.inner.append(SLOT.stream, [CODEC.encode(taken)], expected_version=0)

    world.before["step-2"] = take_over
    journal = world.begin()

    with pytest.raises(SlotLost, match=f"{journal.deployment.id} took it at .*pid 2 on ci-8.*Nothing was written since"):
        advance(world.process(), journal, YES)

    assert world.types(journal.deployment.id)[-1] == "StepStarted"
    assert world.slot_events() == ["SlotTaken", "SlotTaken"]


def test_a_writer_that_wakes_up_after_it_was_replaced_changes_nothing(world: World) -> None:
    def replaced(run: Any) -> None:
        world.before.clear()
        world.locks.held.clear()  # stopped for so long that everybody took it for dead
        world.resume(run.deployment_id)

    world.before["step-2"] = replaced
    journal = world.begin()

    with pytest.raises(SlotLost, match=r"took it at \S+ \(bob@ci-8, pid 200 on ci-7\); .* left it at "):
        advance(world.process(), journal, YES)

    assert world.deployment(journal.deployment.id).state is State.VERIFIED


def test_what_another_process_has_finished_since_it_was_loaded_is_left_alone(world: World) -> None:
    world.before["step-2"] = die
    deployment_id = world.crash("1.0.0")
    late = world.process(pid=300)
    journal = load(late, deployment_id)
    world.resume(deployment_id)
    before = world.slot_events()

    with pytest.raises(WrongExpectedVersion, match="another writer came first"):
        advance(late, journal, YES)

    assert world.slot_events() == before


# Signals


def test_a_signal_between_two_steps_stops_before_the_next(world: World) -> None:
    workspace = world.process()
    world.after["step-1"] = lambda _run: setattr(workspace.stop, "signal", signal.SIGTERM)
    journal = world.begin(workspace)

    with pytest.raises(Interrupted, match="SIGTERM"):
        advance(workspace, journal, YES)

    assert world.effects == ["step-1"]
    assert world.types(journal.deployment.id)[-3:] == ["StepStarted", "StepSucceeded", "DeploymentInterrupted"]
    assert journal.deployment.interrupted is not None
    assert (journal.deployment.interrupted.signal, journal.deployment.interrupted.step) == ("SIGTERM", None)
    assert world.slot_events() == ["SlotTaken"]
    assert world.locks.held == set()


def test_a_signal_inside_a_command_is_on_record_with_the_step(tmp_path: Path) -> None:
    world = World(tmp_path, hooks={"before_deploy": [["migrate"]]})
    world.children.results = {"migrate": ended_with(130, interrupted=True)}
    journal = world.begin()

    with pytest.raises(Interrupted):
        advance(world.process(), journal, YES)

    assert journal.deployment.interrupted is not None
    assert journal.deployment.interrupted.step == "before_deploy-1"
    assert journal.deployment.state is State.EXECUTING


def test_after_a_signal_resume_finishes(world: World) -> None:
    workspace = world.process()
    world.after["step-1"] = lambda _run: setattr(workspace.stop, "signal", signal.SIGINT)
    journal = world.begin(workspace)
    with pytest.raises(Interrupted):
        advance(workspace, journal, YES)
    world.after.clear()

    resumed = world.resume(journal.deployment.id)

    assert resumed.deployment.state is State.VERIFIED
    assert resumed.deployment.interrupted is None
    assert world.effects == ["step-1", "step-2", "step-3"]
