"""`pop-deploy decide ID QUESTION=ANSWER`: records an answer; `execute ID` or `resume ID` goes on."""

from __future__ import annotations

import click

from orchestrator.cli import answering, options


@click.command(
    "decide",
    epilog="""\b
Examples:
  pop-deploy decide deploy-20260318-143022-k3f9 deploy_mode=deploy
  pop-deploy decide deploy-20260318-143022-k3f9 confirm_deploy=proceed --reason "approved in CHG-42"
""",
)
@options.deployment_id()
@click.argument("answer", type=options.given, metavar="QUESTION=ANSWER")
@options.road
@options.actor
@options.project
def command(
    deployment_id: str, answer: str, how: str, actor: str | None, reason: str, directory: str, store: str | None, as_json: bool
) -> int:
    """Answer an open question."""
    with answering.opened(directory, store, actor, deployment_id, as_json=as_json) as (workspace, journal, ui):
        return answering.decide(workspace, journal, ui, answer, reason, how)
