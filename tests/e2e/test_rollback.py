"""`rollback` and `verify` as a user calls them: what they ask, where they lead, what they refuse."""

from __future__ import annotations

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import Project

pytestmark = pytest.mark.e2e


@pytest.fixture
def two(live: Project) -> Project:
    """1.1.0 is live, 1.0.0 was before."""
    live.write_source("new")
    live.deploy("1.1.0")
    return live


def test_a_rollback_asks_and_the_answer_leads_there(two: Project) -> None:
    asked = two.run("rollback", "--json")
    question = asked.json("decision_required")["decision_required"]
    decide, go_on = question["answer_with"].replace("<option>", "proceed").split(" && ")
    two.run(*decide.split()[1:])
    done = two.run(*go_on.split()[1:])

    assert asked.code == 3
    assert (question["decision_id"], question["detail"]["from"], question["detail"]["to"]) == (
        "confirm_rollback",
        "1.1.0",
        "1.0.0",
    )
    assert done.code == 0, done.err
    assert "Result: ROLLED BACK to 1.0.0" in done.out
    assert two.live == "hello"


def test_yes_goes_back_at_once_and_says_why_on_record(two: Project) -> None:
    done = two.run("rollback", "--yes", "--reason", "loses orders", "--actor", "bob")

    assert done.code == 0, done.err
    assert two.last.rollback is not None
    assert (two.last.rollback.reason, two.last.rollback.by.partition("@")[0]) == ("loses orders", "bob")
    assert (two.history[0]["status"], two.history[0]["rollback_to"], two.history[0]["actor"].partition("@")[0]) == (
        "rolled_back",
        "1.0.0",
        "bob",
    )


def test_one_confirmation_is_good_for_one_rollback_to_one_release(two: Project) -> None:
    two.write_source("newest")
    two.deploy("1.2.0")
    two.run("rollback", "--to", "1.0.0")
    latest = two.last.id
    two.run("decide", latest, "confirm_rollback=proceed")

    elsewhere = two.run("rollback", latest, "--to", "1.1.0")
    two.run("decide", latest, "confirm_rollback=proceed")
    done = two.run("rollback", latest)

    assert elsewhere.code == 3
    assert (done.code, two.live) == (0, "new")


def test_a_dry_run_of_the_way_back_changes_nothing(two: Project) -> None:
    done = two.run("rollback", "--dry-run")

    assert done.code == 0, done.err
    assert "Rolling back to 1.0.0:\n  [1/2] " in done.out
    assert "Nothing was changed" in done.out
    assert (two.live, two.last.state) == ("new", State.VERIFIED)


def test_the_list_says_what_can_be_gone_back_to(two: Project) -> None:
    done = two.run("rollback", "--list")

    first, second = done.out.splitlines()
    assert (first.split()[0], first.endswith("(live)"), second.split()[0]) == ("1.1.0", True, "1.0.0")


def test_a_version_that_does_not_exist_is_refused_and_the_others_named(two: Project) -> None:
    done = two.run("rollback", "--to", "9.9.9", "--yes")

    assert done.code == 5
    assert "no verified release 9.9.9 to go back to; there are: 1.0.0" in done.err


def test_an_older_deployment_cannot_be_left_nor_verified(two: Project) -> None:
    first = two.deployments()[0].id

    back, verified = two.run("rollback", first, "--yes"), two.run("verify", first)

    assert (back.code, verified.code) == (5, 5)
    assert "is not what is live" in back.err and "is not live" in verified.err
    assert two.live == "new"


def test_verify_says_healthy_and_unhealthy_and_doubt_takes_the_mark_away(two: Project) -> None:
    healthy = two.run("verify")
    (two.place / "current").unlink()
    unhealthy = two.run("verify", "--json")
    listed = two.run("rollback", "--list", "--json").json()

    result = unhealthy.json("verify_result")
    assert (healthy.code, "Result: HEALTHY" in healthy.out) == (0, True)
    assert (unhealthy.code, result["healthy"]) == (1, False)
    assert [row["version"] for row in listed["releases"]] == ["1.0.0"]


def test_another_target_and_another_environment_have_their_own_releases(two: Project) -> None:
    wrong = two.run("rollback", "--target", "loocal", "--yes")
    nothing = two.run("verify", "--environment", "elsewhere")

    assert (wrong.code, 'did you mean "local"?' in wrong.err) == (2, True)
    assert (nothing.code, "elsewhere/local: nothing of ours is live there" in nothing.err) == (5, True)
