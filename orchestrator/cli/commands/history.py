"""`pop-deploy history`: deployments, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import completing, options, reading
from orchestrator.projections import deployments
from orchestrator.projections.deployments_table import STATUSES
from orchestrator.rendering import history

if TYPE_CHECKING:
    from eventstore.store import EventReader
    from orchestrator.projections.configuration import ConfigurationEdit


@click.command(
    "history",
    epilog="""\b
Examples:
  pop-deploy history --target docker --status failed
  pop-deploy history --all-attempts --limit 100 --json
  pop-deploy history --all-projects                of everybody in a shared store
""",
)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000), metavar="N", help="At most so many.")
@options.target()
@click.option(
    "--environment",
    "-e",
    type=options.given,
    metavar="NAME",
    help="Only of this environment.",
    shell_complete=completing.environments,
)
@click.option("--status", type=click.Choice(STATUSES), help="Only with this outcome.")
@click.option(
    "--all-attempts", is_flag=True, help="Dry runs too, what was aborted before it did anything, and edits of deploy.json."
)
@options.all_projects
@options.project
def command(
    limit: int,
    target: str | None,
    environment: str | None,
    status: str | None,
    all_attempts: bool,
    all_projects: bool,
    directory: str,
    store: str | None,
    as_json: bool,
) -> None:
    """Deployments of this project, newest first."""
    with reading.maybe_opened(directory, store) as reader:
        project = None if all_projects or reader is None else reading.project_of(directory)
        wanted = {"project": project, "target": target, "environment": environment, "status": status}
        rows = deployments.newest(reader, limit=limit, include_dry_runs=all_attempts, **wanted) if reader else []
        edits = _edits(reader, project, limit) if all_attempts and reader else None
    nothing = history.NONE_FOUND if reader else history.NONE_YET
    reading.answer(
        as_json=as_json,
        text=lambda: (
            (history.table(rows, paint=reading.paint(), width=reading.width(), projects=all_projects) if rows else nothing)
            + history.edits(edits or ())
        ),
        data=lambda: history.document(rows, edits),
    )


def _edits(reader: EventReader, project: str | None, limit: int) -> list[ConfigurationEdit]:
    """What others and `init` have changed in deploy.json."""
    from orchestrator.projections import configuration

    return configuration.changes(reader, project, limit=limit)
