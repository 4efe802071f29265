"""Rollbacks that a person asks for: which deployment is left, where to, and verifying what is live again."""

from __future__ import annotations

import signal

import pytest

from eventstore import GuardFailed
from orchestrator.domain.errors import (
    IllegalTransition,
    Interrupted,
    NothingLive,
    NothingToRollBack,
    SlotClaimedByDead,
    UsageProblem,
)
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Slot
from orchestrator.projections import releases
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.execute import Consent, advance
from orchestrator.services.planning import open_target
from orchestrator.services.repository import Journal, load
from orchestrator.services.rollback import can_be_named, choose, leaving, require_leaving, roll_back
from orchestrator.services.slot import claimant
from orchestrator.services.verify import verify_again, what_is_live
from orchestrator.targets.base import CheckStatus
from tests.unit.orchestrator.services.workspace import SLOT, World, die


def go_back(world: World, version: str | None = None) -> Journal:
    """What `pop-deploy rollback [--to VERSION]` does."""
    workspace = world.process()
    journal = leaving(workspace, SLOT)
    require_leaving(workspace, journal)
    roll_back(workspace, journal, choose(workspace, journal.deployment, version), reason="asked for")
    return journal


def verify(world: World, journal: Journal) -> bool:
    workspace = world.process()
    return verify_again(workspace, journal, *open_target(workspace, journal.deployment))


def reference(world: World) -> str | None:
    found = releases.reference(world.store.inner, SLOT)
    return found.version if found is not None else None


# Going back


def test_back_to_the_release_that_was_verified_before(world: World) -> None:
    world.deploy("1.0.0")
    second = world.deploy("1.1.0")

    journal = go_back(world)

    assert journal.deployment.id == second.deployment.id
    assert journal.deployment.state is State.ROLLED_BACK
    assert journal.deployment.rollback is not None
    assert (journal.deployment.rollback.automatic, journal.deployment.rollback.by) == (False, "ann@ci-7")
    assert (world.live, world.running) == ("1.0.0", "1.0.0")
    assert claimant(world.process(), SLOT) is None


def test_back_to_the_version_that_is_named(world: World) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        world.deploy(version)

    go_back(world, "1.0.0")

    assert world.running == "1.0.0"


def test_back_and_back_again(world: World) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        world.deploy(version)

    go_back(world)
    go_back(world)

    assert world.running == "1.0.0"


def test_forward_again_and_back_again(world: World) -> None:
    world.deploy("1.0.0")
    world.deploy("1.1.0")
    go_back(world)

    go_back(world, "1.1.0")
    forward = world.running
    go_back(world)
    publish_history(world.process())

    assert (forward, world.running) == ("1.1.0", "1.0.0")
    ways = [(record["version"], record["rollback_to"]) for record in world.history_file.records if "rollback_to" in record]
    assert ways == [("1.1.0", "1.0.0"), ("1.0.0", "1.1.0"), ("1.1.0", "1.0.0")]


def test_back_never_means_what_was_deployed_later(world: World) -> None:
    world.deploy("1.0.0")
    world.deploy("1.1.0")
    go_back(world)

    with pytest.raises(NothingToRollBack, match=r"no verified release before 1\.0\.0"):
        go_back(world)


def test_nothing_was_ever_deployed(world: World) -> None:
    with pytest.raises(NothingToRollBack, match="default/web: no deployment history, nothing to roll back"):
        leaving(world.process(), SLOT)


def test_a_version_that_was_never_verified_is_refused_and_says_which_were(world: World) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        world.deploy(version)

    with pytest.raises(NothingToRollBack, match=r"no verified release 9\.9\.9 to go back to; there are: 1\.1\.0, 1\.0\.0"):
        go_back(world, "9.9.9")

    assert world.running == "1.2.0"


def test_what_failed_and_changed_something_is_what_is_left(world: World) -> None:
    world.deploy("1.0.0")
    world.configure(script={"bad_versions": ["1.1.0"]})
    failed = world.deploy("1.1.0")

    journal = go_back(world)

    assert journal.deployment.id == failed.deployment.id
    assert world.running == "1.0.0"


def test_what_failed_before_it_changed_anything_is_not_what_is_left(world: World) -> None:
    world.deploy("1.0.0")
    live = world.deploy("1.1.0")
    world.configure(script={"fail_at": "step-1"})
    world.deploy("1.2.0")

    assert leaving(world.process(), SLOT).deployment.id == live.deployment.id


def test_what_is_not_live_any_more_cannot_be_left(world: World) -> None:
    first = world.deploy("1.0.0")
    second = world.deploy("1.1.0")

    with pytest.raises(NothingToRollBack, match=f"is not what is live in default/web: 1.1.0 of {second.deployment.id} is"):
        require_leaving(world.process(), load(world.process(), first.deployment.id))


def test_what_was_only_prepared_cannot_be_left(world: World) -> None:
    world.deploy("1.0.0")
    journal = world.begin()

    with pytest.raises(IllegalTransition, match="is requested: cannot roll back"):
        require_leaving(world.process(), journal)


def test_no_way_back_while_an_interrupted_deployment_claims_the_slot(world: World) -> None:
    world.deploy("1.0.0")
    live = world.deploy("1.1.0")
    world.before["step-3"] = die
    world.crash("1.2.0")

    with pytest.raises(SlotClaimedByDead):
        require_leaving(world.process(), load(world.process(), live.deployment.id))


def test_a_failed_way_back_can_be_tried_again(world: World) -> None:
    world.deploy("1.0.0")
    world.deploy("1.1.0")
    world.configure(health_check={"url": "http://127.0.0.1:1/"})
    world.health = [CheckStatus.FAIL]
    failed = go_back(world)

    again = go_back(world)

    assert failed.deployment.id == again.deployment.id
    assert again.deployment.state is State.ROLLED_BACK
    assert again.deployment.backward is not None and again.deployment.backward.records["restore"].attempt == 2


def test_a_way_back_that_is_killed_is_finished_by_resume(world: World) -> None:
    world.deploy("1.0.0")
    world.deploy("1.1.0")
    world.before["restore"] = die
    with world.dying():
        go_back(world)
    deployment_id = leaving(world.process(), SLOT).deployment.id

    journal = world.resume(deployment_id)

    assert journal.deployment.state is State.ROLLED_BACK
    assert world.running == "1.0.0"


def test_a_target_that_has_become_another_kind_is_refused_and_says_so(world: World) -> None:
    world.deploy("1.0.0")
    journal = world.deploy("1.1.0")
    world.document["targets"]["web"] = {"type": "local", "config": {"path": "../srv"}}

    with pytest.raises(UsageProblem, match=f"is of kind local now, and {journal.deployment.id} was planned for fake"):
        go_back(world)

    assert journal.deployment.state is State.VERIFIED


def test_a_release_of_another_kind_is_no_way_back(world: World) -> None:
    world.deploy("1.0.0")
    world.document["targets"]["web"] = {"type": "local", "config": {"path": "../srv"}}
    journal = world.begin(version="2.0.0")

    advance(world.process(), journal, Consent(stop_when_prepared=True))

    assert journal.deployment.prepared is not None
    assert journal.deployment.reference is None


def test_a_way_back_that_a_signal_stops_says_so(world: World) -> None:
    world.deploy("1.0.0")
    world.deploy("1.1.0")
    workspace = world.process()
    journal = leaving(workspace, SLOT)
    workspace.stop.signal = signal.SIGINT  # type: ignore[misc]

    with pytest.raises(Interrupted):
        roll_back(workspace, journal, choose(workspace, journal.deployment, None), reason="")

    assert journal.deployment.state is State.ROLLING_BACK
    assert journal.deployment.interrupted is not None and journal.deployment.interrupted.signal == "SIGINT"


# Verifying again


def test_a_release_that_fails_later_is_in_doubt_and_no_reference_until_it_passes(world: World) -> None:
    world.configure(health_check={"url": "http://127.0.0.1:1/"})
    journal = world.deploy("1.0.0")
    world.health = [CheckStatus.FAIL]

    failed = verify(world, journal)
    doubted = (journal.deployment.state, journal.deployment.under_way, reference(world))
    passed = verify(world, journal)

    assert (failed, passed) == (False, True)
    assert doubted == (State.DEPLOYED, False, None)
    assert (journal.deployment.state, reference(world)) == (State.VERIFIED, "1.0.0")
    assert [check.round for check in journal.deployment.checks] == [1, 1, 2, 2, 3, 3]


def test_verifying_what_is_not_live_is_refused_and_leaves_it_a_reference(world: World) -> None:
    first = world.deploy("1.0.0")
    second = world.deploy("1.1.0")

    with pytest.raises(NothingLive, match=f"1.1.0 of {second.deployment.id} is"):
        verify(world, first)

    assert [found.release.version for found in releases.verified(world.store.inner, SLOT, 5)] == ["1.1.0", "1.0.0"]


def test_after_a_way_back_the_restored_release_is_what_is_verified(world: World) -> None:
    first = world.deploy("1.0.0")
    world.deploy("1.1.0")
    go_back(world)

    live = what_is_live(world.process(), SLOT)

    assert live.deployment.id == first.deployment.id
    assert verify(world, live)


def test_a_release_that_was_left_and_brought_back_can_be_verified(world: World) -> None:
    world.deploy("1.0.0")
    second = world.deploy("1.1.0")
    go_back(world)
    go_back(world, "1.1.0")

    live = what_is_live(world.process(), SLOT)

    assert (live.deployment.id, live.deployment.state) == (second.deployment.id, State.ROLLED_BACK)
    assert verify(world, live)
    assert live.deployment.state is State.VERIFIED


def test_nothing_is_verified_while_nobody_knows_what_is_live(world: World) -> None:
    world.deploy("1.0.0")
    world.configure(script={"fail_at": "step-3", "outcome": "changed"})
    failed = world.deploy("1.1.0")

    with pytest.raises(NothingLive, match=f"since {failed.deployment.id} failed. Next: pop-deploy rollback"):
        what_is_live(world.process(), SLOT)

    assert reference(world) == "1.0.0"


def test_nothing_is_live_where_nothing_was_deployed(world: World) -> None:
    with pytest.raises(NothingLive, match="staging/web: nothing of ours is live there"):
        what_is_live(world.process(), Slot("shop", "staging", "web"))


def test_nothing_is_verified_while_an_interrupted_deployment_claims_the_slot(world: World) -> None:
    journal = world.deploy("1.0.0")
    world.before["step-3"] = die
    world.crash("1.1.0")

    with pytest.raises(SlotClaimedByDead):
        verify(world, journal)

    assert reference(world) == "1.0.0"


def test_answers_that_were_overtaken_by_a_deployment_are_not_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = world.deploy("1.0.0")
    workspace = world.process()
    settings, target = open_target(workspace, journal.deployment)

    def slow_verify(*_: object) -> object:
        world.deploy("1.1.0")
        monkeypatch.undo()
        return target.verify(journal.deployment.plan, journal.deployment.id, journal.deployment.outcomes())

    with monkeypatch.context() as patched:
        patched.setattr("orchestrator.services.verify.run_checks", lambda *args: list(slow_verify(*args)))  # type: ignore[call-overload]
        with pytest.raises(GuardFailed):
            verify_again(workspace, journal, settings, target)

    assert world.deployment(journal.deployment.id).state is State.VERIFIED
    assert [found.release.version for found in releases.verified(world.store.inner, SLOT, 5)] == ["1.1.0", "1.0.0"]


def test_a_failed_deployment_cannot_be_verified(world: World) -> None:
    world.configure(script={"verify": "fail"})
    journal = world.deploy("1.0.0")

    with pytest.raises(IllegalTransition, match="is failed: cannot verify"):
        verify(world, journal)


# The rollback's own time, and what it never goes to


def test_each_step_of_a_rollback_has_the_rollbacks_own_deadline(world: World) -> None:
    world.configure(timeout_s=7.0, rollback_timeout_s=90.0)
    world.deploy("1.0.0")
    world.deploy("1.1.0")

    deployment = go_back(world).deployment

    assert deployment.plan is not None and deployment.rollback is not None
    assert {step.timeout_s for step in deployment.plan.steps} == {7.0}
    assert {step.timeout_s for step in deployment.rollback.plan.steps} == {90.0}


def test_without_one_of_its_own_it_is_that_of_every_step(world: World) -> None:
    world.configure(timeout_s=7.0)
    world.deploy("1.0.0")
    world.deploy("1.1.0")

    deployment = go_back(world).deployment

    assert deployment.rollback is not None
    assert {step.timeout_s for step in deployment.rollback.plan.steps} == {7.0}


def test_a_release_that_is_the_one_to_leave_cannot_even_be_named(world: World) -> None:
    world.deploy("1.0.0")
    world.deploy("1.1.0")
    workspace = world.process()

    left = leaving(workspace, SLOT).deployment

    assert [found.release.version for found in can_be_named(workspace.store, left)] == ["1.0.0"]
    with pytest.raises(NothingToRollBack, match=r"no verified release 1\.1\.0 to go back to; there are: 1\.0\.0"):
        choose(workspace, left, "1.1.0")


def test_after_a_rollback_the_restored_release_is_what_is_live(world: World) -> None:
    first = world.deploy("1.0.0")
    world.deploy("1.1.0")

    left = go_back(world)

    (live,) = releases.live_slots(world.store.inner, SLOT)
    assert live.release is not None
    assert (live.release.version, live.made_by, live.put_there_by) == ("1.0.0", first.deployment.id, left.deployment.id)
    assert (live.verified, live.in_doubt) == (True, None)
