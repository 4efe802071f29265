"""`pop-deploy execute`: the guided whole; or going on with a prepared ID."""

from __future__ import annotations

import click

from orchestrator.cli import offering, options, running


@click.command(
    "execute",
    epilog="""\b
Examples:
  pop-deploy execute                                    ask for everything that is open
  pop-deploy execute --target docker --mode dry_run     see what would happen
  pop-deploy execute --mode deploy --version 1.2.0 --yes
  pop-deploy execute --all --mode deploy --yes --wait 600   every slot first, waited for ten minutes at most
  pop-deploy execute --plan sha256:3f2a91c0 --yes       only if nothing has changed since that plan
  pop-deploy execute deploy-20260318-143022-k3f9        go on with a prepared one
  pop-deploy execute --mode deploy --answers answers.json   {"confirm_deploy": "proceed"}: answered ahead
  pop-deploy execute --mode deploy --yes --override-freeze --reason "CHG-7: fixes the checkout"
""",
)
@options.deployment_id(required=False)
@options.wish
@click.option("--plan", "plan_digest", type=options.given, metavar="DIGEST", help="Refuse unless the plan is this one.")
@click.option("--yes", "-y", is_flag=True, help="Answers confirm_deploy and nothing else.")
@options.ahead
@options.override_freeze
@options.accept_drift
@options.supersede
@options.validation_report
@options.accept_warnings
@options.wait
@options.actor
@options.project
def command(deployment_id: str | None, **given: object) -> int:
    """Plan, ask, run, verify.

    Without a terminal nothing is asked: an open question is printed as data and the exit code is 3.
    """
    typed = running.Given.of(given)
    return offering.with_init(
        typed.directory,
        typed.store,
        as_json=typed.as_json,
        run=lambda: offering.with_validation(typed, run=lambda: running.execute(deployment_id, typed)),
    )
