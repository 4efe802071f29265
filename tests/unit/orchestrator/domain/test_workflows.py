"""The workflow is the deploy skill's, with what that leaves out added beside it, and every way through it comes to an end."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain import questions
from orchestrator.domain.workflow import TERMINAL, Workflow
from orchestrator.domain.workflows import EXECUTE, WORKFLOWS, document
from tests.docs.helped import parse

ORIGINAL = json.loads((Path(__file__).parents[3] / "data" / "skill-workflow.json").read_text(encoding="utf-8"))
EACH = pytest.mark.parametrize("workflow", WORKFLOWS.values(), ids=list(WORKFLOWS))


def step(name: str) -> dict[str, Any]:
    (found,) = [each for each in document()["steps"] if each["id"] == name]
    return dict(found)


def edges(name: str) -> dict[str, str]:
    return {edge["when"]: edge["next"] for edge in step(name)["edges"]}


def test_the_skills_own_words_stand_at_the_top() -> None:
    assert {key: value for key, value in document().items() if key in ORIGINAL and key != "steps"} == {
        key: value for key, value in ORIGINAL.items() if key != "steps"
    }


@pytest.mark.parametrize("original", ORIGINAL["steps"], ids=[each["id"] for each in ORIGINAL["steps"]])
def test_a_step_of_the_skill_is_kept_to_the_letter(original: dict[str, Any]) -> None:
    ours = step(original["id"])

    assert {key: ours.get(key) for key in original} == original
    assert ours["added"] is False


def test_the_skills_steps_are_in_its_order_and_all_others_are_marked() -> None:
    steps = document()["steps"]

    assert [each["id"] for each in steps if not each["added"]] == [each["id"] for each in ORIGINAL["steps"]]
    assert all(edge["added"] for each in steps for edge in each["edges"])


def test_whoever_knows_only_the_skills_keys_never_meets_an_added_step() -> None:
    known = {each["id"] for each in ORIGINAL["steps"]}
    kept = [each for each in document()["steps"] if each["id"] in known]

    followers = {each["next"] for each in kept if "next" in each} | {
        to for each in kept for to in each.get("next_map", {}).values()
    }
    assert followers <= known


def test_a_failed_verification_and_a_failed_deployment_lead_to_a_decision() -> None:
    assert edges("run_verify")["failed"] == edges("execute_deploy")["failed"] == "after_failure"
    assert set(step("after_failure")["next_map"]) == {"retry", "rollback", "abort"}


def test_a_failed_rollback_does_not_end_as_if_all_were_well() -> None:
    assert edges("run_rollback") == {"failed": "rollback_failed"}
    assert step("rollback_failed")["type"] == TERMINAL


def test_a_dry_run_before_the_confirmation_comes_back_to_it() -> None:
    assert edges("execute_deploy")["dry_run_first"] == "confirm_deploy"


def test_specific_really_asks_for_the_target() -> None:
    assert edges("target_decision") == {"specific": "target_name"}
    assert (step("target_name")["decision_id"], step("target_name")["next"]) == ("deploy_target_name", "mode_decision")


@EACH
def test_every_follower_exists_every_step_is_reached_and_every_way_ends(workflow: Workflow) -> None:
    steps = {each.id: each for each in workflow.steps}
    reached, waiting = set(), [workflow.steps[0].id]
    while waiting:
        reached.add(name := waiting.pop())
        waiting += [each for each in steps[name].followers if each not in reached]

    assert reached == set(steps)
    assert all((each.type == TERMINAL) == (not each.followers) for each in workflow.steps)


@EACH
def test_a_question_fits_a_form_and_every_option_leads_somewhere(workflow: Workflow) -> None:
    for each in workflow.steps:
        if each.question is None:
            continue
        assert len(each.question.header) <= 12
        assert set(each.answers) == set(each.question.ids)
        assert each.options_from is not None or 2 <= len(each.question.options) <= 4
        assert all(option.description for option in each.question.options)


def test_every_question_that_is_ever_asked_stands_in_a_workflow() -> None:
    asked = {each.question.decision_id for workflow in WORKFLOWS.values() for each in workflow.steps if each.question}

    assert asked == {*questions.QUESTIONS, questions.DEPLOY_TARGET_NAME, questions.ROLLBACK_VERSION}


@EACH
def test_a_command_of_a_step_is_one_that_pop_deploy_takes(workflow: Workflow) -> None:
    for each in workflow.steps:
        if each.command is not None:
            parse(shlex.split(each.command.replace("<scope_level>", "quick"))[1:])


def test_all_workflows_are_in_the_document() -> None:
    assert list(document()["workflows"]) == ["deploy-execute", "deploy-rollback", "deploy-validate"]
    assert document()["workflows"]["deploy-execute"] == EXECUTE.to_json()
