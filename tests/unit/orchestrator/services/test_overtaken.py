"""What was true when it was looked up and is not any more when it is acted upon. Each was found by `tests/simulation`."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventstore import GuardFailed
from orchestrator.domain import events as e
from orchestrator.domain.errors import IllegalTransition, OutcomeUnknown, SlotClaimedByDead, SlotHeld
from orchestrator.domain.lifecycle import State
from orchestrator.services.confirm import confirm
from orchestrator.services.decide import decide
from orchestrator.services.execute import Consent, advance
from orchestrator.services.planning import open_target
from orchestrator.services.repository import Journal, load
from orchestrator.services.request import Wish, request
from orchestrator.services.rollback import choose, leaving, require_leaving, roll_back
from orchestrator.services.slot import claimant, hold
from orchestrator.services.verify import verify_again
from orchestrator.targets.base import CheckStatus, StepError, StepOutcome, StepRun
from tests.unit.orchestrator.services.workspace import SLOT, YES, World, die


def lost_reply(_run: StepRun) -> StepOutcome | None:
    raise StepError("no answer")


def verify(world: World, journal: Journal) -> bool:
    workspace = world.process()
    return verify_again(workspace, journal, *open_target(workspace, journal.deployment))


def test_a_way_back_is_refused_when_somebody_has_deployed_since_it_was_looked_up(world: World) -> None:
    world.deploy("1.0.0")
    world.deploy("1.1.0")
    workspace = world.process()
    journal = leaving(workspace, SLOT)
    require_leaving(workspace, journal)
    to = choose(workspace, journal.deployment, None)
    world.deploy("1.2.0")

    with pytest.raises(GuardFailed, match="nothing was written"):
        roll_back(workspace, journal, to, reason="thought for long")

    assert (world.live, world.running) == ("1.2.0", "1.2.0")


def test_what_fails_halfway_is_not_replaced_by_the_same_release(world: World) -> None:
    world.configure(auto_rollback=True)
    world.deploy("1.0.0")
    world.after["step-3"] = lost_reply

    again = world.deploy("1.0.0")

    assert (again.deployment.state, again.deployment.backward) == (State.FAILED, None)


def test_no_automatic_way_back_to_a_release_that_failed_a_verification_since_it_was_planned(world: World) -> None:
    world.configure(auto_rollback=True, health_check={"url": "http://localhost/"})
    first = world.deploy("1.0.0")
    world.files.version, world.files.source = "1.1.0", "sha256:1.1.0"
    workspace = world.process()
    journal = request(workspace, Wish(target="web", mode=first.deployment.mode), {})
    advance(workspace, journal, Consent(stop_when_prepared=True))
    world.health = [CheckStatus.FAIL]
    assert not verify(world, load(world.process(), first.deployment.id))
    world.after["step-3"] = lost_reply

    advance(workspace, journal, YES)

    assert (journal.deployment.state, journal.deployment.backward) == (State.FAILED, None)


def test_a_deployment_that_was_interrupted_before_its_own_verification_is_not_verified_by_others(world: World) -> None:
    world.store.die_at = ("after", "DeploymentDeployed")
    deployment_id = world.crash("1.0.0")

    with pytest.raises(SlotClaimedByDead, match=f"resume {deployment_id}"):
        verify(world, load(world.process(), deployment_id))

    assert world.deployment(deployment_id).state is State.DEPLOYED


def test_a_claim_is_not_taken_from_a_holder_that_begins_at_that_very_moment(world: World) -> None:
    """Its lock has died, and it does not know yet: between the look at its deployment and the epoch it may still write."""
    first, second = (confirmed(world, world.prepared().deployment.id) for _ in range(2))
    owner, other = world.process(pid=1), world.process(pid=2)
    holding = load(owner, first)
    with hold(owner, holding):
        world.locks.held.clear()
        world.store.meanwhile = lambda: holding.record(holding.deployment.start(0))

        with pytest.raises(SlotHeld), hold(other, load(other, second)):
            raise AssertionError("it has the slot")

    assert world.deployment(first).state is State.EXECUTING
    assert claimant(other, SLOT) == first


def confirmed(world: World, deployment_id: str) -> str:
    workspace = world.process()
    confirm(workspace, load(workspace, deployment_id), how="yes")
    return deployment_id


def test_an_answer_is_refused_while_somebody_is_at_work_on_the_question(world: World) -> None:
    world.configure(script={"unknown_at": "step-2"})
    world.before["step-2"] = die
    deployment_id = world.crash("1.0.0")
    with pytest.raises(OutcomeUnknown):
        world.resume(deployment_id)
    worker, person = world.process(pid=1), world.process(pid=2)

    with hold(worker, load(worker, deployment_id)), pytest.raises(SlotHeld):
        decide(person, load(person, deployment_id), "step_outcome", "done", how="decide")

    assert world.types(deployment_id)[-1] == "DecisionRequested"


def test_a_verification_that_passes_after_all_stops_what_an_earlier_failure_had_begun(tmp_path: Path) -> None:
    world = World(tmp_path, hooks={"on_failure": [["page"]]}, health_check={"url": "http://localhost/"})
    world.health = [CheckStatus.FAIL]
    world.configure(script={"steps": 1})
    world.after["step-1"] = lambda _run: setattr(world.store, "die_at", ("after", "StepStarted"))
    deployment_id = world.crash("1.0.0")
    assert world.types(deployment_id)[-1] == "StepStarted"

    journal = world.resume(deployment_id)

    assert journal.deployment.state is State.VERIFIED
    assert "StepProbed" in world.types(deployment_id)
    assert world.children.waits == [0]


def test_what_the_lifecycle_does_not_allow_is_refused_before_it_is_on_record(world: World) -> None:
    """Once there it would keep everybody from reading the deployment, for ever."""
    ended = world.deploy("1.0.0")
    workspace = world.process()
    journal = load(workspace, ended.deployment.id)
    before = world.types(ended.deployment.id)

    with pytest.raises(IllegalTransition, match="is verified: cannot pause"):
        journal.record(e.DeploymentPaused(reason="late"))

    assert world.types(ended.deployment.id) == before
    assert load(workspace, ended.deployment.id).deployment.state is State.VERIFIED
