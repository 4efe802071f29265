"""`pop-deploy abort ID`: gives a deployment up; what it has changed stays as it is."""

from __future__ import annotations

import click

from orchestrator.cli import answering, options


@click.command(
    "abort",
    epilog="""\b
Examples:
  pop-deploy abort deploy-20260318-143022-k3f9 --reason "wrong version"
  pop-deploy abort deploy-20260318-143022-k3f9 --wait 60     and see whether it has stopped
""",
)
@options.deployment_id()
@options.wait
@options.actor
@options.project
def command(
    deployment_id: str, wait_s: int, actor: str | None, reason: str, directory: str, store: str | None, as_json: bool
) -> int:
    """Give up a prepared, failed or interrupted deployment; one that is running stops before its next step."""
    with answering.opened(directory, store, actor, deployment_id, as_json=as_json) as (workspace, journal, ui):
        return answering.abort(workspace, journal, ui, reason, wait_s)
