"""Approvals by other people, freezes that are overridden: who, how and why is on record, and nothing counts that must not."""

from __future__ import annotations

import pytest

from orchestrator.cli import driving, errors
from orchestrator.domain.errors import DecisionOpen, Frozen, NotConfirmed
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode
from orchestrator.projections import deploy_history
from orchestrator.projections.deployment_result import deployment_result
from orchestrator.services.confirm import confirm
from orchestrator.services.decide import decide
from orchestrator.services.execute import Consent, advance
from orchestrator.services.repository import Journal, load
from tests.unit.orchestrator.cli.test_driving import silent
from tests.unit.orchestrator.services.workspace import YES, World

FREEZE = {"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z", "reason": "holidays"}
OVERRIDE = Consent(yes=True, override_freeze=True, reason="CHG-7", begun_here=True)


def wants(world: World, people: int) -> World:
    world.document["environments"] = {"default": {"approvals": people}}
    return world


def asked_by_ann(world: World) -> Journal:
    journal = world.begin()
    with pytest.raises(DecisionOpen):
        advance(world.process(), journal, YES)
    return journal


# Approvals


def test_the_yes_of_who_asked_leaves_it_prepared_with_an_open_question(world: World) -> None:
    journal = wants(world, 1).begin()

    done = driving.drive(world.process(), journal, YES, silent())

    assert (done.code, journal.deployment.state) == (errors.WAITING, State.PREPARED)
    question = done.result.decision
    assert question is not None and question.decision_id == "confirm_deploy"
    assert question.detail["needs"] == "a second person, not ann"
    assert "DeploymentApproved" not in world.types(journal.deployment.id)


def test_after_the_second_person_anybody_can_go_on(world: World) -> None:
    journal = asked_by_ann(wants(world, 1))
    decide(world.process(actor="bob@x"), journal, "confirm_deploy", "proceed", how="decide", reason="CHG-42")

    done = driving.drive(world.process(), load(world.process(), journal.deployment.id), Consent(), silent())

    assert done.code == errors.DONE
    made = done.result.confirmation
    assert made is not None and (made.by, made.how, made.reason) == ("bob@x", "decide", "CHG-42")
    assert made.plan_digest == done.result.plan_digest and made.at < (done.result.finished_at or "")
    assert [(each.by, each.how) for each in done.result.approvals] == [("bob@x", "decide")]


def test_the_yes_of_a_second_person_counts(world: World) -> None:
    journal = asked_by_ann(wants(world, 1))
    bobs = world.process(actor="bob@x")

    advance(bobs, load(bobs, journal.deployment.id), Consent(yes=True))

    assert world.deployment(journal.deployment.id).state is State.VERIFIED


def test_several_approvals_are_of_several_people(world: World) -> None:
    journal = asked_by_ann(wants(world, 2))
    first = confirm(world.process(actor="bob@x"), journal, how="confirm")

    with pytest.raises(NotConfirmed, match=r"needs 2 other people, and bob@y has approved it already \(1 of 2\)"):
        confirm(world.process(actor="bob@y"), journal, how="confirm")
    still_open = journal.deployment.open_decision
    second = confirm(world.process(actor="carl@x"), journal, how="confirm")

    assert (first, second) == (False, True)
    assert still_open is not None
    assert [each.by for each in journal.deployment.approvals] == ["bob@x", "carl@x"]
    assert journal.deployment.state is State.CONFIRMED


def test_who_planned_it_for_another_one_does_not_count_either(world: World) -> None:
    journal = wants(world, 1).begin()
    advance(world.process(actor="dora@x"), journal, Consent(stop_when_prepared=True))

    for who in ("ann@elsewhere", "dora@x"):
        with pytest.raises(NotConfirmed, match="asked for this deployment"):
            confirm(world.process(actor=who), journal, how="confirm")

    assert journal.deployment.state is State.PREPARED


# Freezes


def test_an_override_is_recorded_with_who_why_and_which(world: World) -> None:
    world.document["environments"] = {"default": {"freeze": [FREEZE]}}
    journal = world.begin()

    advance(world.process(), journal, OVERRIDE)

    done = world.deployment(journal.deployment.id)
    (said,) = done.freeze_overrides
    assert done.state is State.VERIFIED
    assert (said.by, said.reason, said.end, said.freeze_reason) == ("ann@ci-7", "CHG-7", FREEZE["to"], "holidays")
    (record,) = deploy_history.records(world.store.inner, "shop")
    assert record["freeze_override"] == "CHG-7"
    assert deployment_result(done, history_path="", deploy_url="").freeze_override == "CHG-7"


def test_an_override_holds_for_its_deployment_only(world: World) -> None:
    world.document["environments"] = {"default": {"freeze": [FREEZE]}}
    advance(world.process(), world.begin(), OVERRIDE)

    with pytest.raises(Frozen, match="--override-freeze with a --reason"):
        advance(world.process(), world.begin(), YES)


def test_an_override_does_not_reach_a_freeze_that_was_declared_later(world: World) -> None:
    world.document["environments"] = {"default": {"freeze": [FREEZE]}}
    journal = world.begin()
    with pytest.raises(DecisionOpen):
        advance(world.process(), journal, Consent(override_freeze=True, reason="CHG-7"))
    world.document["environments"] = {"default": {"freeze": [FREEZE, {**FREEZE, "to": "2026-05-01T00:00:00Z"}]}}

    with pytest.raises(Frozen, match="2026-05-01"):
        advance(world.process(), load(world.process(), journal.deployment.id), YES)


def test_without_a_freeze_nothing_is_overridden(world: World) -> None:
    journal = world.begin()

    advance(world.process(), journal, OVERRIDE)

    assert "FreezeOverridden" not in world.types(journal.deployment.id)
    assert "freeze_override" not in deploy_history.records(world.store.inner, "shop")[0]


def test_a_dry_run_overrides_nothing(world: World) -> None:
    world.document["environments"] = {"default": {"freeze": [FREEZE]}}
    journal = world.begin(mode=Mode.DRY_RUN)

    advance(world.process(), journal, OVERRIDE)

    assert journal.deployment.freeze_overrides == []
