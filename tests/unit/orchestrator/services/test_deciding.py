"""Open questions: who is asked what, what an answer leads to, and what is taken as default where nobody can be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import DecisionOpen, IllegalTransition, UsageProblem
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode
from orchestrator.domain.questions import CONFIRM_DEPLOY
from orchestrator.services.abort import abort
from orchestrator.services.decide import decide, open_question
from orchestrator.services.execute import Consent, advance
from orchestrator.services.repository import Journal, load
from orchestrator.services.request import ask, siblings
from orchestrator.services.slot import claimant
from tests.unit.orchestrator.services.workspace import SLOT, YES, World


def waits_for(world: World, journal: Journal, consent: Consent | None = None) -> str:
    with pytest.raises(DecisionOpen) as asked:
        advance(world.process(), journal, consent or Consent())
    return asked.value.decision_id


def answer(world: World, journal: Journal, decision_id: str, chosen: str, **how: Any) -> str:
    return decide(world.process(), journal, decision_id, chosen, **{"how": "decide", **how})


@pytest.fixture
def two(tmp_path: Path) -> World:
    """Two enabled targets, none of them primary."""
    world = World(tmp_path, targets={})
    world.configure("web")
    world.configure("api")
    return world


# Target


def test_the_only_enabled_target_is_taken(world: World) -> None:
    journal = world.begin(target=None, mode=Mode.DRY_RUN)

    advance(world.process(), journal, Consent())

    selected = next(event for event in world.events(journal.deployment.id) if isinstance(event, e.TargetSelected))
    assert (selected.target, selected.how) == ("web", "default")


def test_the_primary_is_taken_where_nobody_can_be_asked(two: World) -> None:
    two.configure("api", primary=True)
    journal = two.begin(target=None, mode=Mode.DRY_RUN)

    advance(two.process(), journal, Consent())

    assert journal.deployment.target == "api"


def test_a_person_is_asked_for_the_target_even_with_a_primary(two: World) -> None:
    two.configure("api", primary=True)
    journal = two.begin(target=None, mode=Mode.DRY_RUN)

    assert waits_for(two, journal, Consent(interactive=True)) == "deploy_target"


def test_several_targets_and_none_primary_is_a_question(two: World) -> None:
    journal = two.begin(target=None, mode=Mode.DRY_RUN)

    assert waits_for(two, journal) == "deploy_target"
    assert journal.deployment.target is None


@pytest.mark.parametrize(("chosen", "name"), [("primary", "deploy_target_name"), ("specific", "deploy_target_name")])
def test_a_choice_that_names_none_leads_to_the_names(two: World, chosen: str, name: str) -> None:
    journal = two.begin(target=None, mode=Mode.DRY_RUN)
    waits_for(two, journal)
    answer(two, journal, "deploy_target", chosen)

    assert waits_for(two, journal) == name
    question = open_question(journal.deployment)
    assert question is not None and question.ids == ("web", "api")


def test_the_name_that_was_chosen_is_deployed_to(two: World) -> None:
    journal = two.begin(target=None, mode=Mode.DRY_RUN)
    waits_for(two, journal)
    answer(two, journal, "deploy_target", "specific")
    waits_for(two, journal)
    answer(two, journal, "deploy_target_name", "api")

    advance(two.process(), journal, Consent())

    assert (journal.deployment.target, journal.deployment.state) == ("api", State.SIMULATED)


def test_all_begins_with_the_primary_and_names_the_others(two: World) -> None:
    two.configure("api", primary=True)
    journal = two.begin(target=None, mode=Mode.DRY_RUN)
    waits_for(two, journal, Consent(interactive=True))
    answer(two, journal, "deploy_target", "all")

    advance(two.process(), journal, Consent())

    assert journal.deployment.target == "api"
    assert siblings(two.process(), journal.deployment) == ["web"]


def test_nobody_else_is_deployed_to_unless_all_was_said(two: World) -> None:
    journal = two.begin(target="api", mode=Mode.DRY_RUN)
    advance(two.process(), journal, Consent())

    assert siblings(two.process(), journal.deployment) == []


# Mode and confirmation


def test_a_person_is_asked_for_the_mode_of_the_first_deployment(world: World) -> None:
    journal = world.begin(mode=None)

    assert waits_for(world, journal, Consent(interactive=True)) == "deploy_mode"


def test_the_mode_that_was_chosen_is_taken(world: World) -> None:
    world.deploy("1.0.0")
    journal = world.begin(mode=None)
    waits_for(world, journal)
    answer(world, journal, "deploy_mode", "dry-run")

    advance(world.process(), journal, Consent())

    assert (journal.deployment.mode, journal.deployment.state) == (Mode.DRY_RUN, State.SIMULATED)


def test_proceed_is_the_confirmation_of_that_plan(world: World) -> None:
    journal = world.begin()
    waits_for(world, journal)

    answer(world, journal, "confirm_deploy", "proceed", reason="CHG-7")

    assert journal.deployment.state is State.CONFIRMED
    assert world.store.appends[-1][1] == ("DecisionMade", "DeploymentConfirmed")
    assert journal.deployment.confirmation is not None and journal.deployment.confirmation.reason == "CHG-7"


def test_dry_run_first_asks_the_checks_and_then_again(world: World) -> None:
    journal = world.begin()
    waits_for(world, journal)
    answer(world, journal, "confirm_deploy", "dry_run_first")
    workspace = world.process()

    with pytest.raises(DecisionOpen):
        advance(workspace, journal, Consent())

    assert workspace.narrator.told[0] == "Checks:"  # type: ignore[attr-defined]
    assert [check.phase for check in journal.deployment.checks] == ["preflight"]
    assert journal.deployment.open_decision is not None
    assert journal.deployment.open_decision.decision_id == "confirm_deploy"
    assert "confirm_deploy" not in journal.deployment.answers
    assert world.effects == []


def test_answering_abort_closes_it_before_anything_happened(world: World) -> None:
    journal = world.begin()
    waits_for(world, journal)

    answer(world, journal, "confirm_deploy", "abort")

    assert journal.deployment.state is State.ABORTED
    assert journal.deployment.aborted is not None and not journal.deployment.aborted.effect
    assert world.store.appends[-1][1] == ("DecisionMade", "DeploymentAborted")


def test_yes_answers_the_confirmation_and_nothing_else(two: World) -> None:
    journal = two.begin(target=None, mode=None)

    assert waits_for(two, journal, YES) == "deploy_target"


def test_a_question_that_stands_is_not_put_twice(world: World) -> None:
    journal = world.begin()
    waits_for(world, journal)

    waits_for(world, load(world.process(), journal.deployment.id))

    assert world.types(journal.deployment.id).count("DecisionRequested") == 1


def test_a_question_about_something_else_is_a_new_one(world: World) -> None:
    journal = world.begin()
    waits_for(world, journal)

    with pytest.raises(DecisionOpen):
        ask(journal, CONFIRM_DEPLOY, {"plan_digest": "another"})

    assert journal.deployment.open_decision is not None
    assert journal.deployment.open_decision.detail == {"plan_digest": "another"}


def test_what_is_not_asked_cannot_be_answered(world: World) -> None:
    journal = world.begin()

    with pytest.raises(UsageProblem, match="confirm_deploy is not asked here, no question is open"):
        answer(world, journal, "confirm_deploy", "proceed")


def test_another_question_than_the_open_one_is_named(world: World) -> None:
    journal = world.begin()
    waits_for(world, journal)

    with pytest.raises(UsageProblem, match="deploy_mode is not asked here, open is confirm_deploy"):
        answer(world, journal, "deploy_mode", "deploy")


def test_an_answer_that_is_no_option_is_refused_and_names_them(world: World) -> None:
    journal = world.begin()
    waits_for(world, journal)

    with pytest.raises(UsageProblem, match="confirm_deploy=yes: expected one of proceed, dry_run_first, abort"):
        answer(world, journal, "confirm_deploy", "yes")

    assert world.types(journal.deployment.id)[-1] == "DecisionRequested"


# Giving up


def test_a_prepared_one_can_be_given_up(world: World) -> None:
    journal = world.begin()
    waits_for(world, journal)

    abort(world.process(actor="bob@x"), journal, reason="wrong version")

    assert journal.deployment.state is State.ABORTED
    assert journal.deployment.aborted is not None
    assert (journal.deployment.aborted.by, journal.deployment.aborted.reason) == ("bob@x", "wrong version")
    assert world.slot_events() == []


def test_what_succeeded_cannot_be_given_up(world: World) -> None:
    journal = world.deploy("1.0.0")

    with pytest.raises(IllegalTransition, match="is verified: cannot abort"):
        abort(world.process(), journal, reason="")


def test_a_failed_one_is_closed_by_the_answer_abort(tmp_path: Path) -> None:
    from orchestrator.domain.questions import AFTER_FAILURE

    world = World(tmp_path, script={"fail_at": "step-1"})
    journal = world.deploy("1.0.0")
    with pytest.raises(DecisionOpen):
        ask(journal, AFTER_FAILURE)

    answer(world, journal, "after_failure", "abort")

    assert journal.deployment.state is State.ABORTED
    assert claimant(world.process(), SLOT) is None


def test_the_strategy_of_a_rollback_can_be_answered_before_it_is_asked(world: World) -> None:
    world.deploy("1.0.0")
    second = world.deploy("1.1.0")
    workspace = world.process()
    journal = load(workspace, second.deployment.id)

    decide(workspace, journal, "rollback_strategy", "specific", how="decide")

    assert journal.deployment.answers["rollback_strategy"].answer == "specific"


def test_no_report_can_be_asked_for_where_nothing_went_wrong(world: World) -> None:
    good = world.deploy("1.0.0")
    workspace = world.process()

    with pytest.raises(UsageProblem, match="incident_report is not asked here"):
        decide(workspace, load(workspace, good.deployment.id), "incident_report", "create_report", how="decide")
