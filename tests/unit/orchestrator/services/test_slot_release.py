"""`slots release`: who may lose a claim, what is killed for it, what is on record, and what becomes of the deployment."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain.errors import NotClaimed, NothingToRollBack, SlotHeld, SlotLost, Superseded, UsageProblem
from orchestrator.domain.lifecycle import State
from orchestrator.domain.side_events import SlotReleased
from orchestrator.projections import releases
from orchestrator.services.abort import abort
from orchestrator.services.codec import CODEC
from orchestrator.services.execute import advance
from orchestrator.services.repository import load
from orchestrator.services.rollback import require_leaving
from orchestrator.services.slot import claimant
from orchestrator.services.slot_release import Released, release
from tests.unit.orchestrator.services.workspace import SLOT, YES, World, die


def never(*_process: object) -> bool:
    raise AssertionError("nobody had to be killed")


def let_go(world: World, deployment_id: str, kill: Any = never, **known: Any) -> Released:
    workspace = world.process(actor="carl@laptop", pid=400)
    return release(workspace, deployment_id, **{"reason": "ci-7 is gone", "kill": kill, **known})


def interrupted(world: World, at: str = "step-2", version: str = "1.1.0") -> str:
    world.before[at] = die
    return world.crash(version)


def test_a_dead_holders_claim_ends_and_both_are_on_record(world: World) -> None:
    deployment_id = interrupted(world)

    done = let_go(world, deployment_id)

    recorded = list(world.store.read_stream(SLOT.stream))[-1]
    event = CODEC.decode(recorded)
    assert claimant(world.process(), SLOT) is None
    assert event == SlotReleased(
        deployment_id=deployment_id,
        outcome="executing",
        by="carl@laptop",
        reason="ci-7 is gone",
        former_holder="ann@ci-7 (pid 100 on ci-7)",
        killed=False,
    )
    assert (done.killed, done.under_way, done.former_holder.step) == (False, True, "Step 2")
    assert world.locks.held == set()


def test_a_living_holder_is_killed_before_its_claim_ends(world: World) -> None:
    killed: list[tuple[object, ...]] = []
    deployment_id = interrupted(world)
    lock = world.locks.try_acquire(SLOT)
    assert lock is not None

    def kill(*process: object) -> bool:
        killed.append(process)
        lock.release()
        return True

    done = let_go(world, deployment_id, kill)

    assert killed == [("ci-7", "boot-1", 100, 1, "pid:[1]")]
    assert done.killed
    assert claimant(world.process(), SLOT) is None


@pytest.mark.parametrize(
    ("fate", "said"),
    [(None, r"cannot be seen from here, and its lock is held: it lives\. On ci-7 .*kill -TERM 100"), (False, "does not end")],
)
def test_a_holder_that_cannot_be_ended_from_here_keeps_its_claim(world: World, fate: bool | None, said: str) -> None:
    deployment_id = interrupted(world)
    world.locks.try_acquire(SLOT)

    with pytest.raises(SlotHeld, match=said):
        let_go(world, deployment_id, lambda *_process: fate)

    assert world.slot_events() == ["SlotTaken"]


@pytest.mark.parametrize("cut", [lambda text: text[:-1], lambda _text: "latest", lambda text: text.removeprefix("deploy-")])
def test_only_the_whole_id_will_do(world: World, cut: Any) -> None:
    deployment_id = interrupted(world)

    with pytest.raises(UsageProblem, match="it has to be the whole ID"):
        let_go(world, cut(deployment_id))

    assert world.slot_events() == ["SlotTaken"]


def test_a_reason_is_required(world: World) -> None:
    deployment_id = interrupted(world)

    with pytest.raises(UsageProblem, match="--reason is needed"):
        let_go(world, deployment_id, reason=" ")

    assert world.slot_events() == ["SlotTaken"]


def test_a_deployment_that_claims_nothing_has_nothing_to_release(world: World) -> None:
    done = world.deploy("1.0.0")

    with pytest.raises(NotClaimed, match=f"{done.deployment.id} does not claim default/web"):
        let_go(world, done.deployment.id)


def test_its_deployment_can_be_resumed_afterwards(world: World) -> None:
    deployment_id = interrupted(world)
    let_go(world, deployment_id)

    journal = world.resume(deployment_id)

    assert journal.deployment.state is State.VERIFIED
    assert world.effects == ["step-1", "step-2", "step-3"]


def test_where_another_deployment_has_begun_since_it_cannot_be_resumed_but_given_up(world: World) -> None:
    world.deploy("1.0.0")
    deployment_id = interrupted(world, "step-3")
    let_go(world, deployment_id)
    newer = world.deploy("1.2.0").deployment

    with pytest.raises(Superseded, match=f"{newer.id} has begun there since.*Next: pop-deploy abort {deployment_id}"):
        world.resume(deployment_id)
    abort(world.process(), load(world.process(), deployment_id), reason="never mind")

    (live,) = releases.live_slots(world.store, SLOT)
    assert world.deployment(deployment_id).state is State.ABORTED
    assert (live.made_by, live.verified, live.in_doubt) == (newer.id, True, None)
    assert claimant(world.process(), SLOT) is None


def test_while_it_may_have_changed_what_is_live_nothing_else_is_gone_back_from(world: World) -> None:
    world.deploy("0.9.0")
    last = world.deploy("1.0.0")
    world.after["step-3"] = die
    deployment_id = world.crash("1.1.0")
    let_go(world, deployment_id)

    with pytest.raises(NothingToRollBack, match=f"Next: pop-deploy resume {deployment_id}, or pop-deploy abort"):
        require_leaving(world.process(), load(world.process(), last.deployment.id))
    abort(world.process(), load(world.process(), deployment_id), reason="")
    require_leaving(world.process(), load(world.process(), deployment_id))


@pytest.mark.parametrize(
    ("at", "ended"), [(("after", "DeploymentDeployed"), State.FAILED), (("after", "RollbackStarted"), State.ROLLBACK_FAILED)]
)
def test_what_could_only_be_resumed_can_be_given_up_once_another_has_begun(
    world: World, at: tuple[str, str], ended: State
) -> None:
    world.configure(auto_rollback=True)
    world.deploy("1.0.0")
    world.configure(script={"bad_versions": ["1.1.0"]})
    world.store.die_at = at
    deployment_id = world.crash("1.1.0")
    let_go(world, deployment_id)
    newer = world.deploy("1.2.0").deployment

    abort(world.process(), load(world.process(), deployment_id), reason="never mind")

    (live,) = releases.live_slots(world.store, SLOT)
    assert world.deployment(deployment_id).state is ended
    assert (live.made_by, live.in_doubt) == (newer.id, None)


def test_a_survivor_is_fenced_told_who_took_over_and_changes_nothing_more(world: World) -> None:
    journal = world.begin()

    def replaced(_run: object) -> None:
        world.before.clear()
        world.locks.held.clear()  # the lock was lost, its process was not
        let_go(world, journal.deployment.id)
        world.deploy("1.2.0")

    world.before["step-2"] = replaced
    with pytest.raises(SlotLost) as lost:
        advance(world.process(), journal, YES)

    for said in (
        f"{journal.deployment.id} has lost default/web",
        "carl@laptop released the claim",
        "(ci-7 is gone)",
        "took it at",
    ):
        assert said in str(lost.value)
    assert world.types(journal.deployment.id)[-1] == "StepStarted"
    assert world.deployment(journal.deployment.id).state is State.EXECUTING
