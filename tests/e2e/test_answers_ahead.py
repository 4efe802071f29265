"""``--answers FILE`` for what comes after a deployment, and for a rollback: the same deeds and codes with ``--json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import Project, Ran

pytestmark = pytest.mark.e2e

FORMS = pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
DEPLOY = ("execute", "--mode", "deploy", "--target", "fake")


@pytest.fixture
def fake(fake: Project) -> Project:
    """1.0.0 is live at the target ``fake``; what comes is 1.1.0."""
    fake.deploy("1.0.0", "--target", "fake")
    fake.set_version("1.1.0")
    return fake


def answers(project: Project, **said: str) -> tuple[str, str]:
    file = project.root / "answers.json"
    file.write_text(json.dumps(said))
    return "--answers", str(file)


def breaks(project: Project, **script: Any) -> None:
    """From now on a deployment to ``fake`` does not succeed."""
    project.fake(steps=2, **script)


def last_result(done: Ran) -> str:
    """The report's result; of several the last."""
    if done.out.startswith("{"):
        result: str = done.json("deployment_result")["result"]
        return result
    return [line for line in done.out.splitlines() if line.startswith("Result: ")][-1].removeprefix("Result: ")


@FORMS
def test_a_success_that_is_verified_again_stays_one(fake: Project, form: tuple[str, ...]) -> None:
    done = fake.run(*DEPLOY, *answers(fake, confirm_deploy="proceed", post_deploy="verify"), *form)

    assert (done.code, "HEALTHY" in last_result(done) or last_result(done)) == (0, "SUCCESS" if form else True), done.out
    assert fake.last.answers["post_deploy"].how == "answers"
    assert fake.last.next_round() == 3


@FORMS
def test_a_success_that_is_left_again_is_rolled_back_and_no_failure(fake: Project, form: tuple[str, ...]) -> None:
    said = answers(
        fake, confirm_deploy="proceed", post_deploy="rollback", confirm_rollback="proceed", incident_report="create_report"
    )

    done = fake.run(*DEPLOY, *said, *form)

    assert done.code == 0, done.out + done.err
    assert "ROLLED BACK to 1.0.0" in done.out
    assert (fake.last.state, fake.history[0]["status"]) == (State.ROLLED_BACK, "rolled_back")
    if form:
        assert Path(done.json()["incident_report"]).exists()
        assert done.json()["rollback"]["by"].startswith("ann")


@FORMS
def test_a_way_back_that_nobody_confirmed_is_a_question(fake: Project, form: tuple[str, ...]) -> None:
    done = fake.run(*DEPLOY, *answers(fake, confirm_deploy="proceed", post_deploy="rollback"), *form)

    assert (done.code, fake.last.state) == (0, State.VERIFIED)
    assert fake.last.open_decision is not None and fake.last.open_decision.decision_id == "confirm_rollback"
    if form:
        assert done.json()["decision"]["decision_id"] == "confirm_rollback"


@FORMS
def test_a_failure_that_is_rolled_back_is_6(fake: Project, form: tuple[str, ...]) -> None:
    breaks(fake, bad_versions=["1.1.0"])

    done = fake.run(
        *DEPLOY, *answers(fake, confirm_deploy="proceed", after_failure="rollback", confirm_rollback="proceed"), *form
    )

    assert (done.code, last_result(done)) == (6, "ROLLED BACK to 1.0.0"), done.out + done.err


@FORMS
def test_a_retry_is_a_deployment_of_its_own_that_says_what_it_retries(fake: Project, form: tuple[str, ...]) -> None:
    breaks(fake, fail_at="step-1")

    done = fake.run(*DEPLOY, *answers(fake, confirm_deploy="proceed", after_failure="retry"), *form)

    first, again = fake.deployments()[1:]
    assert (done.code, first.state, again.state) == (1, State.FAILED, State.FAILED), done.out + done.err
    assert again.requested.caused_by == first.id
    if form:
        assert (done.json()["deployment_id"], done.json()["caused_by"]) == (again.id, first.id)
        assert done.json()["decision"]["decision_id"] == "after_failure"


@FORMS
def test_a_failure_that_is_given_up_stays_1(fake: Project, form: tuple[str, ...]) -> None:
    breaks(fake, fail_at="step-1")

    done = fake.run(*DEPLOY, *answers(fake, confirm_deploy="proceed", after_failure="abort"), *form)

    assert (done.code, fake.last.state) == (1, State.ABORTED), done.out + done.err


# rollback


def test_a_rollback_is_answered_ahead_from_the_strategy_to_the_report(three: Project) -> None:
    said = {"rollback_strategy": "specific", "rollback_version": "1.0.0", "confirm_rollback": "proceed"}

    done = three.run("rollback", *answers(three, **said, incident_report="create_report"), "--json")

    document = done.json("rollback_result")
    assert (done.code, document["rollback_to"], document["state"]) == (0, "1.0.0", "rolled_back"), done.err
    assert Path(document["incident_report"]).read_text().startswith("# ")
    assert {made.how for made in three.last.answers.values() if made.decision_id != "confirm_deploy"} == {"answers"}


@FORMS
@pytest.mark.parametrize(
    ("said", "code", "state"),
    [
        ({"confirm_rollback": "proceed"}, 0, State.ROLLED_BACK),
        ({"confirm_rollback": "dry_run"}, 0, State.VERIFIED),
        ({"confirm_rollback": "abort"}, 0, State.VERIFIED),
        ({"rollback_strategy": "previous"}, 3, State.VERIFIED),
        ({"rollback_strategy": "specific", "confirm_rollback": "proceed"}, 3, State.VERIFIED),
        ({"rollback_strategy": "specific", "rollback_version": "9.9.9"}, 3, State.VERIFIED),
        ({"rollback_strategy": "investigate"}, 3, State.VERIFIED),
        ({"confirm_rollback": "yes"}, 2, State.VERIFIED),
    ],
)
def test_a_rollback_does_what_was_answered_and_nothing_else(
    three: Project, said: dict[str, str], code: int, state: State, form: tuple[str, ...]
) -> None:
    done = three.run("rollback", *answers(three, **said), *form)

    assert (done.code, three.last.state) == (code, state), done.out + done.err
    assert "Traceback" not in done.err


def test_a_rollback_that_is_answered_twice_is_wrong_usage(three: Project) -> None:
    done = three.run("rollback", "--yes", *answers(three, confirm_rollback="proceed"))

    assert (done.code, three.last.state) == (2, State.VERIFIED)
    assert "confirm_rollback is answered by --yes already" in done.err
