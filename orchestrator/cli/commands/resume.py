"""`pop-deploy resume [ID]`: finds out what really happened, and finishes."""

from __future__ import annotations

import click

from orchestrator.cli import options, running


@click.command(
    "resume",
    epilog="""\b
Examples:
  pop-deploy resume                                the only interrupted deployment
  pop-deploy resume deploy-20260318-143022-k3f9
""",
)
@options.deployment_id(required=False)
@options.ahead
@options.override_freeze
@options.accept_drift
@options.validation_report
@options.accept_warnings
@options.wait
@options.actor
@options.project
def command(deployment_id: str | None, **given: object) -> int:
    """Finish an interrupted deployment: ask the target what was done, and do the rest, nothing twice."""
    return running.resume(deployment_id, running.Given.of(given))
