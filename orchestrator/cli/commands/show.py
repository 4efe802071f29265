"""`pop-deploy show ID`: everything about one deployment."""

from __future__ import annotations

import click

from orchestrator.cli import options, reading


@click.command(
    "show",
    epilog="""\b
Examples:
  pop-deploy show latest
  pop-deploy show deploy-20260318-143022-k3f9 --json
""",
)
@options.deployment_id()
@options.project
def command(deployment_id: str, directory: str, store: str | None, as_json: bool) -> None:
    """One deployment: plan, steps, decisions, checks, rollback, logs. ID is its beginning, or latest."""
    from orchestrator.cli.showing import details_of
    from orchestrator.rendering import show
    from orchestrator.rendering.json_output import document

    with reading.opened(directory, store) as reader:
        details = details_of(reader, deployment_id, reading.more_options(directory, store), directory)
    reading.answer(
        as_json=as_json,
        text=lambda: show.text(details, paint=reading.paint()),
        data=lambda: document(details),
    )
