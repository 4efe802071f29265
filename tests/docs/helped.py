"""Every command of pop-deploy, found as a user finds it, with its help as text."""

from __future__ import annotations

from collections.abc import Iterator

import click

from orchestrator.cli.main import cli

COLUMNS = 100


def every_command() -> dict[str, click.Command]:
    """Full name (``pop-deploy store upgrade``) to command, in the order of the help; the program itself first."""
    return {"pop-deploy": cli, **dict(_below(cli, "pop-deploy"))}


def help_of(name: str, command: click.Command) -> str:
    """What ``--help`` prints on a terminal of `COLUMNS`."""
    context = click.Context(command, info_name=name, terminal_width=COLUMNS - 2, help_option_names=["-h", "--help"])
    return command.get_help(context) + "\n"


def parse(words: list[str]) -> None:
    """Parse *words* as pop-deploy would, and run nothing.

    Raises:
        click.UsageError: It would refuse them.
    """
    command: click.Command = cli
    name, rest = "pop-deploy", list(words)
    context: click.Context | None = None
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        # With the settings of its own: what a help option is called is kept by a command that has parsed once.
        context = click.Context(command, parent=context, info_name=name, **({} if context else command.context_settings))
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
    try:
        command.make_context(name, rest, parent=context)
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):
        return  # --help and --version end there, and so does a group without a command
    except click.MissingParameter:
        if rest:
            raise  # a command that is only mentioned needs no arguments


def _below(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group, info_name=name)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None, f"{name} {word} stands in the list and does not exist"
        yield f"{name} {word}", command
        if isinstance(command, click.Group):
            yield from _below(command, f"{name} {word}")
