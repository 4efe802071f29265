"""Deploying as a script, a CI job or an agent does, without a terminal: questions are data, refusals name their reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import ID, Project

pytestmark = pytest.mark.e2e


def test_the_first_deployment_without_a_mode_is_a_dry_run(project: Project) -> None:
    done = project.run("execute")

    assert done.code == 0, done.err
    assert "Mode: dry_run" in done.out
    assert "Result: SIMULATED" in done.out
    assert re.search(r"Plan: sha256:[0-9a-f]{64}\n", done.out)
    assert not project.place.exists()
    assert project.history == []


def test_later_the_mode_has_to_be_said(live: Project) -> None:
    done = live.run("execute", "--json")

    assert done.code == 3
    assert done.json("decision_required")["decision_required"]["decision_id"] == "deploy_mode"


def test_a_live_deployment_waits_for_its_confirmation_with_the_question_as_data(project: Project) -> None:
    done = project.run("execute", "--mode", "deploy", "--json")

    asked = done.json("decision_required")
    deployment_id = asked["decision_required"]["deployment_id"]
    assert done.code == 3
    assert list(asked) == ["decision_required"]
    assert {name: value for name, value in asked["decision_required"].items() if name != "detail"} == {
        "deployment_id": deployment_id,
        "decision_id": "confirm_deploy",
        "question": "Ready to deploy? This will push changes to the target environment.",
        "header": "Confirm",
        "options": [
            {"id": "proceed", "label": "Deploy now", "description": "Execute the deployment"},
            {"id": "dry_run_first", "label": "Dry run first", "description": "Run a dry run before deploying"},
            {"id": "abort", "label": "Abort", "description": "Cancel deployment"},
        ],
        "answer_with": f"pop-deploy decide {deployment_id} confirm_deploy=<option> && pop-deploy execute {deployment_id}",
    }
    assert re.fullmatch(ID, deployment_id)
    assert project.live is None


def test_the_commands_that_are_offered_answer_it_and_go_on(project: Project) -> None:
    asked = project.run("execute", "--mode", "deploy", "--json").json()["decision_required"]
    decide, go_on = asked["answer_with"].replace("<option>", "proceed").split(" && ")

    decided = project.run(*decide.split()[1:])
    done = project.run(*go_on.split()[1:])

    assert (decided.code, done.code) == (0, 0), decided.err + done.err
    assert decided.last_line == f"Next: {go_on}"
    assert project.live == "hello"
    assert project.last.confirmation is not None
    assert (project.last.confirmation.how, project.last.confirmation.by.partition("@")[0]) == ("decide", "ann")


def test_prepare_confirm_execute(project: Project) -> None:
    prepared = project.run("prepare", "--json").json("prepare_result")
    confirmed = project.run("confirm", prepared["deployment_id"], "--actor", "bob", "--reason", "CHG-42")
    done = project.run("execute", prepared["deployment_id"], "--json")

    assert (prepared["state"], prepared["mode"], prepared["dry_run"]) == ("prepared", "deploy", False)
    assert confirmed.code == 0, confirmed.err
    assert done.code == 0, done.err
    result = done.json("deployment_result")
    assert (result["plan_digest"], result["state"], result["success"]) == (prepared["plan_digest"], "verified", True)
    assert project.last.confirmation is not None
    assert (project.last.confirmation.by.partition("@")[0], project.last.confirmation.reason) == ("bob", "CHG-42")


def test_confirming_another_plan_is_refused(project: Project) -> None:
    prepared = project.run("prepare", "--json").json()

    done = project.run("confirm", prepared["deployment_id"], "--plan", "sha256:" + "0" * 64)

    assert done.code == 5
    assert prepared["plan_digest"] in done.err


def test_yes_deploys_at_once(project: Project) -> None:
    done = project.run("execute", "--mode", "deploy", "--yes", "--json")

    result = done.json("deployment_result")
    assert done.code == 0, done.err
    assert (result["success"], result["state"], result["target"], result["version"]) == (True, "verified", "local", "1.0.0")
    assert [step["status"] for step in result["steps"]] == ["done", "done", "done", "passed"]
    assert result["history_path"] == ".claude/popkit/deploy.json"
    assert result["next"] == ["pop-deploy verify"]
    assert project.live == "hello"
    assert [record["status"] for record in project.history] == ["success"]


def test_yes_answers_nothing_but_the_confirmation(live: Project) -> None:
    done = live.run("execute", "--yes", "--json")

    assert done.code == 3
    assert done.json()["decision_required"]["decision_id"] == "deploy_mode"


def test_answering_abort_closes_it(project: Project) -> None:
    deployment_id = project.run("execute", "--mode", "deploy", "--json").json()["decision_required"]["deployment_id"]

    decided = project.run("decide", deployment_id, "confirm_deploy=abort")
    executed = project.run("execute", deployment_id)

    assert decided.code == 0
    assert (executed.code, executed.err.strip()) == (
        5,
        f"pop-deploy: {deployment_id} was aborted, it does not go on. Next: pop-deploy execute",
    )
    assert project.history == []


# The plan of a dry run


def test_the_plan_of_a_dry_run_is_executed_by_its_digest(live: Project) -> None:
    live.write_source("new")
    live.set_version("1.1.0")
    dry = live.run("execute", "--mode", "dry_run", "--environment", "default", "--json").json("deployment_result")

    done = live.run(*dry["next"][0].split()[1:], "--yes", "--json")

    result = done.json("deployment_result")
    assert done.code == 0, done.err
    assert (result["mode"], result["plan_digest"], result["state"]) == ("deploy", dry["plan_digest"], "verified")
    assert live.live == "new"


def _edit_source(project: Project) -> None:
    project.write_source("edited")


def _edit_configuration(project: Project) -> None:
    project.configure(local={"timeout_s": 17})


def _edit_version(project: Project) -> None:
    project.set_version("1.0.1")


def _commit(project: Project) -> None:
    project.commit("another")


def _deploy(project: Project) -> None:
    project.deploy()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_edit_source, "source: sha256:"),
        (_edit_configuration, "config: sha256:"),
        (_edit_version, "version: 1.0.0 -> 1.0.1"),
        (_commit, "commit: "),
        (_deploy, "observed: none -> 1.0.0"),
    ],
)
def test_a_plan_is_refused_when_anything_it_depends_on_has_changed(
    project: Project, change: Callable[[Project], None], named: str
) -> None:
    project.git("init", "-q")
    project.commit("first")
    dry = project.run("execute", "--json").json()
    change(project)
    before = project.live

    done = project.run("execute", "--plan", dry["plan_digest"], "--yes", "--json")

    assert done.code == 5, done.out
    assert "the plan no longer holds; changed: " in done.json("deployment_result")["error"]["message"]
    assert named in done.json()["error"]["message"]
    assert project.live == before


def test_nothing_of_ours_makes_a_plan_stale(project: Project) -> None:
    project.git("init", "-q")
    project.commit("first")
    dry = project.run("execute", "--json").json()
    project.run("execute", "--mode", "dry_run")
    project.run("prepare")

    done = project.run("execute", "--plan", dry["plan_digest"][:16], "--yes", "--json")

    assert done.code == 0, done.err
    assert not project.last.requested.dirty


def test_a_prepared_plan_is_refused_after_a_commit(project: Project) -> None:
    project.git("init", "-q")
    before = project.commit("first")
    prepared = project.run("prepare", "--json").json()
    project.run("confirm", prepared["deployment_id"])
    after = project.commit("second")

    done = project.run("execute", prepared["deployment_id"])

    assert done.code == 5
    assert f"commit: {before} -> {after}" in done.out
    assert project.live is None


def test_a_plan_that_nobody_made_is_refused(project: Project) -> None:
    done = project.run("execute", "--plan", "sha256:0123456789abcdef", "--yes")

    assert done.code == 5
    assert "no plan sha256:0123456789abcdef is on record" in done.err


# Git, versions


def test_without_git_there_is_no_commit(project: Project) -> None:
    project.deploy()

    assert project.last.requested.commit_sha is None
    assert "commit_sha" not in project.history[0]


def test_with_git_the_commit_is_on_record(project: Project) -> None:
    project.git("init", "-q")
    sha = project.commit()

    project.deploy()

    assert project.history[0]["commit_sha"] == sha
    assert not project.last.requested.dirty


def test_a_version_can_be_given(project: Project) -> None:
    project.deploy(None, "--version", "7.0.0")

    assert project.history[0]["version"] == "7.0.0"


# Several targets


def test_all_deploys_every_enabled_target_in_one_object(project: Project) -> None:
    project.fake("web", steps=1)
    project.configure(off={"type": "fake", "enabled": False, "config": {"dir": "off"}})

    done = project.run("execute", "--all", "--mode", "deploy", "--yes", "--json")

    document = done.json()
    assert done.code == 0, done.err
    assert (list(document), document["success"]) == (["deployments", "success"], True)
    assert [one["target"] for one in document["deployments"]] == ["local", "web"]
    assert {record["target"] for record in project.history} == {"local", "web"}


def test_after_the_first_that_fails_the_rest_is_not_begun(project: Project) -> None:
    project.fake("aaa", steps=1, fail_at="step-1")
    project.fake("bbb", steps=1)

    done = project.run("execute", "--target", "aaa", "--target", "bbb", "--mode", "deploy", "--yes", "--json")

    document = done.json()
    assert (done.code, document["success"], [one["target"] for one in document["deployments"]]) == (1, False, ["aaa"])
    assert "not begun, because aaa did not succeed: bbb" in done.err


def test_several_targets_and_none_primary_is_a_question(project: Project) -> None:
    project.configure(local={"primary": False})
    project.fake("web", steps=1)
    asked = project.run("execute", "--mode", "deploy", "--json")
    deployment_id = asked.json("decision_required")["decision_required"]["deployment_id"]

    project.run("decide", deployment_id, "deploy_target=specific")
    names = project.run("execute", deployment_id, "--json")
    project.run("decide", deployment_id, "deploy_target_name=web")
    done = project.run("execute", deployment_id, "--yes", "--json")

    assert (asked.code, names.code, done.code) == (3, 3, 0)
    assert [option["id"] for option in names.json()["decision_required"]["options"]] == ["local", "web"]
    assert done.json()["target"] == "web"


def test_answering_all_goes_on_with_every_target(project: Project) -> None:
    project.configure(local={"primary": False})
    project.fake("web", steps=1)
    deployment_id = project.run("execute", "--mode", "deploy", "--json").json()["decision_required"]["deployment_id"]
    project.run("decide", deployment_id, "deploy_target=all")

    done = project.run("execute", deployment_id, "--yes", "--json")

    assert done.code == 0, done.err
    assert [(one["target"], one["state"]) for one in done.json()["deployments"]] == [("local", "verified"), ("web", "verified")]
    assert project.last.requested.caused_by == deployment_id


def test_the_environment_decides_over_target_and_place(project: Project) -> None:
    project.configure(
        top={"environments": {"staging": {}, "live": {}}, "default_environment": "staging"},
        local={"environments": {"staging": {"config": {"path": "../staging"}}}},
    )

    project.deploy()

    assert (project.root / "staging" / "current" / "index.html").read_text() == "hello"
    assert (project.history[0]["environment"], project.last.state) == ("staging", State.VERIFIED)


def test_dry_run_first_shows_the_checks_and_asks_again(project: Project) -> None:
    deployment_id = project.run("execute", "--mode", "deploy", "--json").json()["decision_required"]["deployment_id"]
    project.run("decide", deployment_id, "confirm_deploy=dry_run_first")

    done = project.run("execute", deployment_id)

    assert done.code == 3
    assert "Checks:\n  [pass] source: " in done.out
    assert f"Answer with: pop-deploy decide {deployment_id} confirm_deploy=<option>" in done.out
    assert json.loads(project.deploy_json.read_text()).get("history", []) == []


def test_prepare_of_all_targets_is_one_object(project: Project) -> None:
    project.fake("web", steps=1)

    done = project.run("prepare", "--all", "--json")

    document = done.json()
    assert (done.code, list(document)) == (0, ["deployments", "success"])
    assert [(one["target"], one["state"]) for one in document["deployments"]] == [("local", "prepared"), ("web", "prepared")]
