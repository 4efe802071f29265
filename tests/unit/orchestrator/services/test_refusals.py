"""What is refused, and that nothing was done: no confirmation, a stale plan, no canary, a slot that is not free."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.domain.errors import (
    CanaryUnsupported,
    DecisionOpen,
    Frozen,
    IllegalTransition,
    NotConfirmed,
    PlanStale,
    SlotClaimedByDead,
    SlotHeld,
    UsageProblem,
    ValidationRequired,
)
from orchestrator.domain.events import SlotTaken
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode
from orchestrator.services.codec import CODEC
from orchestrator.services.confirm import confirm
from orchestrator.services.execute import Consent, advance
from orchestrator.services.repository import Journal, load
from orchestrator.services.request import Wish, like_plan
from tests.unit.orchestrator.services.workspace import SLOT, YES, World, die


def prepared(world: World, **wish: object) -> Journal:
    journal = world.begin(**wish)
    advance(world.process(), journal, Consent(stop_when_prepared=True))
    return journal


def digest_of(journal: Journal) -> str:
    assert journal.deployment.prepared is not None
    return journal.deployment.prepared.plan_digest


# Confirmation


def test_a_live_deployment_waits_for_its_confirmation(world: World) -> None:
    journal = world.begin()

    with pytest.raises(DecisionOpen, match="confirm_deploy"):
        advance(world.process(), journal, Consent())

    assert journal.deployment.state is State.PREPARED
    assert world.effects == []


def test_a_confirmed_one_goes_on(world: World) -> None:
    journal = prepared(world)
    confirm(world.process(actor="bob@x"), journal, how="confirm", reason="CHG-42")

    advance(world.process(), load(world.process(), journal.deployment.id), Consent())

    done = world.deployment(journal.deployment.id)
    assert done.state is State.VERIFIED
    assert done.confirmation is not None
    assert (done.confirmation.by, done.confirmation.how, done.confirmation.reason) == ("bob@x", "confirm", "CHG-42")


def test_a_dry_run_needs_no_confirmation_and_takes_none(world: World) -> None:
    journal = prepared(world, mode=Mode.DRY_RUN)

    with pytest.raises(IllegalTransition, match="it is a dry run"):
        confirm(world.process(), journal, how="confirm")

    assert journal.deployment.state is State.PREPARED


def test_what_has_ended_cannot_be_confirmed_again(world: World) -> None:
    journal = world.deploy("1.0.0")

    with pytest.raises(IllegalTransition, match="is verified: cannot confirm"):
        confirm(world.process(), journal, how="confirm")


def test_confirming_another_plan_is_refused_and_names_both(world: World) -> None:
    journal = prepared(world)

    with pytest.raises(PlanStale, match="the plan is sha256:") as refused:
        confirm(world.process(), journal, how="confirm", digest="sha256:" + "0" * 64)

    assert refused.value.differences == (f"plan: sha256:{'0' * 64} -> {digest_of(journal)}",)
    assert journal.deployment.state is State.PREPARED


@pytest.mark.parametrize("shorten", [lambda digest: digest, lambda digest: digest[:15], lambda digest: digest[7:15]])
def test_a_beginning_of_eight_digits_names_the_plan(world: World, shorten: Callable[[str], str]) -> None:
    journal = prepared(world)

    confirm(world.process(), journal, how="confirm", digest=shorten(digest_of(journal)))

    assert journal.deployment.state is State.CONFIRMED


@pytest.mark.parametrize("short", ["sha256:", "", "sha256:1234567"])
def test_fewer_digits_name_nothing(world: World, short: str) -> None:
    journal = prepared(world)

    with pytest.raises(PlanStale):
        confirm(world.process(), journal, how="confirm", digest=short)


# Stale plans


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda world: setattr(world.files, "source", "sha256:2"), "source: sha256:1 -> sha256:2"),
        (lambda world: setattr(world.files, "commit", "c2"), "commit: c1 -> c2"),
        (lambda world: setattr(world.files, "version", "1.0.1"), "version: 1.0.0 -> 1.0.1"),
        (lambda world: world.configure(timeout_s=5), "config: sha256:"),
        (lambda world: world.configure(script={"steps": 2}), "step step-3"),
    ],
    ids=["source", "commit", "version", "configuration", "steps"],
)
def test_a_prepared_plan_that_no_longer_holds_is_refused_and_says_why(
    world: World, change: Callable[[World], None], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.targets.fake.FakeTarget.input_paths", lambda target: (target.tools.project_dir,))
    journal = prepared(world)
    confirm(world.process(), journal, how="confirm")
    change(world)

    with pytest.raises(PlanStale, match="the plan no longer holds; changed: ") as refused:
        advance(world.process(), load(world.process(), journal.deployment.id), Consent())

    assert any(difference.startswith(named) for difference in refused.value.differences), refused.value.differences
    assert (world.effects, world.deployment(journal.deployment.id).state) == ([], State.CONFIRMED)
    assert world.deployment(journal.deployment.id).refusals[-1].rule == "stale_plan"
    assert world.slot_events() == ["SlotTaken", "SlotReleased"]


def test_a_plan_is_stale_when_somebody_deployed_meanwhile(world: World) -> None:
    journal = prepared(world, version="1.1.0")
    confirm(world.process(), journal, how="confirm")
    world.deploy("1.0.0")

    with pytest.raises(PlanStale, match=r"observed: none -> 1\.0\.0"):
        advance(world.process(), load(world.process(), journal.deployment.id), Consent())


def test_a_version_that_was_named_is_not_looked_for_again(world: World) -> None:
    journal = prepared(world, version="3.0.0")
    confirm(world.process(), journal, how="confirm")
    world.files.version = "1.0.1"

    advance(world.process(), load(world.process(), journal.deployment.id), Consent())

    assert world.live == "3.0.0"


def test_a_dry_runs_digest_is_the_one_to_execute(world: World) -> None:
    dry = world.begin(mode=Mode.DRY_RUN)
    advance(world.process(), dry, Consent())
    workspace = world.process()
    wish = like_plan(workspace, Wish(), digest_of(dry)[:20])

    journal = world.begin(workspace, **vars(wish))
    advance(workspace, journal, Consent(yes=True, plan_digest=digest_of(dry)))

    assert (wish.target, wish.environment, wish.mode, wish.version) == ("web", "default", Mode.DEPLOY, None)
    assert journal.deployment.state is State.VERIFIED


def test_the_plan_of_a_named_version_brings_that_version_along(world: World) -> None:
    dry = world.begin(mode=Mode.DRY_RUN, version="7.0.0")
    advance(world.process(), dry, Consent())

    assert like_plan(world.process(), Wish(), digest_of(dry)).version == "7.0.0"


def test_a_digest_that_nobody_planned_is_refused(world: World) -> None:
    with pytest.raises(PlanStale, match=r"no plan sha256:0123456789 is on record\. Next: pop-deploy prepare"):
        like_plan(world.process(), Wish(), "sha256:0123456789")


def test_executing_a_stale_digest_names_what_changed_since(world: World) -> None:
    dry = world.begin(mode=Mode.DRY_RUN)
    advance(world.process(), dry, Consent())
    world.configure(timeout_s=7)
    journal = world.begin()

    with pytest.raises(PlanStale) as refused:
        advance(world.process(), journal, Consent(yes=True, plan_digest=digest_of(dry)))

    assert [difference.partition(":")[0] for difference in refused.value.differences] == [
        "config",
        "step step-1",
        "step step-2",
        "step step-3",
    ]
    assert world.effects == []


# The rules of an environment


FREEZE = {"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z", "reason": "holidays"}


def test_a_frozen_environment_is_refused_before_anybody_is_asked(world: World) -> None:
    world.document["environments"] = {"default": {"freeze": [FREEZE]}}
    journal = world.begin()

    with pytest.raises(Frozen, match="default is frozen until 2026-04-01T00:00:00Z: holidays"):
        advance(world.process(), journal, Consent())

    assert journal.deployment.plan is None
    assert journal.deployment.refusals[-1].rule == "freeze"


def test_a_freeze_that_begins_after_the_confirmation_counts(world: World) -> None:
    journal = prepared(world)
    confirm(world.process(), journal, how="confirm")
    world.document["environments"] = {"default": {"freeze": [FREEZE]}}

    with pytest.raises(Frozen):
        advance(world.process(), load(world.process(), journal.deployment.id), Consent())

    assert world.effects == []


def test_a_freeze_stops_neither_dry_run_nor_way_back(world: World) -> None:
    world.configure(auto_rollback=True)
    world.deploy("1.0.0")
    world.configure(script={"bad_versions": ["1.1.0"]})
    world.after["step-3"] = lambda _run: world.document.update(environments={"default": {"freeze": [FREEZE]}})  # type: ignore[func-returns-value]
    back = world.deploy("1.1.0")
    dry = world.begin(mode=Mode.DRY_RUN)
    advance(world.process(), dry, Consent())

    assert (back.deployment.state, dry.deployment.state) == (State.ROLLED_BACK, State.SIMULATED)


def test_an_environment_that_takes_only_validated_commits_takes_none(world: World) -> None:
    world.document["environments"] = {"default": {"requires_validation": True}}

    with pytest.raises(ValidationRequired, match="default takes only validated commits"):
        advance(world.process(), world.begin(), YES)

    assert world.effects == []


@pytest.mark.parametrize("who", ["ann@ci-7", "ann@another-host"])
def test_where_a_second_person_is_wanted_the_first_cannot_confirm(world: World, who: str) -> None:
    world.document["environments"] = {"default": {"approvals": 1}}
    journal = prepared(world)

    with pytest.raises(NotConfirmed, match="needs a second person"):
        confirm(world.process(actor=who), journal, how="confirm")

    assert journal.deployment.state is State.PREPARED


def test_the_second_person_can(world: World) -> None:
    world.document["environments"] = {"default": {"approvals": 1}}
    journal = prepared(world)

    confirm(world.process(actor="bob@ci-7"), journal, how="confirm")

    assert journal.deployment.state is State.CONFIRMED


# Canary


def test_a_canary_where_the_kind_has_none_is_refused_before_it_is_planned(world: World) -> None:
    journal = world.begin(mode=Mode.CANARY)

    with pytest.raises(CanaryUnsupported, match="of kind fake, which has no canary"):
        advance(world.process(), journal, YES)

    assert journal.deployment.state is State.REQUESTED
    assert [(refusal.rule) for refusal in journal.deployment.refusals] == ["canary"]


# Slots


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
    journal = prepared(world)
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
