"""The published schemas: current, and what the commands print is valid by them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.domain import events as e
from orchestrator.domain.questions import CONFIRM_DEPLOY, STEP_OUTCOME
from orchestrator.projections.command_results import prepare_result, rollback_result, simulated_rollback, verify_result
from orchestrator.projections.deployment_result import deployment_result
from orchestrator.rendering import schemas
from orchestrator.rendering.json_output import decision_document, document, dumps
from tests.unit.orchestrator.stories import BACK, OLD, Story, dry_run, plan

PUBLISHED = Path(__file__).parents[4] / "docs" / "schemas"
STORIES = {
    "requested": Story(target=None, mode=None),
    "prepared": Story().prepared(),
    "waiting": Story().prepared().asked(CONFIRM_DEPLOY),
    "refused": Story().prepared().tell(e.DeploymentRefused(rule="x", message="y")),
    "in doubt": Story().executing().done("build", 1).started("push").asked(STEP_OUTCOME, step="push"),
    "verified": Story().verified(),
    "failed": Story().executing().broke("build", 1, "no", exit_code=1).failed("build", "no"),
    "rolled back": Story().unhealthy().rolled_back(),
    "rollback failed": Story().unhealthy().rollback_failed(),
    "simulated": dry_run(),
    "failed dry run": dry_run(success=False),
}


def valid(name: str, value: Any) -> None:
    jsonschema.Draft202012Validator(schemas.schemas()[name]).validate(json.loads(dumps(value)))


@pytest.mark.parametrize("name", schemas.schemas())
def test_the_published_copy_is_current(name: str) -> None:
    published = (PUBLISHED / f"{name}.json").read_text(encoding="utf-8")

    current = schemas.rendered(schemas.schemas()[name])
    assert published == current, "run: python -m orchestrator.rendering.schemas --write docs/schemas"


def test_writing_gives_every_schema_its_file(tmp_path: Path) -> None:
    schemas.write(tmp_path / "new")

    assert {path.stem for path in (tmp_path / "new").iterdir()} == set(schemas.schemas())


@pytest.mark.parametrize("one", schemas.schemas().values(), ids=list(schemas.schemas()))
def test_every_schema_is_one(one: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(one)

    assert one["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", STORIES)
def test_every_report_is_valid(name: str) -> None:
    result = deployment_result(STORIES[name].deployment, history_path="deploy.json", deploy_url="")

    valid("deployment_result", result)
    assert set(document(result)) == set(schemas.schemas()["deployment_result"]["properties"])


def test_the_report_has_every_promised_key() -> None:
    promised = (
        "deployment_id deploy_url target environment version mode dry_run success state steps started_at finished_at duration_ms "
        "commit_sha image digest plan_digest rollback_version error history_path next"
    )
    published = schemas.schemas()["deployment_result"]

    assert set(promised.split()) <= set(published["required"])
    step = published["$defs"]["StepResult"]["required"]
    assert {"step", "description", "command", "status", "duration_s", "exit_code", "error"} <= set(step)
    assert set(published["$defs"]["ErrorResult"]["required"]) == {"message", "step", "trace", "holder"}


def test_the_plan_has_every_promised_key() -> None:
    promised = {"deployment_id", "plan_digest", "target", "environment", "version", "mode", "steps", "rollback_version", "state"}

    assert promised <= set(schemas.schemas()["prepare_result"]["required"])


def test_every_command_answers_as_published() -> None:
    valid("prepare_result", prepare_result(Story().prepared().deployment))
    valid("verify_result", verify_result(Story().verified().deployment))
    valid("rollback_result", rollback_result(Story().unhealthy().rolled_back().deployment, history_path="deploy.json"))
    valid("rollback_result", rollback_result(Story().unhealthy().rollback_failed().deployment, history_path="deploy.json"))
    valid("rollback_result", simulated_rollback(Story().verified().deployment, plan(*BACK), OLD))


@pytest.mark.parametrize("name", ["waiting", "in doubt"])
def test_an_open_question_is_printed_as_published(name: str) -> None:
    result = deployment_result(STORIES[name].deployment, history_path="deploy.json", deploy_url="")
    assert result.decision is not None

    valid("decision_required", decision_document(result.decision))


def test_a_missing_key_is_not_valid() -> None:
    report = document(deployment_result(Story().verified().deployment, history_path="", deploy_url=""))
    del report["plan_digest"]

    with pytest.raises(jsonschema.ValidationError, match="plan_digest"):
        valid("deployment_result", report)


def test_a_state_that_the_lifecycle_does_not_know_is_not_valid() -> None:
    report = document(deployment_result(Story().verified().deployment, history_path="", deploy_url=""))

    with pytest.raises(jsonschema.ValidationError, match="finished"):
        valid("deployment_result", report | {"state": "finished"})


def test_a_field_is_described_by_its_docstring() -> None:
    described = schemas.schemas()["deployment_result"]["properties"]["rollback_version"]["description"]

    assert described == "The last verified release, which a failure goes back to."


def test_refuses_a_type_that_it_cannot_describe() -> None:
    @dataclass
    class Odd:
        value: complex

    with pytest.raises(TypeError, match="no JSON schema for"):
        schemas.schema("odd", Odd)
