"""`pop-deploy metrics`: attempts, outcomes and durations."""

from __future__ import annotations

import click

from orchestrator.cli import completing, options, reading


@click.command(
    "metrics",
    epilog="""\b
Examples:
  pop-deploy metrics
  pop-deploy metrics --target docker --environment production --json
  pop-deploy metrics --all-projects                of everybody in a shared store
""",
)
@options.target()
@click.option(
    "--environment",
    "-e",
    type=options.given,
    metavar="NAME",
    help="Only of this environment.",
    shell_complete=completing.environments,
)
@options.all_projects
@options.project
def command(
    target: str | None, environment: str | None, all_projects: bool, directory: str, store: str | None, as_json: bool
) -> None:
    """How often deployments succeed, and how long they and their steps take."""
    from orchestrator.projections.metrics import NOTHING, read
    from orchestrator.rendering import metrics

    with reading.maybe_opened(directory, store) as reader:
        project = None if all_projects else reading.project_of(directory)
        found = read(reader, project=project, target=target, environment=environment) if reader else NOTHING
    reading.answer(
        as_json=as_json,
        text=lambda: metrics.text(found, projects=all_projects),
        data=lambda: metrics.document(found),
    )
