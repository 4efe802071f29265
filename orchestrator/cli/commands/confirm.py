"""`pop-deploy confirm ID`: records the confirmation; `execute ID` goes on."""

from __future__ import annotations

import click

from orchestrator.cli import answering, options


@click.command(
    "confirm",
    epilog="""\b
Examples:
  pop-deploy confirm deploy-20260318-143022-k3f9 --reason "approved in CHG-42"
  pop-deploy confirm deploy-20260318-143022-k3f9 --plan sha256:3f2a91c0
""",
)
@options.deployment_id()
@click.option("--plan", "plan_digest", type=options.given, metavar="DIGEST", help="Refuse unless this is the plan.")
@options.actor
@options.project
def command(
    deployment_id: str, plan_digest: str | None, actor: str | None, reason: str, directory: str, store: str | None, as_json: bool
) -> int:
    """Answer the confirmation of a prepared deployment."""
    with answering.opened(directory, store, actor, deployment_id, as_json=as_json) as (workspace, journal, ui):
        return answering.confirm(workspace, journal, ui, plan_digest, reason)
