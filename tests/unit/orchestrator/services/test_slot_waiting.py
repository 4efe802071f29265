"""``--wait``: for a slot that a living process holds, up to the deadline, saying for whom; a signal ends it."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from orchestrator.domain.errors import Interrupted, SlotClaimedByDead, SlotHeld
from orchestrator.domain.lifecycle import State
from orchestrator.services.execute import Consent, advance
from orchestrator.services.repository import Journal, load
from orchestrator.services.slot import awaited, give_back, take
from orchestrator.services.slot_waiting import Patience
from orchestrator.services.workspace import Workspace
from tests.unit.orchestrator.services.ports import Narrator
from tests.unit.orchestrator.services.workspace import SLOT, YES, World, die


def patient(world: World, seconds: float, **process: object) -> Workspace:
    workspace = world.process(**{"actor": "bob@ci-8", "pid": 200, **process})  # type: ignore[arg-type]
    workspace.patience = Patience.of(seconds)
    return workspace


def held(world: World, pid: int = 100) -> tuple[Workspace, Journal]:
    """A slot that a living process has taken, for a deployment that has not begun."""
    workspace = world.process(pid=pid)
    journal = world.begin(workspace)
    take(workspace, journal)
    return workspace, journal


def later(world: World, *happenings: Callable[[], None]) -> None:
    """At each look at the held slot one of these happens, while somebody waits."""
    left, sleep = list(happenings), world.clock.sleep

    def happen(seconds: float) -> None:
        sleep(seconds)
        if left:
            left.pop(0)()

    world.clock.sleep = happen  # type: ignore[method-assign]


def told(workspace: Workspace) -> list[str]:
    narrator = workspace.narrator
    assert isinstance(narrator, Narrator)
    return [line for line in narrator.told if line.startswith("Waiting")]


def test_waits_until_the_slot_is_free_and_says_for_whom(world: World) -> None:
    holder, first = held(world)
    workspace = patient(world, 60)
    later(world, lambda: give_back(holder, first))

    second = world.deploy("1.0.0", workspace)

    assert second.deployment.state is State.VERIFIED
    assert len(told(workspace)) == 1
    assert told(workspace)[0].startswith(
        f"Waiting up to 60s for default/web, held by {first.deployment.id} (ann@ci-7, pid 100 on "
    )


def test_says_it_again_when_the_holder_changes(world: World) -> None:
    holder, first = held(world)
    workspace = patient(world, 60)
    others: list[tuple[Workspace, Journal]] = []

    def change() -> None:
        give_back(holder, first)
        others.append(held(world, pid=300))

    later(world, lambda: None, change, lambda: None, lambda: give_back(*others[0]))

    world.deploy("1.0.0", workspace)

    assert [f"pid {pid} on" in line for line, pid in zip(told(workspace), (100, 300), strict=True)] == [True, True]


def test_at_the_deadline_the_holder_is_named(world: World) -> None:
    _, first = held(world)
    journal = world.begin()
    before = world.clock.monotonic()

    with pytest.raises(SlotHeld, match=rf"held by {first.deployment.id} .* Waited 5s in vain\.") as refused:
        advance(patient(world, 5), journal, YES)

    assert refused.value.holder is not None
    assert (refused.value.holder.deployment_id, refused.value.holder.pid) == (first.deployment.id, 100)
    assert 5 <= world.clock.monotonic() - before < 60
    assert journal.deployment.plan is None


def test_all_waits_of_a_command_share_one_deadline(world: World) -> None:
    holder, first = held(world)
    workspace = patient(world, 5)
    later(world, lambda: give_back(holder, first))
    advance(workspace, world.begin(workspace), YES)
    held(world, pid=300)
    left = workspace.patience.left_s

    with pytest.raises(SlotHeld):
        advance(workspace, world.begin(workspace), YES)

    assert 0 < left < 5
    assert workspace.patience.left_s <= 0


def test_a_signal_ends_the_wait(world: World) -> None:
    held(world)
    workspace = patient(world, 60)

    def stop(seconds: float) -> None:
        setattr(workspace.stop, "signal", signal.SIGINT)  # noqa: B010 - the port only reads it
        workspace.stop.check()

    world.clock.sleep = stop  # type: ignore[method-assign]
    journal = world.begin(workspace)

    with pytest.raises(Interrupted, match="SIGINT"):
        advance(workspace, journal, YES)

    assert world.slot_events() == ["SlotTaken"]
    assert journal.lock is None


def test_an_interrupted_deployment_is_not_waited_for(world: World) -> None:
    world.before["step-2"] = die
    world.crash("1.0.0")
    before = world.clock.monotonic()

    with pytest.raises(SlotClaimedByDead):
        advance(patient(world, 1000), world.begin(), YES)

    assert world.clock.monotonic() - before < 100


def test_who_waited_plans_with_the_slot_in_hand(world: World) -> None:
    """Of two that wait, the second must not find a plan that the first made stale."""
    holder, first = held(world)
    workspace = patient(world, 60)
    later(world, lambda: give_back(holder, first))
    refused: list[SlotHeld] = []

    def third(_run: object) -> None:
        journal = world.begin()
        with pytest.raises(SlotHeld) as caught:
            advance(world.process(), journal, YES)
        refused.append(caught.value)

    world.before["step-1"] = third
    journal = world.begin(workspace)
    advance(workspace, journal, YES)

    assert refused[0].deployment_id == journal.deployment.id
    types = [name for _, names in world.store.appends for name in names]
    assert types.index("SlotTaken", types.index("SlotReleased")) < types.index("DeploymentPrepared")


def test_resume_waits_for_the_process_that_is_at_work_and_finds_it_done(world: World) -> None:
    holder = world.process()
    journal = world.begin(holder)
    world.before["step-2"] = die
    with world.dying():
        advance(holder, journal, YES)
    interrupted = load(world.process(), journal.deployment.id)
    at_work = world.locks.try_acquire(SLOT)
    assert at_work is not None

    def finish() -> None:
        at_work.release()
        world.resume(journal.deployment.id, pid=300)

    later(world, finish)

    found = awaited(patient(world, 60), interrupted)

    assert found.deployment.state is State.VERIFIED


def test_without_wait_nothing_is_waited_for(world: World) -> None:
    held(world)
    before = world.clock.monotonic()

    with pytest.raises(SlotHeld, match=r"Wait \(--wait SECONDS\), or look"):
        advance(world.process(), world.begin(), Consent(yes=True))

    assert world.clock.monotonic() - before < 30
