"""What is refused, and that nothing was done: no confirmation, a rule of the environment, no canary."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.config import ResolvedTarget
from orchestrator.domain.errors import (
    CanaryUnsupported,
    DecisionOpen,
    Frozen,
    IllegalTransition,
    NotConfirmed,
    PlanStale,
    ValidationRequired,
)
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode, Slot
from orchestrator.services.confirm import confirm
from orchestrator.services.execute import Consent, advance
from orchestrator.services.repository import load
from orchestrator.targets.base import Target
from tests.unit.orchestrator.services.workspace import YES, World, digest_of

# Confirmation


def test_a_live_deployment_waits_for_its_confirmation(world: World) -> None:
    journal = world.begin()

    with pytest.raises(DecisionOpen, match="confirm_deploy"):
        advance(world.process(), journal, Consent())

    assert journal.deployment.state is State.PREPARED
    assert world.effects == []


def test_a_confirmed_one_goes_on(world: World) -> None:
    journal = world.prepared()
    confirm(world.process(actor="bob@x"), journal, how="confirm", reason="CHG-42")

    advance(world.process(), load(world.process(), journal.deployment.id), Consent())

    done = world.deployment(journal.deployment.id)
    assert done.state is State.VERIFIED
    assert done.confirmation is not None
    assert (done.confirmation.by, done.confirmation.how, done.confirmation.reason) == ("bob@x", "confirm", "CHG-42")


def test_a_dry_run_needs_no_confirmation_and_takes_none(world: World) -> None:
    journal = world.prepared(mode=Mode.DRY_RUN)

    with pytest.raises(IllegalTransition, match="it is a dry run"):
        confirm(world.process(), journal, how="confirm")

    assert journal.deployment.state is State.PREPARED


def test_what_has_ended_cannot_be_confirmed_again(world: World) -> None:
    journal = world.deploy("1.0.0")

    with pytest.raises(IllegalTransition, match="is verified: cannot confirm"):
        confirm(world.process(), journal, how="confirm")


def test_confirming_another_plan_is_refused_and_names_both(world: World) -> None:
    journal = world.prepared()

    with pytest.raises(PlanStale, match="the plan is sha256:") as refused:
        confirm(world.process(), journal, how="confirm", digest="sha256:" + "0" * 64)

    assert refused.value.differences == (f"plan: sha256:{'0' * 64} -> {digest_of(journal)}",)
    assert journal.deployment.state is State.PREPARED


@pytest.mark.parametrize("shorten", [lambda digest: digest, lambda digest: digest[:15], lambda digest: digest[7:15]])
def test_a_beginning_of_eight_digits_names_the_plan(world: World, shorten: Callable[[str], str]) -> None:
    journal = world.prepared()

    confirm(world.process(), journal, how="confirm", digest=shorten(digest_of(journal)))

    assert journal.deployment.state is State.CONFIRMED


@pytest.mark.parametrize("short", ["sha256:", "", "sha256:1234567"])
def test_fewer_digits_name_nothing(world: World, short: str) -> None:
    journal = world.prepared()

    with pytest.raises(PlanStale):
        confirm(world.process(), journal, how="confirm", digest=short)


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
    journal = world.prepared()
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
    journal = world.prepared()

    with pytest.raises(NotConfirmed, match="needs a second person"):
        confirm(world.process(actor=who), journal, how="confirm")

    assert journal.deployment.state is State.PREPARED


def test_the_second_person_can(world: World) -> None:
    world.document["environments"] = {"default": {"approvals": 1}}
    journal = world.prepared()

    confirm(world.process(actor="bob@ci-7"), journal, how="confirm")

    assert journal.deployment.state is State.CONFIRMED


# Canary


def test_a_canary_where_the_kind_has_none_is_refused_before_it_is_planned(world: World) -> None:
    journal = world.begin(mode=Mode.CANARY)

    with pytest.raises(CanaryUnsupported, match="of kind fake, which has no canary"):
        advance(world.process(), journal, YES)

    assert journal.deployment.state is State.REQUESTED
    assert [(refusal.rule) for refusal in journal.deployment.refusals] == ["canary"]


def test_the_refusal_names_the_targets_of_this_project_that_have_a_canary(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.configure("cluster")
    world.configure("idle", enabled=False)
    workspace = world.process()
    make = workspace.make_target

    def made(settings: ResolvedTarget, slot: Slot) -> Target:
        target = make(settings, slot)
        monkeypatch.setattr(target, "supports_canary", settings.name != "web", raising=False)
        return target

    workspace.make_target = made
    with pytest.raises(CanaryUnsupported, match=r"of this deploy.json cluster has one. Next: --target cluster, or --mode deploy"):
        advance(workspace, world.begin(mode=Mode.CANARY), YES)

    assert world.effects == []
