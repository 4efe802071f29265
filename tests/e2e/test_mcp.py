"""`pop-deploy mcp` with the client of the mcp package: the same answers as the commands, the same rules, the same records."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import ANY

import pytest
from mcp import types

from orchestrator.domain.lifecycle import State
from orchestrator.mcp import calls, server
from tests.docs.pages import ROOT, blocks, read
from tests.e2e.project import Project
from tests.e2e.serving import LIVE, Served, served

pytestmark = pytest.mark.e2e

READING = {"status", "history", "show", "logs", "slots", "workflow", "investigate"}
WRITING = {"validate", "prepare", "execute", "decide", "resume", "promote", "abort", "rollback", "verify", "incident"}


@pytest.fixture
def client(project: Project) -> Iterator[Served]:
    with served(project) as client:
        yield client


# what there is


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_tools_are_listed_with_what_a_client_may_expect_of_them(project: Project, mode: str) -> None:
    with served(project, mode=mode) as client:
        tools = client.tools()

    hints = {name: tool.annotations for name, tool in tools.items() if tool.annotations is not None}
    assert set(hints) == READING | WRITING
    assert {name for name, hint in hints.items() if hint.read_only_hint} == READING
    destructive = {name for name, hint in hints.items() if hint.destructive_hint}
    assert destructive == {"execute", "decide", "resume", "promote", "abort", "rollback"}
    assert tools["decide"].input_schema["required"] == ["deployment_id", "decision_id", "answer", "reason"]
    described = [each.get("description") for tool in tools.values() for each in tool.input_schema["properties"].values()]
    assert all(described)
    assert "yes" not in tools["execute"].input_schema["properties"]


def test_the_documentation_names_every_tool_and_its_configuration_starts_a_server(project: Project) -> None:
    text = read(ROOT / "docs" / "mcp.md")
    (configured,) = json.loads(blocks(text, "json")[0].text)["mcpServers"].values()
    options = [str(project.path) if word.startswith("/") else word for word in configured["args"][1:]]
    project.configure(top={"environments": {"staging": {}}})

    with served(project, *options, **configured["env"]) as client:
        names, standing = set(client.tools()), client.call("status")

    assert configured["command"] == "pop-deploy"
    assert standing.data["configuration"]["targets"][0]["environment"] == "staging"
    table = text.partition("## Tools")[2].partition("\n\nA result")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert {name.strip(" `") for row in rows for name in row.split(",")} == names


def test_a_server_for_reading_has_no_tool_that_writes(project: Project) -> None:
    with served(project, "--read-only") as client:
        names, refused = set(client.tools()), client.call("execute", mode="dry_run")

    assert names == READING
    assert (refused.is_error, refused.code) == (True, 2)
    assert "no tool 'execute'; there are: status, " in refused.message
    assert not (project.data / "events.db").exists()


# the road


def test_a_dry_run_answers_what_the_command_prints(project: Project, client: Served) -> None:
    done = client.call("execute", mode="dry_run")

    assert (done.is_error, done.code) == (False, 0)
    assert done.valid("deployment_result")["state"] == "simulated"
    assert project.live is None


def test_a_live_deployment_is_asked_for_decided_and_verified(project: Project, client: Served) -> None:
    asked = client.call("execute", mode="deploy")
    question = asked.valid("decision_required")["decision_required"]
    identity = {"deployment_id": question["deployment_id"]}
    live_before = project.live
    decided = client.call("decide", **identity, decision_id="confirm_deploy", answer="proceed", reason="CHG-42")
    done = client.call("execute", **identity)

    assert (asked.is_error, asked.code) == (False, 3)
    assert [option["id"] for option in question["options"]] == ["proceed", "dry_run_first", "abort"]
    assert (live_before, decided.code, done.code) == (None, 0, 0)
    assert done.valid("deployment_result")["state"] == "verified"
    assert project.live == "hello"
    made = project.last.answers["confirm_deploy"]
    assert (made.how, made.reason, made.by.partition("@")[0]) == ("mcp", "CHG-42", "ann")


def test_an_answer_that_is_no_option_is_refused_with_the_options(project: Project, client: Served) -> None:
    identity = {"deployment_id": client.call("execute", mode="deploy").data["decision_required"]["deployment_id"]}

    refused = client.call("decide", **identity, decision_id="confirm_deploy", answer="yes", reason="why not")

    assert (refused.is_error, refused.code) == (True, 2)
    assert "expected one of proceed, dry_run_first, abort" in refused.message
    assert project.last.state is State.PREPARED


def test_an_answer_without_a_reason_is_refused(project: Project, client: Served) -> None:
    identity = {"deployment_id": client.call("execute", mode="deploy").data["decision_required"]["deployment_id"]}

    refused = client.call("decide", **identity, decision_id="confirm_deploy", answer="proceed")

    assert (refused.is_error, refused.code) == (True, 2)
    assert "decide: the argument reason is missing" in refused.message
    assert project.last.state is State.PREPARED


def test_yes_is_only_there_where_the_server_was_started_with_it(project: Project, client: Served) -> None:
    refused = client.call("execute", **LIVE)
    live_before = project.live
    with served(project, "--allow-yes", "--actor", "ann's agent") as trusted:
        done = trusted.call("execute", **LIVE)

    assert (refused.is_error, live_before) == (True, None)
    assert "no argument 'yes'" in refused.message
    assert (done.code, project.live) == (0, "hello")
    assert project.last.answers["confirm_deploy"].by.startswith("ann's agent@")


def test_a_rollback_is_listed_asked_for_decided_and_done(live: Project) -> None:
    live.write_source("new")
    live.deploy("1.1.0")
    with served(live) as client:
        listed = client.call("rollback", list_releases=True)
        asked = client.call("rollback", reason="1.1.0 loses orders")
        identity = {"deployment_id": asked.data["decision_required"]["deployment_id"]}
        client.call("decide", **identity, decision_id="confirm_rollback", answer="proceed", reason="1.1.0 loses orders")
        done = client.call("rollback", **identity)

    assert [release["version"] for release in listed.data["releases"]] == ["1.1.0", "1.0.0"]
    assert (asked.code, done.code) == (3, 0)
    assert done.valid("rollback_result")["state"] == "rolled_back"
    assert live.live == "hello"


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("history", {"limit": 5, "target": "local", "all_attempts": True}, ["history", "--limit", "5", "--all-attempts"]),
        ("show", {"deployment_id": "latest"}, ["show", "latest"]),
        ("logs", {"deployment_id": "latest"}, ["logs", "latest"]),
        ("slots", {}, ["slots"]),
        ("workflow", {}, ["workflow"]),
        ("status", {}, []),
    ],
)
def test_what_is_read_is_what_the_command_prints(
    live: Project, tool: str, arguments: dict[str, object], words: list[str]
) -> None:
    with served(live, "--read-only") as client:
        answered = client.call(tool, **arguments)

    assert answered.data == {**live.run(*words, "--json").json(), "exit_code": 0}


def test_a_failure_says_what_happened_and_is_an_error(project: Project) -> None:
    project.configure(local={"config": {"path": "../the place", "source": "public", "build": ["false"]}})
    with served(project, "--allow-yes") as client:
        failed = client.call("execute", **LIVE)
        known = client.call("investigate", deployment_id=failed.data["deployment_id"])
        report = client.call("incident", deployment_id="latest")

    assert (failed.is_error, failed.code) == (True, 1)
    assert failed.valid("deployment_result")["error"]["step"] == "build"
    assert (known.code, report.code) == (0, 0)
    assert [path.suffix for path in (project.data / "incidents").iterdir()] == [".md"]


def test_a_version_is_validated_before_it_goes_to_production(project: Project) -> None:
    project.configure(top={"environments": {"production": {}}})
    with served(project, "--allow-yes") as client:
        refused = client.call("execute", environment="production", **LIVE)
        validated = client.call("validate", environment="production", scope="quick")

    assert (refused.is_error, refused.code) == (True, 5)
    assert validated.data["readiness"]["recommendation"] in {"GO", "CONDITIONAL", "NO-GO"}
    assert project.live is None


# errors


def test_an_error_is_the_one_that_the_command_prints(project: Project, client: Served) -> None:
    project.deploy_json.unlink()

    refused = client.call("prepare")

    assert refused.is_error
    assert refused.data == {**project.run("prepare", "--json").json(), "exit_code": 2}


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("execute", {"traget": "local"}, "no argument 'traget', did you mean target?"),
        ("execute", {"dir": "/"}, "no argument 'dir', it has: deployment_id, "),
        ("execute", {"target": 7}, "target: expected a string, got '7'"),
        ("execute", {"wait_s": True}, "wait_s: expected an integer, got 'True'"),
        ("execute", {"target": "--yes"}, "begins with a dash"),
        ("execute", {"deployment_id": "--yes"}, "begins with a dash"),
        ("execute", {"target": " "}, "expected text of 1 to 4000 characters"),
        ("execute", {"reason": "a\nb"}, "expected text on one line"),
        ("show", {"deployment_id": "--dir=/"}, "begins with a dash"),
        ("show", {}, "show: the argument deployment_id is missing"),
        ("deploy", {}, "no tool 'deploy'"),
    ],
)
def test_a_wrong_argument_is_refused_and_nothing_is_done(
    live: Project, tool: str, arguments: dict[str, object], said: str
) -> None:
    before = len(live.deployments())
    with served(live) as client:
        refused = client.call(tool, **arguments)

    assert (refused.is_error, refused.code) == (True, 2)
    assert said in refused.message
    assert len(live.deployments()) == before


def test_without_the_package_the_command_says_what_to_install(project: Project, tmp_path: Path) -> None:
    missing = "import sys\nclass Missing:\n    def find_spec(self, name, path, target=None):\n"
    missing += "        if name == 'mcp':\n            raise ModuleNotFoundError(\"No module named 'mcp'\", name='mcp')\n"
    (tmp_path / "sitecustomize.py").write_text(f"{missing}sys.meta_path.insert(0, Missing())\n")

    done = project.run("mcp", PYTHONPATH=str(tmp_path))

    assert (done.code, done.out) == (2, "")
    assert "pip install 'pop-deploy[mcp]'" in done.err


def test_json_has_no_place_beside_the_protocol(project: Project) -> None:
    done = project.run("mcp", "--json")

    assert done.code == 2
    assert "leave --json out" in done.err


def test_more_calls_than_can_run_at_once_are_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_AT_ONCE", 0)
    tools = server.ToolServer(server.Settings(directory=str(project.path)))

    refused = asyncio.run(tools.call_tool(ANY, types.CallToolRequestParams(name="status")))

    assert (refused.is_error, refused.structured_content["exit_code"]) == (True, 4)
    assert "Wait for one of them to end" in refused.structured_content["error"]["message"]
