"""`pop-deploy history`: deployments, newest first."""

from __future__ import annotations

import click

from orchestrator.cli import options, reading
from orchestrator.projections import deployments
from orchestrator.projections.deployments_table import STATUSES
from orchestrator.rendering import history


@click.command(
    "history",
    epilog="""\b
Examples:
  pop-deploy history --target docker --status failed
  pop-deploy history --all-attempts --limit 100 --json
""",
)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000), metavar="N", help="At most so many.")
@options.target()
@click.option("--environment", "-e", type=options.given, metavar="NAME", help="Only of this environment.")
@click.option("--status", type=click.Choice(STATUSES), help="Only with this outcome.")
@click.option("--all-attempts", is_flag=True, help="Dry runs too, and what was aborted before it did anything.")
@options.project
def command(
    limit: int,
    target: str | None,
    environment: str | None,
    status: str | None,
    all_attempts: bool,
    directory: str,
    store: str | None,
    as_json: bool,
) -> None:
    """Deployments of this project, newest first."""
    with reading.maybe_opened(directory, store) as reader:
        wanted = {"target": target, "environment": environment, "status": status}
        rows = deployments.newest(reader, limit=limit, include_dry_runs=all_attempts, **wanted) if reader else []
    nothing = history.NONE_FOUND if reader else history.NONE_YET
    reading.answer(
        as_json=as_json,
        text=lambda: history.table(rows, paint=reading.paint(), width=reading.width()) if rows else nothing,
        data=lambda: history.document(rows),
    )
