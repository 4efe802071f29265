"""Offering what comes first, at a terminal: `with_init` where there is no deploy.json, `with_validation` where one is required,
`what_is_missing` for the bare command.

Without a terminal nobody is asked: the command stands in what is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

import click

from orchestrator.config import ConfigMissing

if TYPE_CHECKING:
    from orchestrator.cli import running
    from orchestrator.projections.standing import Standing

Done = TypeVar("Done")


def with_init(directory: str, store: str | None, *, as_json: bool, run: Callable[[], Done]) -> Done:
    """What *run* gives; where it finds no deploy.json, one is offered first.

    Raises:
        ConfigMissing: There is none, and nobody wants one.
    """
    try:
        return run()
    except ConfigMissing as missing:
        if not _interactive(as_json=as_json) or not _init(directory, store, missing.file):
            raise
    return run()


def with_validation(given: running.Given, *, run: Callable[[], int]) -> int:
    """What *run* gives; where it needs a validation first, that is offered, and its own questions lead on to the deployment."""
    from orchestrator.cli import running  # not for the bare command, which starts fast

    try:
        return run()
    except running.Unvalidated as missing:
        if not click.confirm("\nValidate now?", default=True):
            return missing.code
        from orchestrator.cli import validating

        return validating.run(
            validating.Given(
                directory=given.directory,
                store=given.store,
                actor=given.actor,
                reason=given.reason,
                target=missing.slot.target,
                environment=missing.slot.environment,
                version=missing.version,
            )
        )


def what_is_missing(standing: Standing, directory: str, store: str | None, *, as_json: bool) -> bool:
    """Offer what the project needs before it can be deployed; whether something was done about it."""
    if not _interactive(as_json=as_json):
        return False
    if not standing.configuration.found:
        return _init(directory, store, standing.configuration.path)
    needed = next((each for each in standing.validations if each.required and not each.good), None)
    if needed is None or standing.unfinished:
        return False
    if not click.confirm(f"\n{needed.environment}/{needed.target} needs a validation. Validate now?", default=False):
        return False
    _run("validate", directory, store, target=needed.target, environment=needed.environment)
    return True


def _init(directory: str, store: str | None, path: str) -> bool:
    """Whether a deploy.json was written now."""
    if not click.confirm(f"\nThere is no {path}. Write one for what is found here?", default=True):
        return False
    _run("init", directory, store)
    return True


def _interactive(*, as_json: bool) -> bool:
    from orchestrator.cli import prompts

    return prompts.interactive(as_json=as_json)


def _run(name: str, directory: str, store: str | None, **given: object) -> None:
    """Another command, with what its options are when they are not given."""
    command: click.Command = import_module(f"orchestrator.cli.commands.{name}").command
    click.get_current_context().invoke(command, directory=directory, store=store, as_json=False, **given)
    click.echo()
