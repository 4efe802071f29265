"""`pop-deploy rollback [ID]`: back to a verified release."""

from __future__ import annotations

import click

from orchestrator.cli import checking, going_back, options
from orchestrator.config import enabled_targets


@click.command(
    "rollback",
    epilog="""\b
Examples:
  pop-deploy rollback --list               the releases that can be gone back to
  pop-deploy rollback --investigate        failure, logs, changed commits, what the target says; changes nothing
  pop-deploy rollback --dry-run
  pop-deploy rollback --to 1.1.0 --yes --reason "1.2.0 loses orders"
""",
)
@options.deployment_id(required=False)
@options.target()
@options.environment
@click.option("--to", "version", type=options.given, metavar="VERSION", help="Otherwise the last verified release before.")
@click.option("--list", "list_only", is_flag=True, help="Show the releases that can be gone back to.")
@click.option("--investigate", is_flag=True, help="Show what is known, change nothing.")
@click.option("--dry-run", is_flag=True, help="Show the steps, change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Answers confirm_rollback.")
@options.ahead
@options.wait
@options.actor
@options.project
def command(
    deployment_id: str | None,
    target: str | None,
    environment: str | None,
    version: str | None,
    list_only: bool,
    investigate: bool,
    dry_run: bool,
    yes: bool,
    answers: str | None,
    wait_s: int,
    actor: str | None,
    reason: str,
    directory: str,
    store: str | None,
    as_json: bool,
) -> int:
    """Bring back a verified release."""
    if investigate:
        return checking.investigate(directory, store, deployment_id, target, environment, as_json=as_json)
    with checking.opened(directory, store, actor, as_json=as_json) as (workspace, opened):
        ui = opened.with_answers(answers, enabled_targets(workspace.config), yes=yes)
        if list_only:
            return checking.list_releases(workspace, ui, deployment_id, target, environment)
        way = going_back.Way(version=version, yes=yes, dry_run=dry_run, reason=reason)
        return checking.rollback(workspace, ui, deployment_id, target, environment, way, wait_s)
