"""`pop-deploy prepare`: a plan on record, and nothing else."""

from __future__ import annotations

import click

from orchestrator.cli import options, running


@click.command(
    "prepare",
    epilog="""\b
Examples:
  pop-deploy prepare --target docker --version 1.2.0
  pop-deploy prepare --json | jq -r .plan_digest
""",
)
@options.wish
@options.validation_report
@options.actor
@options.project
def command(**given: object) -> int:
    """Plan a deployment: steps, inputs, rollback reference, digest. Changes nothing outside the store."""
    return running.prepare(running.Given.of(given))
