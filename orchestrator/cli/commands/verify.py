"""`pop-deploy verify [ID]`: the health checks again."""

from __future__ import annotations

import click

from orchestrator.cli import checking, options


@click.command(
    "verify",
    epilog="""\b
Examples:
  pop-deploy verify                       what is live on the default target
  pop-deploy verify --target docker --json
""",
)
@options.deployment_id(required=False)
@options.target()
@options.environment
@options.actor
@options.project
def command(
    deployment_id: str | None,
    target: str | None,
    environment: str | None,
    actor: str | None,
    reason: str,
    directory: str,
    store: str | None,
    as_json: bool,
) -> int:
    """Run the health checks of what is live again. Exit 1 when one fails."""
    with checking.opened(directory, store, actor, as_json=as_json) as (workspace, ui):
        return checking.verify(workspace, ui, deployment_id, target, environment)
