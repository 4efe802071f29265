"""Options that several commands share, as decorators. Parsing only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from orchestrator.cli import completing

F = TypeVar("F", bound=Callable[..., Any])


def given(text: str) -> str:
    """Type of an option that has to say something: an empty variable in a script must not mean "whatever is the default"."""
    if not text.strip():
        raise click.BadParameter("it is empty. Leave the option out, or give it a value.")
    return one_line(text)


def one_line(text: str) -> str:
    """Type of text that is recorded, shown and compared: on one line, without control characters, and not an option that was
    taken for the value of the one before it (``--reason --yes``)."""
    text = text.strip()
    if not text.isprintable():
        raise click.BadParameter(f"expected text on one line without control characters, got {text[:60]!a}.")
    if text.startswith("-"):
        raise click.BadParameter(f"expected a value, got {text[:60]!a}, which begins with a dash like an option.")
    return text


_DIRECTORY = click.option(
    "--dir",
    "directory",
    default=".",
    show_default=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="The project.",
)
_STORE = click.option(
    "--store", envvar="POP_DEPLOY_STORE", type=one_line, metavar="URL", help="Where the events are, if not in the data directory."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


def project(function: F) -> F:
    """``--dir``, ``--store`` and ``--json``: what every command has."""
    for option in (_JSON, _STORE, _DIRECTORY):
        function = option(function)
    return function


def refuse_misplaced(ctx: click.Context) -> None:
    """Options of `project` belong to the bare command; in front of another one they would be lost without a word."""
    names = {"directory": "--dir", "store": "--store", "as_json": "--json"}
    given = [name for key, name in names.items() if ctx.get_parameter_source(key) is ParameterSource.COMMANDLINE]
    if given:
        hint = f"{ctx.command_path} {ctx.invoked_subcommand} {given[0]} ..."
        raise click.UsageError(f"put {' and '.join(given)} behind the command: {hint}")


def actor(function: F) -> F:
    """``--actor`` and ``--reason``: who and why, for everything that is recorded."""
    return who(click.option("--reason", default="", type=one_line, metavar="TEXT", help="Why; recorded.")(function))


def who(function: F) -> F:
    """``--actor`` alone, where the reason is required."""
    help_text = "Who; otherwise the CI's user, git's, or the login."
    return click.option("--actor", type=one_line, metavar="NAME", help=help_text)(function)


def road(function: F) -> F:
    """``--how``: by which road an answer came, for whoever runs the command for somebody else (`orchestrator.mcp`)."""
    help_text = "By which road the answer came; recorded."
    return click.option("--how", type=click.Choice(["decide", "mcp"]), default="decide", hidden=True, help=help_text)(function)


def all_projects(function: F) -> F:
    """``--all-projects``: for commands that show a store which several projects may share."""
    return click.option("--all-projects", is_flag=True, help="Of every project that shares the store.")(function)


def environment(function: F) -> F:
    help_text = "Otherwise POP_DEPLOY_ENVIRONMENT, or default_environment."
    return click.option(
        "--environment", "-e", type=given, metavar="NAME", help=help_text, shell_complete=completing.environments
    )(function)


def target(*, multiple: bool = False) -> Callable[[F], F]:
    return click.option(
        "--target",
        "-t",
        "targets" if multiple else "target",
        multiple=multiple,
        type=given,
        metavar="NAME",
        help="A target of deploy.json.",
        shell_complete=completing.targets,
    )


def deployment_id(*, required: bool = True) -> Callable[[F], F]:
    return click.argument(
        "deployment_id",
        type=given,
        metavar="ID" if required else "[ID]",
        required=required,
        shell_complete=completing.deployments,
    )


def wait(function: F) -> F:
    """``--wait``: for every command that takes a slot."""
    help_text, seconds = "Wait so long for a slot that is held; otherwise exit 4 at once.", click.IntRange(0, 7 * 86400)
    return click.option("--wait", "wait_s", type=seconds, default=0, metavar="SECONDS", help=help_text)(function)


def ahead(function: F) -> F:
    """``--answers``: for every command that asks."""
    help_text = "Decisions that are answered before they are asked: a JSON object, decision to option."
    return click.option("--answers", type=given, metavar="FILE", help=help_text)(function)


def override_freeze(function: F) -> F:
    """``--override-freeze``: for every command that may begin a live deployment."""
    help_text = "Deploy although the environment is frozen; needs --reason. Recorded."
    return click.option("--override-freeze", is_flag=True, help=help_text)(function)


def accept_drift(function: F) -> F:
    """``--accept-drift``: for every command that may begin a live deployment."""
    help_text = "Overwrite what was changed at the target by hand; needs --reason. Recorded."
    return click.option("--accept-drift", is_flag=True, help=help_text)(function)


def supersede(function: F) -> F:
    """``--supersede``: for every command that may begin a live deployment."""
    help_text = "Where another deployment has a canary up, have that removed first. Recorded."
    return click.option("--supersede", is_flag=True, help=help_text)(function)


def validation_report(function: F) -> F:
    """``--validation-report``: for every command that may plan or begin a live deployment."""
    help_text = "A validation report that was made elsewhere; recorded with the deployment."
    return click.option("--validation-report", type=given, metavar="FILE", help=help_text)(function)


def accept_warnings(function: F) -> F:
    """``--accept-warnings``: for every command that may begin a live deployment."""
    help_text = "Deploy although the validation has warnings; needs --reason. Recorded. A NO-GO stays one."
    return click.option("--accept-warnings", is_flag=True, help=help_text)(function)


def wish(function: F) -> F:
    """What is to be deployed, where and how: for `prepare` and `execute`."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Simulate the chosen mode."),
        click.option("--mode", "-m", type=Mode(), help="dry_run, deploy or canary."),
        click.option("--version", "-V", type=given, metavar="V", help="Otherwise package.json, pyproject.toml or a git tag."),
        click.option("--all", "all_targets", is_flag=True, help="Every enabled target, one after another."),
        target(multiple=True),
        environment,
    ):
        function = option(function)
    return function


class Mode(click.Choice[str]):
    """``dry-run`` is accepted; all data says ``dry_run``."""

    def __init__(self) -> None:
        super().__init__(["dry_run", "deploy", "canary"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert("dry_run" if value == "dry-run" else value, param, ctx)
