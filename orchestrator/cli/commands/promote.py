"""`pop-deploy promote ID`: lets a canary go on; who is at work on it obeys, and otherwise it goes on here."""

from __future__ import annotations

import click

from orchestrator.cli import options, running


@click.command(
    "promote",
    epilog="""\b
Examples:
  pop-deploy promote deploy-20260318-143022-k3f9 --reason "errors are as before"    end this pause
  pop-deploy promote deploy-20260318-143022-k3f9 --full --reason "CHG-9"            past all weights and pauses
""",
)
@options.deployment_id()
@click.option("--full", is_flag=True, help="Straight to the promotion, past what is left of the weights and pauses.")
@options.wait
@options.actor
@options.project
def command(deployment_id: str, full: bool, **given: object) -> int:
    """Let a canary go on: end its pause, or promote it in full.

    A check that fails ends the canary all the same: this is no way past the judge.
    """
    return running.promote(deployment_id, running.Given.of(given), full=full)
