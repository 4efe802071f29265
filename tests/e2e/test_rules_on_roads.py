"""The rules on every road: typed for people, with ``--json``, through the drop-in script, and by `resume`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import Project, Ran

pytestmark = pytest.mark.e2e

SCRIPT = (sys.executable, str(Path(__file__).parents[2] / "scripts" / "execute_deployment.py"))
FREEZE = {"from": "2020-01-01T00:00:00Z", "to": "2120-01-01T00:00:00Z", "reason": "holidays"}
ROADS = ["text", "json", "script"]


def execute(project: Project, road: str, *words: str) -> Ran:
    """A live deployment, confirmed, on *road*."""
    if road == "script":
        return project.run("--action", "execute", *words, program=SCRIPT)
    return project.run("execute", "--yes", *words, *(["--json"] if road == "json" else []))


def frozen(project: Project) -> None:
    project.configure(top={"environments": {"default": {"freeze": [FREEZE]}}})


@pytest.mark.parametrize("road", ROADS)
def test_a_refused_attempt_is_on_record_and_not_in_the_history(project: Project, road: str) -> None:
    frozen(project)

    refused = execute(project, road, "--mode", "deploy")

    assert refused.code == (1 if road == "script" else 5)
    assert "default is frozen until 2120-01-01T00:00:00Z: holidays" in refused.out + refused.err
    attempt = project.last
    assert (attempt.state, [each.rule for each in attempt.refusals]) == (State.ABORTED, ["freeze"])
    assert attempt.id in project.run("history", "--all-attempts").out
    assert "DeploymentRefused" in project.run("replay", "latest").out
    assert (project.history, project.live) == ([], None)


def test_resume_is_refused_by_the_same_rule_and_that_is_on_record_too(project: Project) -> None:
    planned = project.run("prepare", "--json").json()["deployment_id"]
    frozen(project)

    refused = project.run("resume", planned)

    assert refused.code == 5
    assert [each.rule for each in project.last.refusals] == ["freeze"]
    assert (project.last.state, project.history, project.live) == (State.PREPARED, [], None)


@pytest.mark.parametrize("road", ROADS)
def test_an_overridden_freeze_is_in_the_history(project: Project, road: str) -> None:
    frozen(project)

    done = execute(project, road, "--mode", "deploy", "--override-freeze", "--reason", "CHG-7")
    unsaid = execute(project, road, "--mode", "deploy", "--override-freeze")

    assert (done.code, unsaid.code) == (0, 2), done.out + done.err
    assert project.history[0]["freeze_override"] == "CHG-7"
    assert len(project.deployments()) == 1


@pytest.mark.parametrize("road", ROADS)
def test_a_canary_where_there_is_none_is_refused_before_anything_starts(project: Project, road: str) -> None:
    refused = execute(project, road, "--mode", "canary")

    assert refused.code == (1 if road == "script" else 5)
    said = "local is of kind local, which has no canary: only swarm and kubernetes have one. Next: --mode deploy"
    assert said in refused.out + refused.err
    assert ([each.rule for each in project.last.refusals], project.last.plan) == (["canary"], None)
    assert (project.history, project.live, project.claims()) == ([], None, [])


def test_a_canary_is_not_even_prepared_where_there_is_none(project: Project) -> None:
    refused = project.run("prepare", "--mode", "canary", "--json")

    assert refused.code == 5
    assert "has no canary" in refused.json("deployment_result")["error"]["message"]


def test_of_several_targets_none_begins_a_canary_where_one_has_none(project: Project) -> None:
    project.fake("web", supports_canary=True)

    refused = project.run("execute", "--all", "--mode", "canary", "--yes", "--json")

    assert refused.code == 5, refused.out + refused.err
    assert [each.state for each in project.deployments()] == [State.ABORTED, State.ABORTED]
    assert "of this deploy.json web has one" in refused.out
    assert (project.history, project.live, project.claims()) == ([], None, [])


@pytest.mark.parametrize("road", ROADS)
def test_the_first_deployment_without_a_mode_is_a_dry_run(project: Project, road: str) -> None:
    done = execute(project, road)

    assert done.code == 0, done.out + done.err
    assert (project.last.state, project.last.dry_run, project.live, project.history) == (State.SIMULATED, True, None, [])


def test_resume_goes_on_with_a_first_deployment_as_a_dry_run(project: Project) -> None:
    project.fake("web")
    project.configure(local={"primary": False})
    asked = project.run("execute", "--json")
    deployment_id = asked.json("decision_required")["decision_required"]["deployment_id"]
    project.run("decide", deployment_id, "deploy_target=specific")
    named = project.run("resume", deployment_id, "--json")
    project.run("decide", deployment_id, "deploy_target_name=local")

    done = project.run("resume", deployment_id, "--json")

    assert (asked.code, named.code, done.code) == (3, 3, 0), done.out + done.err
    assert named.json("decision_required")["decision_required"]["decision_id"] == "deploy_target_name"
    assert (done.json()["target"], done.json()["result"]) == ("local", "SIMULATED")


def test_a_second_live_deployment_without_a_mode_asks_for_it(live: Project) -> None:
    asked = live.run("execute", "--json")

    assert asked.code == 3
    assert json.loads(asked.out)["decision_required"]["decision_id"] == "deploy_mode"


@pytest.mark.parametrize("road", ROADS)
def test_where_a_second_person_is_wanted_nobody_deploys_alone(project: Project, road: str) -> None:
    project.configure(top={"environments": {"default": {"approvals": 1}}})

    refused = execute(project, road, "--mode", "deploy")

    assert refused.code == (1 if road == "script" else 3)
    assert "confirm_deploy" in refused.out + refused.err
    assert (project.last.state, project.live) == (State.PREPARED, None)
