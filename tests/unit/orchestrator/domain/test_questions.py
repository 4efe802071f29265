"""The questions: identifiers, labels and order are what the deploy skill shows; answers are checked."""

from __future__ import annotations

import pytest

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.questions import CONFIRM_DEPLOY, DEPLOY_MODE, QUESTIONS, Question, which_target, which_version


@pytest.mark.parametrize(
    ("decision_id", "options"),
    [
        ("deploy_target", ["primary", "all", "specific"]),
        ("deploy_mode", ["dry_run", "deploy", "canary"]),
        ("confirm_deploy", ["proceed", "dry_run_first", "abort"]),
        ("post_deploy", ["verify", "rollback", "done"]),
        ("after_failure", ["retry", "rollback", "abort"]),
        ("confirm_rollback", ["proceed", "dry_run", "abort"]),
        ("rollback_strategy", ["previous", "specific", "investigate"]),
        ("incident_report", ["create_report", "skip_report"]),
        ("step_outcome", ["done", "not_done", "abort"]),
    ],
)
def test_a_question_has_its_options_in_the_order_they_are_shown(decision_id: str, options: list[str]) -> None:
    assert list(QUESTIONS[decision_id].ids) == options


def test_after_a_deployment_one_may_verify_roll_back_or_be_done() -> None:
    assert set(QUESTIONS["post_deploy"].ids) == {"verify", "rollback", "done"}


def test_a_dry_run_is_recommended_first() -> None:
    assert DEPLOY_MODE.options[0].label == "Dry run (Recommended first)"


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
def test_a_form_can_show_every_question(question: Question) -> None:
    assert 0 < len(question.header) <= 12
    assert 2 <= len(question.options) <= 4
    assert len(set(question.ids)) == len(question.ids)
    assert question.default is None or question.default in question.ids
    for option in question.options:
        assert option.to_json() == {"id": option.id, "label": option.label, "description": option.description}
        assert option.label
        assert option.description


@pytest.mark.parametrize(("typed", "stored"), [("dry-run", "dry_run"), (" deploy ", "deploy"), ("canary", "canary")])
def test_an_answer_is_stored_in_one_form(typed: str, stored: str) -> None:
    assert DEPLOY_MODE.check(typed) == stored


def test_refuses_an_answer_that_is_no_option_and_names_those() -> None:
    with pytest.raises(UsageProblem, match="confirm_deploy=yes: expected one of proceed, dry_run_first, abort"):
        CONFIRM_DEPLOY.check("yes")


def test_the_targets_to_choose_from_are_those_that_are_enabled() -> None:
    question = which_target(["web-swarm", "npm"])

    assert (question.decision_id, question.ids) == ("deploy_target_name", ("web-swarm", "npm"))
    assert question.check("web-swarm") == "web-swarm"


def test_of_the_versions_to_go_back_to_four_are_shown_and_all_are_taken() -> None:
    question = which_version([(f"1.{minor}.0", f"verified {minor}") for minor in range(9, 2, -1)])

    assert question.ids == ("1.9.0", "1.8.0", "1.7.0", "1.6.0")
    assert question.check("1.3.0") == "1.3.0"
    with pytest.raises(UsageProblem, match=r"rollback_version=1\.2\.0: expected one of 1\.9\.0, .*, 1\.3\.0"):
        question.check("1.2.0")


def test_a_version_is_stored_as_it_is_written() -> None:
    question = which_version([("1.0.0-rc.1", "a"), ("0.9.0", "b")])

    assert question.check("1.0.0-rc.1") == "1.0.0-rc.1"


def test_a_single_version_can_be_declined() -> None:
    question = which_version([("1.0.0", "verified")])

    assert question.ids == ("1.0.0", "abort")
    assert len(question.header) <= 12


def test_of_the_same_version_twice_the_newest_is_shown() -> None:
    question = which_version([("1.1.0", "newer"), ("1.0.0", "x"), ("1.1.0", "older")])

    assert [(option.id, option.description) for option in question.options] == [("1.1.0", "newer"), ("1.0.0", "x")]
