"""The whole road of a deployment: requested, planned, confirmed, run, verified, recorded; and what is coupled in one commit."""

from __future__ import annotations

import pytest

from eventstore import StoreUnavailable
from orchestrator.domain import events as e
from orchestrator.domain.errors import DecisionOpen
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode
from orchestrator.services.execute import Consent, advance
from orchestrator.targets.base import CheckStatus
from tests.unit.orchestrator.services.workspace import YES, World


def test_a_live_deployment_is_recorded_from_its_request_to_its_verification(world: World) -> None:
    journal = world.deploy("1.0.0")

    assert journal.deployment.state is State.VERIFIED
    assert world.types(journal.deployment.id) == [
        "DeploymentRequested",
        "DeploymentPrepared",
        "DecisionMade",
        "DeploymentConfirmed",
        "ExecutionStarted",
        *["StepStarted", "StepSucceeded"] * 3,
        "DeploymentDeployed",
        "CheckRecorded",
        "DeploymentVerified",
    ]
    assert world.effects == ["step-1", "step-2", "step-3"]
    assert (world.live, world.running) == ("1.0.0", "1.0.0")
    assert world.slot_events() == ["SlotTaken", "SlotReleased"]
    assert world.deployment(journal.deployment.id).state is State.VERIFIED


def test_what_is_in_memory_is_what_a_replay_gives(world: World) -> None:
    journal = world.deploy("1.0.0")

    replayed = world.deployment(journal.deployment.id)

    assert (replayed.requested_at, replayed.started_at, replayed.finished_at) == (
        journal.deployment.requested_at,
        journal.deployment.started_at,
        journal.deployment.finished_at,
    )
    assert replayed.outcomes() == journal.deployment.outcomes()
    assert replayed.plan == journal.deployment.plan
    assert replayed.release == journal.deployment.release
    assert [check.name for check in replayed.checks] == [check.name for check in journal.deployment.checks]


def test_the_outcome_of_a_step_and_the_intent_of_the_next_are_one_append(world: World) -> None:
    world.deploy("1.0.0")

    steps = [types for _, types in world.store.appends if any(name.startswith("Step") for name in types)]
    assert steps == [("StepStarted",), ("StepSucceeded", "StepStarted"), ("StepSucceeded", "StepStarted"), ("StepSucceeded",)]


def test_everything_between_taking_and_releasing_the_slot_is_fenced_by_its_epoch(world: World) -> None:
    world.deploy("1.0.0")

    kinds = [kind for kind, _ in world.store.appends]
    inside = world.store.guards[kinds.index("slot") + 1 : -1]
    assert {(guard.stream, guard.version) for guard in inside if guard} == {("slot-shop/default/web", 0)}
    assert None not in inside


def test_the_intent_is_on_record_before_the_effect(world: World) -> None:
    seen: dict[str, list[str]] = {}
    journal = world.begin()
    for name in ("step-1", "step-2"):
        world.before[name] = lambda run, name=name: seen.update({name: world.types(run.deployment_id)})  # type: ignore[misc]

    advance(world.process(), journal, YES)

    assert seen["step-1"][-1] == "StepStarted"
    assert seen["step-2"][-2:] == ["StepSucceeded", "StepStarted"]


@pytest.mark.parametrize("never", ["SlotTaken", "ExecutionStarted", "StepStarted"])
def test_nothing_starts_when_the_intent_cannot_be_recorded(world: World, never: str) -> None:
    world.store.fail_at = never
    journal = world.begin()

    with pytest.raises(StoreUnavailable, match="no space left"):
        advance(world.process(), journal, YES)

    assert world.effects == []
    assert world.locks.held == set()


def test_a_step_whose_outcome_cannot_be_recorded_is_found_on_resume_and_not_made_again(world: World) -> None:
    journal = world.begin(world.process())
    world.before["step-2"] = lambda _run: setattr(world.store, "fail_at", "StepSucceeded")
    with pytest.raises(StoreUnavailable):
        advance(world.process(), journal, YES)
    world.store.revive()
    world.before.clear()

    resumed = world.resume(journal.deployment.id)

    assert resumed.deployment.state is State.VERIFIED
    assert world.effects == ["step-1", "step-2", "step-3"]


def test_the_first_deployment_without_a_mode_is_a_dry_run_that_changes_nothing(world: World) -> None:
    journal = world.begin(mode=None)

    advance(world.process(), journal, Consent())

    assert (journal.deployment.state, journal.deployment.mode) == (State.SIMULATED, Mode.DRY_RUN)
    assert journal.deployment.simulated_ok
    assert world.effects == []
    assert world.slot_events() == []


def test_after_a_live_deployment_the_mode_is_asked_for(world: World) -> None:
    world.deploy("1.0.0")
    journal = world.begin(mode=None)

    with pytest.raises(DecisionOpen, match="deploy_mode"):
        advance(world.process(), journal, Consent())

    assert journal.deployment.state is State.REQUESTED


def test_a_dry_run_has_the_digest_of_the_live_deployment(world: World) -> None:
    dry, live = world.begin(mode=Mode.DRY_RUN), world.begin(mode=Mode.DEPLOY)

    advance(world.process(), dry, Consent())
    advance(world.process(), live, Consent(stop_when_prepared=True))

    assert dry.deployment.prepared is not None and live.deployment.prepared is not None
    assert dry.deployment.prepared.plan_digest == live.deployment.prepared.plan_digest


def test_a_simulated_live_mode_changes_nothing(world: World) -> None:
    journal = world.begin(mode=Mode.DEPLOY, simulate=True)

    advance(world.process(), journal, YES)

    assert journal.deployment.state is State.SIMULATED
    assert world.effects == []


def test_a_dry_run_whose_checks_failed_is_no_success(world: World) -> None:
    (world.root / "web-world").write_text("a file stands in the way")
    journal = world.begin(mode=Mode.DRY_RUN)

    advance(world.process(), journal, Consent())

    assert journal.deployment.simulated_ok is False


def test_a_dry_run_that_could_ask_nothing_is_no_success(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.targets.fake.FakeTarget.preflight", lambda *_: iter(()))
    journal = world.begin(mode=Mode.DRY_RUN)

    advance(world.process(), journal, Consent())

    assert journal.deployment.simulated_ok is False


def test_prepare_stops_with_the_plan(world: World) -> None:
    journal = world.begin()

    advance(world.process(), journal, Consent(stop_when_prepared=True))

    assert journal.deployment.state is State.PREPARED
    assert world.slot_events() == []


def test_hooks_run_as_steps_around_the_targets_own(world: World) -> None:
    world.configure(hooks={"before_deploy": [["migrate", "up"]], "after_deploy": [["warm"], ["tell", "all"]]})

    journal = world.deploy("1.0.0")

    assert list(journal.deployment.outcomes()) == [
        "before_deploy-1",
        "step-1",
        "step-2",
        "step-3",
        "after_deploy-1",
        "after_deploy-2",
    ]
    assert world.children.ran == [("migrate", "up"), ("warm",), ("tell", "all")]
    assert world.children.left == []


def test_every_step_has_the_configured_deadline(world: World) -> None:
    world.configure(timeout_s=42, hooks={"before_deploy": [["migrate"]]})

    journal = world.deploy("1.0.0")

    assert journal.deployment.plan is not None
    assert {step.timeout_s for step in journal.deployment.plan.steps} == {42}
    assert world.children.deadlines[0] <= 42


def test_the_health_check_is_asked_only_of_what_is_really_there(world: World) -> None:
    world.configure(health_check={"url": "http://127.0.0.1:1/"}, script={"verify": "fail"})
    world.health = [CheckStatus.PASS]

    journal = world.deploy("1.0.0")

    assert [(check.name, check.status) for check in journal.deployment.checks] == [
        ("live release", "fail"),
        ("health check", "skip"),
    ]
    assert world.health == [CheckStatus.PASS]


def test_those_who_watch_are_told_steps_and_checks_as_they_come(world: World) -> None:
    workspace = world.process()

    world.deploy("1.0.0", workspace)

    assert workspace.narrator.told == [  # type: ignore[attr-defined]
        "Steps:",
        *["[1/4] Step 1", "done", "[2/4] Step 2", "done", "[3/4] Step 3", "done"],
        *["[4/4] Health check", "live release pass: 1.0.0 is live", "passed"],
    ]


def test_the_confirmation_says_how_and_by_whom(world: World) -> None:
    journal = world.begin()

    advance(world.process(actor="bob@x"), journal, Consent(yes=True, how="script", reason="called with --mode deploy"))

    confirmed = next(event for event in world.events(journal.deployment.id) if isinstance(event, e.DeploymentConfirmed))
    assert (confirmed.how, confirmed.reason) == ("script", "called with --mode deploy")
