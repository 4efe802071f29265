"""The tools against the commands that they are: every word is one that the command takes, and no value becomes an option."""

from __future__ import annotations

import importlib
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.cli.main import cli
from orchestrator.domain.errors import UsageProblem
from orchestrator.mcp.tool import Argument, Tool
from orchestrator.mcp.tools import TOOLS, offered

SURROUNDINGS = ("--json", "--dir=.")
TEXT = st.sampled_from(["--yes", "-y", "--", "--dir=/", "a b", "=", "{x}", "--how=decide"]) | st.from_regex(
    r"-{0,2}[a-z=]{1,8}", fullmatch=True
)


def command_of(tool: Tool) -> click.Command:
    if not tool.command:
        return cli
    found: click.Command = importlib.import_module(f"orchestrator.cli.commands.{tool.command[0]}").command
    return found


def example(argument: Argument) -> Any:
    return {"string": argument.only[0] if argument.only else "x", "boolean": True, "integer": 1}[argument.type]


@pytest.mark.parametrize("tool", offered(allow_yes=True).values(), ids=lambda tool: tool.name)
def test_a_command_takes_every_word_of_its_tool(tool: Tool) -> None:
    who = ("--actor=ann",) if tool.says_who and not tool.reads else ()
    words = tool.words({argument.name: example(argument) for argument in tool.arguments}, (*SURROUNDINGS, *who))

    context = command_of(tool).make_context(tool.name, words[len(tool.command) :], help_option_names=["-h", "--help"])

    assert context.params["directory"] == "."
    assert all(f"{{{argument.name}}}" in "".join(tool.positional) for argument in tool.arguments if not argument.option)


@settings(max_examples=50)
@given(st.data())
def test_no_value_becomes_an_option(data: st.DataObject) -> None:
    tool = data.draw(st.sampled_from(TOOLS))
    texts = {each.name: data.draw(TEXT) for each in tool.arguments if each.type == "string"}

    words = tool.words(texts, SURROUNDINGS)

    places = [word.partition("=")[0] for word in words[: words.index("--") if "--" in words else len(words)]]
    options = (
        {each.option for each in tool.arguments}
        | {"--json", "--dir", *tool.command}
        | {each.partition("=")[0] for each in tool.fixed}
    )
    assert set(places) <= options


def test_null_is_an_argument_that_was_not_given() -> None:
    tool = offered()["execute"]

    assert tool.words({"target": None, "dry_run": False}, SURROUNDINGS) == ["execute", *SURROUNDINGS]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"step": "build"}, "logs: the argument deployment_id is missing"),
        ({"deployment_id": "latest", "stpe": "x"}, "no argument 'stpe', did you mean step?"),
        ({"deployment_id": ["latest"]}, "expected a string"),
        ({"deployment_id": "a\0b"}, "expected text of 1 to 4000 characters"),
        ({"deployment_id": "\udcff"}, "half characters"),
    ],
)
def test_refuses_arguments_that_the_tool_does_not_have(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageProblem, match=said):
        offered()["logs"].words(arguments, SURROUNDINGS)


def test_for_reading_there_is_nothing_that_changes_anything() -> None:
    assert all(tool.reads and not tool.destructive for tool in offered(read_only=True, allow_yes=True).values())
