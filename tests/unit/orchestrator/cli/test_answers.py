"""``--answers FILE``: read strictly and whole, used once for each deployment, recorded as what it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import answers, driving, errors
from orchestrator.cli.answers import Ahead, Answers
from orchestrator.cli.ui import Ui
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.lifecycle import State
from orchestrator.services.execute import Consent
from tests.unit.orchestrator.cli.test_driving import silent
from tests.unit.orchestrator.services.workspace import World

TARGETS = ("web", "api")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def read(tmp_path: Path, text: str | bytes, **how: Any) -> Answers:
    file = tmp_path / "answers.json"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return answers.read(str(file), TARGETS, **how)


def ahead(**said: str) -> Ui:
    return replace(silent(as_json=False), ahead=Answers({name: Ahead(answer) for name, answer in said.items()}))


def test_an_answer_is_an_option_or_has_a_reason_beside_it(tmp_path: Path) -> None:
    found = read(tmp_path, '{"deploy_mode": "dry-run", "confirm_deploy": {"answer": "proceed", "reason": "CHG-42"}}')

    assert found.by_decision == {"deploy_mode": Ahead("dry_run"), "confirm_deploy": Ahead("proceed", "CHG-42")}


def test_a_name_of_a_target_is_the_choice_of_a_specific_one(tmp_path: Path) -> None:
    found = read(tmp_path, '{"deploy_target_name": "api"}')

    assert {name: each.answer for name, each in found.by_decision.items()} == {
        "deploy_target_name": "api",
        "deploy_target": "specific",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"confirm_deploy": "yes"}', "confirm_deploy: confirm_deploy=yes: expected one of proceed, dry_run_first, abort"),
        ('{"deploy_target_name": "npm"}', "expected one of web, api"),
        ('{"confirm": "proceed"}', "confirm: there is no such decision. Known are deploy_target, deploy_mode, confirm_deploy"),
        ('{"confirm_deploy": true}', "confirm_deploy: expected an option"),
        ('{"confirm_deploy": null}', "confirm_deploy: expected an option"),
        ('{"confirm_deploy": {"reason": "x"}}', "confirm_deploy: expected an option"),
        ('{"confirm_deploy": {"answer": "proceed", "why": "x"}}', "confirm_deploy: expected an option"),
        ('{"confirm_deploy": {"answer": "proceed", "reason": 7}}', "confirm_deploy: expected an option"),
        ('{"confirm_deploy": {"answer": "proceed", "reason": "a\\u001bb"}}', "expected text on one line"),
        ('{"confirm_deploy": "proceed", "confirm_deploy": "abort"}', "'confirm_deploy' stands there twice"),
        ('["proceed"]', "expected an object like"),
        ("{", "no JSON object"),
        (b"\xff\xfe", "no JSON object"),
        ("[" * 30_000, "no JSON object"),
        (" " * 70_000, "longer than 65536 bytes"),
        ('{"\\u001b[2J": "x"}', r"'\x1b[2J': there is no such decision"),
    ],
)
def test_refuses_what_is_no_answer_and_says_what_is(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        read(tmp_path, text)

    assert message in str(refused.value)
    assert str(refused.value).startswith(f"--answers {tmp_path / 'answers.json'}: ")


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="No such file"):
        answers.read(str(tmp_path / "none.json"), TARGETS)


def test_refuses_two_answers_to_one_question(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="confirm_deploy is answered by --yes already"):
        read(tmp_path, '{"confirm_deploy": "proceed"}', yes=True)


def test_all_questions_answered_ahead_need_nobody(world: World) -> None:
    world.configure("api")
    journal = world.begin(target=None, mode=None)
    ui = ahead(deploy_target="specific", deploy_target_name="api", deploy_mode="deploy", confirm_deploy="proceed")

    done = driving.drive(world.process(), journal, Consent(reason="release 7"), ui)

    assert (done.code, journal.deployment.target) == (errors.DONE, "api")
    made = journal.deployment.answers["confirm_deploy"]
    assert (made.how, made.by, made.reason) == ("answers", "ann@ci-7", "release 7")
    assert journal.deployment.confirmation is not None and journal.deployment.confirmation.how == "answers"


def test_a_question_that_comes_back_is_not_answered_by_the_same_words(world: World) -> None:
    journal = world.begin()

    done = driving.drive(world.process(), journal, Consent(), ahead(confirm_deploy="dry_run_first"))

    assert (done.code, journal.deployment.state) == (errors.WAITING, State.PREPARED)
    assert [check.phase for check in journal.deployment.checks] == ["preflight"]


def test_an_answer_that_cannot_be_taken_leaves_it_where_it_was(world: World) -> None:
    world.document["environments"] = {"default": {"approvals": 1}}
    journal = world.begin()

    done = driving.drive(world.process(), journal, Consent(), ahead(confirm_deploy="proceed"))

    assert (done.code, journal.deployment.state) == (errors.WAITING, State.PREPARED)
    assert done.result.error is not None and "needs a second person" in done.result.error.message


def test_retry_ahead_is_tried_once(world: World) -> None:
    world.configure(script={"fail_at": "step-1"})
    ui, consent = ahead(confirm_deploy="proceed", after_failure="retry"), Consent()
    workspace, journal = world.process(), world.begin()
    done = driving.drive(workspace, journal, consent, ui)

    code = driving.afterwards(workspace, journal, done, consent, ui).code

    assert code == errors.FAILED
    assert len(world.effects) == 0
    assert next(world.ids).endswith("0002")  # two deployments were begun


def test_what_comes_after_is_answered_ahead_too_and_stands_in_the_one_json_object(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, journal = world.process(), world.begin()
    ui = replace(ahead(confirm_deploy="proceed", post_deploy="verify"), as_json=True)
    done = driving.drive(workspace, journal, Consent(), ui)

    code = driving.concluded(workspace, journal, done, Consent(), ui)

    printed = json.loads(capsys.readouterr().out)
    assert (code, printed["state"]) == (errors.DONE, "verified")
    assert "post_deploy" in journal.deployment.answers
    assert journal.deployment.next_round() == 3


def test_every_decision_has_an_answer_that_the_file_may_hold(tmp_path: Path) -> None:
    from orchestrator.domain.questions import QUESTIONS

    for name, question in QUESTIONS.items():
        for option in question.ids:
            assert read(tmp_path, json.dumps({name: option})).by_decision[name].answer == option
