"""`pop-deploy slots`: who holds what; and `slots release`, for a person who knows better."""

from __future__ import annotations

import click

from orchestrator.cli import options, reading


@click.group(
    "slots",
    invoke_without_command=True,
    epilog="""\b
Examples:
  pop-deploy slots
  pop-deploy slots --all-projects --json
  pop-deploy slots release deploy-20260318-143022-k3f9 --reason "ci-7 was switched off"
""",
)
@options.all_projects
@options.project
@click.pass_context
def command(ctx: click.Context, all_projects: bool, directory: str, store: str | None, as_json: bool) -> None:
    """Who holds or claims which slot: deployment, process, step, since when. Changes nothing."""
    if ctx.invoked_subcommand is not None:
        options.refuse_misplaced(ctx)
        return
    _listed(directory, store, all_projects=all_projects, as_json=as_json)


@command.command(
    "release",
    epilog="""\b
Examples:
  pop-deploy slots release deploy-20260318-143022-k3f9 --reason "ci-7 was switched off"
""",
)
@options.deployment_id()
@click.option("--reason", type=options.given, required=True, metavar="TEXT", help="Why; recorded.")
@options.who
@options.project
def release(deployment_id: str, reason: str, actor: str | None, directory: str, store: str | None, as_json: bool) -> int:
    """Take the claim on its slot from a deployment. ID is the whole ID.

    A process that still holds it on this host is killed, stopped or not. The deployment stays as it is: resume or abort it.
    """
    from orchestrator.cli import slots

    return slots.end_claim(deployment_id, reason, actor, directory, store, as_json=as_json)


def _listed(directory: str, store: str | None, *, all_projects: bool, as_json: bool) -> None:
    from orchestrator import bootstrap
    from orchestrator.projections.slot_results import slot_list
    from orchestrator.rendering import slots
    from orchestrator.rendering.json_output import document

    with reading.maybe_opened(directory, store) as reader:
        listed = slot_list(
            reader,
            lambda holder: bootstrap.liveness(holder.host, holder.boot_id, holder.pid, holder.start_ticks, holder.pid_namespace),
            None if all_projects else reading.project_of(directory),
        )
    reading.answer(
        as_json=as_json,
        text=lambda: slots.table(listed, paint=reading.paint(), projects=all_projects),
        data=lambda: document(listed),
    )
