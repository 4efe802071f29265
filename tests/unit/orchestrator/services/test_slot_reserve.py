"""``--all``: every slot in one order before anything begins, or none; what a crash leaves of it blocks nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain.errors import DecisionOpen, SlotHeld
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Slot
from orchestrator.services import resume as resuming
from orchestrator.services.abort import abort
from orchestrator.services.execute import Consent, advance
from orchestrator.services.repository import Journal, load
from orchestrator.services.slot import claimant, reserve
from orchestrator.services.workspace import Workspace
from tests.unit.orchestrator.services.workspace import YES, World

NAMES = ("web", "api", "jobs")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, targets={})
    for name in NAMES:
        world.configure(name)
    return world


def slot(name: str) -> Slot:
    return Slot("shop", "default", name)


def begun(world: World, workspace: Workspace) -> list[Journal]:
    return [world.begin(workspace, target=name) for name in NAMES]


def killed_with_all(world: World) -> list[Journal]:
    """Its process dies in a step of the first, with the slots of the others in hand."""
    workspace = world.process()
    journals = begun(world, workspace)
    world.store.die_at = ("after", "StepSucceeded")
    with world.dying(), reserve(workspace, journals):
        advance(workspace, journals[0], YES)
    return journals


def test_all_slots_are_taken_in_the_order_of_their_names_before_anything_begins(world: World) -> None:
    workspace = world.process()
    journals = begun(world, workspace)
    at_first: list[tuple[str | None, ...]] = []
    world.before["step-1"] = lambda _run: at_first.append(tuple(claimant(workspace, slot(name)) for name in NAMES))

    with reserve(workspace, journals):
        for journal in journals:
            advance(workspace, journal, YES)

    taken = [event.stream for event in world.store.read_all() if event.type == "SlotTaken"]
    api, jobs, web = (slot(name).stream for name in ("api", "jobs", "web"))
    assert taken == [api, jobs, web]
    assert at_first[0] == tuple(journal.deployment.id for journal in journals)
    assert at_first[2] == (None, None, journals[2].deployment.id)
    assert [journal.deployment.state for journal in journals] == [State.VERIFIED] * 3
    assert (world.locks.held, [claimant(workspace, slot(name)) for name in NAMES]) == (set(), [None] * 3)


def test_if_one_is_held_none_is_taken(world: World) -> None:
    workspace = world.process()
    journals = begun(world, workspace)
    other = world.locks.try_acquire(slot("jobs"))
    assert other is not None

    with pytest.raises(SlotHeld, match="default/jobs"), reserve(workspace, journals):
        raise AssertionError("nothing may begin")

    assert world.locks.held == {slot("jobs").stream}
    assert [claimant(workspace, slot(name)) for name in NAMES] == [None] * 3
    assert world.slot_events(slot("web")) == []


def test_a_slot_that_waits_for_its_turn_is_refused_to_others_naming_who_has_it(world: World) -> None:
    workspace = world.process()
    journals = begun(world, workspace)

    with reserve(workspace, journals), pytest.raises(SlotHeld) as refused:
        advance(world.process(), world.begin(target="jobs"), YES)

    assert refused.value.holder is not None
    assert (refused.value.deployment_id, refused.value.holder.state) == (journals[2].deployment.id, "requested")


def test_a_deployment_that_waits_for_its_turn_is_not_begun_by_another_process(world: World) -> None:
    workspace = world.process()
    journals = begun(world, workspace)

    with reserve(workspace, journals):
        for act in (_execute, _abort, _resume):
            with pytest.raises(SlotHeld):
                act(world, journals[1].deployment.id)

    assert world.types(journals[1].deployment.id) == ["DeploymentRequested"]


@pytest.mark.parametrize("name", ["api", "jobs"])
def test_what_was_never_begun_blocks_nobody_after_a_crash(world: World, name: str) -> None:
    journals = killed_with_all(world)
    left = claimant(world.process(), slot(name))

    journal = world.begin(target=name)
    advance(world.process(), journal, YES)

    assert left in {one.deployment.id for one in journals}
    assert journal.deployment.state is State.VERIFIED


def test_what_was_never_begun_can_be_begun_after_a_crash(world: World) -> None:
    second = killed_with_all(world)[1].deployment.id

    _execute(world, second)

    assert world.deployment(second).state is State.VERIFIED
    assert claimant(world.process(), slot("api")) is None


def test_resume_of_what_was_never_begun_frees_its_claim_and_asks(world: World) -> None:
    second = killed_with_all(world)[1].deployment.id

    with pytest.raises(DecisionOpen):
        _resume(world, second)

    assert claimant(world.process(), slot("api")) is None


def test_abort_of_what_was_never_begun_frees_its_claim(world: World) -> None:
    second = killed_with_all(world)[1].deployment.id

    _abort(world, second)

    assert world.deployment(second).state is State.ABORTED
    assert claimant(world.process(), slot("api")) is None


def test_the_one_that_had_begun_is_the_one_to_resume(world: World) -> None:
    first = killed_with_all(world)[0].deployment.id

    assert resuming.interrupted(world.process(), None).deployment.id == first


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_process_that_dies_while_it_takes_them_blocks_nobody(world: World, side: str) -> None:
    workspace = world.process()
    journals = begun(world, workspace)
    world.store.die_at = (side, "SlotTaken")
    with world.dying(), reserve(workspace, journals):
        pass

    for name in NAMES:
        journal = world.begin(target=name)
        advance(world.process(), journal, YES)
        assert journal.deployment.state is State.VERIFIED


def _execute(world: World, deployment_id: str) -> None:
    workspace = world.process(pid=500)
    advance(workspace, load(workspace, deployment_id), YES)


def _abort(world: World, deployment_id: str) -> None:
    workspace = world.process(pid=500)
    abort(workspace, load(workspace, deployment_id), reason="")


def _resume(world: World, deployment_id: str) -> None:
    workspace = world.process(pid=500)
    journal = load(workspace, deployment_id)
    resuming.free_claim(workspace, journal)
    advance(workspace, journal, Consent())
