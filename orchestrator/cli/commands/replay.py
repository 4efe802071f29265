"""`pop-deploy replay ID`: a deployment's states, event by event."""

from __future__ import annotations

import click

from orchestrator.cli import options, reading


@click.command(
    "replay",
    epilog="""\b
Examples:
  pop-deploy replay latest
  pop-deploy replay deploy-20260318-143022-k3f9 --at 12 --json
""",
)
@options.deployment_id()
@click.option("--at", type=click.IntRange(0), metavar="VERSION", help="Only up to this event, as it was then.")
@options.project
def command(deployment_id: str, at: int | None, directory: str, store: str | None, as_json: bool) -> int:
    """A deployment's states, event by event; exit 1 when its history breaks the lifecycle."""
    from orchestrator.projections import replaying
    from orchestrator.rendering import replay
    from orchestrator.rendering.json_output import document

    with reading.opened(directory, store) as reader:
        found, history = reading.history_of(reader, deployment_id, directory)
        replayed = replaying.replay(found, history, at=at)
    reading.answer(
        as_json=as_json,
        text=lambda: replay.text(replayed, paint=reading.paint(), width=reading.width()),
        data=lambda: document(replayed),
    )
    return 0 if replayed.legal else 1
