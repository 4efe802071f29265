"""Every command has help that helps, and the page about the commands is what they say themselves."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import pytest

from orchestrator.cli.main import COMMANDS
from tests.docs.helped import every_command, help_of, parse
from tests.docs.pages import PAGES, commands, name, read
from tests.docs.write_commands import PAGE, document

EVERY = every_command()
LEAVES = [full for full, command in EVERY.items() if not isinstance(command, click.Group)]


@pytest.mark.parametrize("word", COMMANDS)
def test_a_command_in_the_list_exists_under_its_name(word: str) -> None:
    command = importlib.import_module(f"orchestrator.cli.commands.{word}").command

    assert isinstance(command, click.Command)
    assert command.name == word


@pytest.mark.parametrize("full", LEAVES)
def test_a_command_shows_an_example_of_itself(full: str) -> None:
    text = help_of(full, EVERY[full])

    assert "Examples:" in text
    assert examples(text), "an example begins with pop-deploy"
    assert all(example[: len(full.split()) - 1] == full.split()[1:] for example in examples(text))


@pytest.mark.parametrize("full", LEAVES)
def test_an_example_in_the_help_is_one_that_pop_deploy_takes(full: str) -> None:
    for example in examples(help_of(full, EVERY[full])):
        parse(example)


@pytest.mark.parametrize("full", LEAVES)
def test_a_command_explains_every_option(full: str) -> None:
    options = [option for option in EVERY[full].params if isinstance(option, click.Option)]

    assert {"--dir", "--store", "--json"} <= {word for option in options for word in option.opts}
    assert [option.name for option in options if not option.help] == []


def test_the_page_of_commands_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_command_in_the_documentation_is_one_that_pop_deploy_takes(page: Path) -> None:
    for words in commands(read(page)):
        parse(_in_a_directory_that_exists(words))


def test_a_command_that_pop_deploy_does_not_take_is_found() -> None:
    found = list(commands("```sh\npop-deploy execute --force && pop-deploy history | head\n```\nor `pop-deploy undo`\n"))

    assert found == [["execute", "--force"], ["history"], ["undo"]]
    for words in (found[0], found[2]):
        with pytest.raises(click.UsageError):
            parse(words)


def examples(text: str) -> list[list[str]]:
    """The words of each example in a help text; what is explained after two blanks is left out."""
    lines = [line.strip() for line in text.partition("Examples:")[2].splitlines()]
    found = [re.split(r" {2,}", line)[0] for line in lines if line.startswith("pop-deploy ")]
    return [words for line in found for words in commands(f"```sh\n{line}\n```\n")]


def _in_a_directory_that_exists(words: list[str]) -> list[str]:
    if "--dir" not in words:
        return words
    place = words.index("--dir") + 1
    return [*words[:place], ".", *words[place + 1 :]]
