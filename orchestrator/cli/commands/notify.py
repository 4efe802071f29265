"""`pop-deploy notify`: the outbox of notifications; delivering what waits in it; a test message."""

from __future__ import annotations

import click

from orchestrator.cli import options, reading


@click.group(
    "notify",
    invoke_without_command=True,
    epilog="""\b
Examples:
  pop-deploy notify
  pop-deploy notify --json
  pop-deploy notify deliver --timeout 60
  pop-deploy notify test team-chat
""",
)
@options.project
@click.pass_context
def command(ctx: click.Context, directory: str, store: str | None, as_json: bool) -> None:
    """Who is told what happens, and what did not reach them yet. Changes and delivers nothing."""
    if ctx.invoked_subcommand is not None:
        options.refuse_misplaced(ctx)
        return
    from orchestrator import notifying
    from orchestrator.rendering import notifications
    from orchestrator.rendering.json_output import document

    found = notifying.status(directory, store)
    reading.answer(as_json=as_json, text=lambda: notifications.status(found), data=lambda: document(found))


@command.command(
    "deliver",
    epilog="""\b
Examples:
  pop-deploy notify deliver
  pop-deploy notify deliver --timeout 300 --json      at the end of a CI job, whose background processes are killed
""",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, 7 * 86400),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Try again so long what is not delivered.",
)
@options.project
def deliver(timeout_s: float, directory: str, store: str | None, as_json: bool) -> int:
    """Deliver what is due, now; exit 1 while something waits or was given up."""
    from orchestrator import notifying
    from orchestrator.projections.notify_results import DeliverResult
    from orchestrator.rendering import notifications
    from orchestrator.rendering.json_output import document

    done = notifying.deliver(directory, store, timeout_s=timeout_s)
    success = not done.failed and not done.pending
    result = DeliverResult(success=success, delivered=done.delivered, failed=done.failed, pending=done.pending)
    reading.answer(as_json=as_json, text=lambda: notifications.delivered(result), data=lambda: document(result))
    return 0 if success else 1


@command.command(
    "test",
    epilog="""\b
Examples:
  pop-deploy notify test team-chat
  pop-deploy notify test audit --json
""",
)
@click.argument("name", type=options.given, metavar="NAME")
@options.project
def test(name: str, directory: str, store: str | None, as_json: bool) -> int:
    """Send a test message to a receiver of deploy.json; exit 1 when it does not take it. Nothing is recorded."""
    from orchestrator import notifying
    from orchestrator.projections.notify_results import TestResult
    from orchestrator.rendering import notifications
    from orchestrator.rendering.json_output import document

    sent = notifying.test(directory, name)
    result = TestResult(success=sent.delivered, receiver=name, message=sent.message)
    reading.answer(as_json=as_json, text=lambda: notifications.tested(result), data=lambda: document(result))
    return 0 if sent.delivered else 1
