"""`pop-deploy validate`: a readiness report with score and go / no-go."""

from __future__ import annotations

import click

from orchestrator.cli import options, validating


@click.command(
    "validate",
    epilog="""\b
Examples:
  pop-deploy validate                                        ask how thoroughly, then how to go on
  pop-deploy validate --scope quick                          configuration, version, git, tools, target
  pop-deploy validate --scope full --environment production --target docker --version 1.2.0
  pop-deploy validate --scope standard --strict --json       for CI: a warning or a skipped check is exit 1
  pop-deploy validate --answers answers.json                 {"scope_level": "full", "proceed_action": "deploy"}
  pop-deploy validate --fix                                  correct what can be corrected, and look again
""",
)
@click.option("--scope", type=click.Choice(["quick", "standard", "full"]), help="Without a terminal: standard.")
@options.target()
@options.environment
@click.option("--version", "-V", type=options.given, metavar="V", help="Otherwise package.json, pyproject.toml or a git tag.")
@click.option("--fix", is_flag=True, help="Change the project so that failed checks pass, where a check knows how.")
@click.option("--strict", is_flag=True, help="A warning and a check that could not run count as failures.")
@options.ahead
@options.actor
@options.project
def command(**given: object) -> int:
    """Check whether a version is fit to be deployed: score, GO, CONDITIONAL or NO-GO. Exit 1 for a NO-GO.

    The report is recorded and holds for this commit, configuration and version only; production deploys nothing without one.
    """
    return validating.run(validating.Given.of(given))
