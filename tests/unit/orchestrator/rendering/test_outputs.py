"""Every command says what it prints, and every schema that is published is somebody's answer."""

from __future__ import annotations

import click
import pytest

from orchestrator.rendering.outputs import OUTPUTS, SPEAKS_ANOTHER_PROTOCOL, command_of, schemas_of
from orchestrator.rendering.schemas import schemas
from tests.docs.helped import every_command
from tests.published import SCHEMAS, check_printed, closed_validator, problem_of

CALLED = {
    full.removeprefix("pop-deploy").strip()
    for full, command in every_command().items()
    if not isinstance(command, click.Group) or command.invoke_without_command
}
ABOUT_A_DEPLOYMENT = ("prepare", "execute", "confirm", "decide", "resume", "abort", "verify", "rollback")


def test_every_command_says_what_it_prints() -> None:
    assert set(OUTPUTS) == CALLED - SPEAKS_ANOTHER_PROTOCOL


def test_what_is_published_is_somebodys_answer() -> None:
    published = {path.stem for path in SCHEMAS.glob("*.json")} - {"deploy"}  # that one is of deploy.json

    assert published == set(schemas())


@pytest.mark.parametrize("word", ABOUT_A_DEPLOYMENT)
def test_an_answer_about_a_deployment_names_it_and_where_it_is_reached(word: str) -> None:
    results = [name for name in OUTPUTS[word] if name.endswith("_result")]

    assert results
    for name in results:
        published = schemas()[name]
        assert {"deployment_id", "deploy_url"} <= set(published["required"])
        assert published["properties"]["deploy_url"]["type"] == "string"


def test_several_answers_and_all_details_hold_whole_results() -> None:
    within = {
        "deployments": "DeploymentResult",
        "prepare_results": "PrepareResult",
        "show": "DeploymentResult",
    }

    for name, part in within.items():
        assert {"deployment_id", "deploy_url"} <= set(schemas()[name]["$defs"][part]["required"])


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("--json",), ""),
        (("store", "check", "--json"), "store check"),
        (("slots", "--json"), "slots"),
        (("slots", "release", "deploy-1", "--reason", "x"), "slots release"),
        (("execute", "deploy-1", "--json"), "execute"),
        (("logs", "latest", "build"), "logs"),
    ],
)
def test_a_command_is_found_in_what_was_typed(words: tuple[str, ...], command: str) -> None:
    assert command_of(words) == command


def test_a_command_without_a_line_is_found() -> None:
    with pytest.raises(LookupError, match="give the command a line"):
        check_printed(["undo", "--json"], "{}")


def test_an_error_and_an_open_question_have_schemas_of_their_own() -> None:
    assert schemas_of(["history"], {"decision_required": {}}) == ("decision_required",)
    assert schemas_of(["history"], {"success": False, "error": {"kind": "X"}}) == ("error",)
    assert schemas_of(["history"], {"deployments": []}) == ("history",)


def test_a_key_that_no_schema_names_is_found() -> None:
    answer = {"key": "k", "public_key": "k.pub", "fingerprint": "SHA256:x"}

    assert problem_of("audit_key", answer) is None
    assert "more" in str(problem_of("audit_key", {**answer, "more": 1}))
    assert "fingerprint" in str(problem_of("audit_key", {"key": "k", "public_key": "k.pub"}))


def test_an_error_may_say_more_than_its_schema() -> None:
    body = {"kind": "SlotHeld", "message": "held", "exit_code": 4, "slot": "web/production"}

    closed_validator("error").validate({"success": False, "error": body})


def test_two_lines_on_stdout_are_found() -> None:
    with pytest.raises(ValueError, match="Extra data"):
        check_printed(["audit", "key", "--json"], "{}\n{}\n")
