"""`pop-deploy logs ID [STEP]`: what the steps of a deployment printed, or the checks of a validation."""

from __future__ import annotations

import click

from orchestrator.cli import options, reading
from orchestrator.domain.errors import UsageProblem


@click.command(
    "logs",
    epilog="""\b
Examples:
  pop-deploy logs latest
  pop-deploy logs deploy-20260318-143022-k3f9 build > build.log
  pop-deploy logs latest --follow
  pop-deploy logs validate-20260318-143022-k3f9 tests      of a validation: what a check printed
""",
)
@options.deployment_id()
@click.argument("step", type=options.given, required=False)
@click.option("--follow", "-f", is_flag=True, help="Show what comes until the deployment has ended.")
@options.project
def command(deployment_id: str, step: str | None, follow: bool, directory: str, store: str | None, as_json: bool) -> None:
    """What the steps of a deployment printed, all or one of them; or the checks of a validation."""
    if follow and as_json:
        raise UsageProblem(
            "--follow shows output as it comes; one JSON object can only be made at the end. Leave one of them out."
        )
    if deployment_id.startswith("validate-"):
        _of_validation(deployment_id, step, follow, directory, store, as_json)
        return
    from orchestrator.cli import logs

    with reading.opened(directory, store) as reader:
        if follow:
            logs.follow(reader, deployment_id, step, directory)
        else:
            logs.show(reader, deployment_id, step, directory, as_json=as_json)


def _of_validation(validation_id: str, check: str | None, follow: bool, directory: str, store: str | None, as_json: bool) -> None:
    if follow:
        raise UsageProblem("--follow shows a deployment; a validation shows its checks as they end")
    from orchestrator.cli import check_logs

    with reading.opened(directory, store, none="nothing was validated yet. Next: pop-deploy validate") as reader:
        check_logs.show(reader, validation_id, check, as_json=as_json)
