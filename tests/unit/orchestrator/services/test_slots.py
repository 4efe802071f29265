"""One live deployment a slot: who is refused while another holds it, or has died with it."""

from __future__ import annotations

import pytest

from orchestrator.domain.errors import (
    SlotClaimedByDead,
    SlotHeld,
    UsageProblem,
)
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode
from orchestrator.domain.side_events import SlotTaken
from orchestrator.services.codec import CODEC
from orchestrator.services.confirm import confirm
from orchestrator.services.execute import Consent, advance
from orchestrator.services.repository import load
from tests.unit.orchestrator.services.workspace import SLOT, YES, World, die


def test_a_slot_that_another_process_holds_is_refused_naming_holder_actor_and_step(world: World) -> None:
    refused: list[SlotHeld] = []

    def second(_run: object) -> None:
        workspace = world.process(actor="bob@ci-8", pid=200)
        with pytest.raises(SlotHeld) as caught:
            advance(workspace, world.begin(workspace), YES)
        refused.append(caught.value)

    world.before["step-2"] = second

    first = world.deploy("1.0.0")

    assert (refused[0].slot, refused[0].deployment_id) == ("default/web", first.deployment.id)
    for said in ("default/web is held by", first.deployment.id, "ann@ci-7", "pid 100", 'running "Step 2"'):
        assert said in str(refused[0])
    assert world.effects == ["step-1", "step-2", "step-3"]


def test_a_dry_run_needs_no_slot(world: World) -> None:
    simulated: list[State] = []

    def second(_run: object) -> None:
        journal = world.begin(mode=Mode.DRY_RUN)
        advance(world.process(), journal, Consent())
        simulated.append(journal.deployment.state)

    world.before["step-2"] = second
    world.deploy("1.0.0")

    assert simulated == [State.SIMULATED]
    assert world.slot_events() == ["SlotTaken", "SlotReleased"]


@pytest.mark.parametrize("consent", [YES, Consent()], ids=["with --yes", "before the confirmation is asked for"])
def test_a_slot_claimed_by_a_dead_deployment_is_refused_naming_resume_and_abort(world: World, consent: Consent) -> None:
    world.before["step-2"] = die
    dead = world.crash("1.0.0")
    journal = world.begin()

    with pytest.raises(SlotClaimedByDead, match=f"Next: pop-deploy resume {dead}, or pop-deploy abort {dead}") as refused:
        advance(world.process(), journal, consent)

    assert refused.value.deployment_id == dead
    assert journal.deployment.plan is None
    assert world.effects == ["step-1"]
    assert world.locks.held == set()


def test_abort_is_not_offered_where_it_would_be_refused(world: World) -> None:
    world.store.die_at = ("after", "DeploymentDeployed")
    dead = world.crash("1.0.0")

    with pytest.raises(SlotClaimedByDead) as refused:
        advance(world.process(), world.begin(), YES)

    assert str(refused.value).endswith(f"Next: pop-deploy resume {dead}")


def test_a_deployment_that_died_after_its_end_claims_nothing(world: World) -> None:
    world.store.die_at = ("before", "SlotReleased")
    world.crash("1.0.0")

    second = world.deploy("1.1.0")

    assert second.deployment.state is State.VERIFIED
    assert world.slot_events() == ["SlotTaken", "SlotTaken", "SlotReleased"]


def test_two_racers_that_saw_the_same_free_slot_cannot_both_have_it(world: World) -> None:
    journal = world.prepared()
    confirm(world.process(), journal, how="confirm")
    other = SlotTaken(deployment_id="deploy-other", host="ci-9", pid=1, start_ticks=1, boot_id="boot-9")
    world.store.meanwhile = lambda: world.store.inner.append(SLOT.stream, [CODEC.encode(other)], expected_version=-1)

    with pytest.raises(SlotHeld, match="another deployment took it at the same moment"):
        advance(world.process(), journal, Consent())

    assert world.effects == []
    assert world.slot_events() == ["SlotTaken"]


def test_a_deployment_that_nobody_knows_is_wrong_usage(world: World) -> None:
    with pytest.raises(UsageProblem, match="no deployment 'deploy-x'"):
        load(world.process(), "deploy-x")


def test_a_killed_process_leaves_its_claim_and_no_lock(world: World) -> None:
    world.before["step-1"] = die

    world.crash("1.0.0")

    assert world.slot_events() == ["SlotTaken"]
    assert world.locks.held == set()
