"""`pop-deploy` without a command: where this project stands, and what to type next. Changes nothing."""

from __future__ import annotations

import click

from orchestrator.cli import options, reading


@click.command(
    "status",
    epilog="""\b
Examples:
  pop-deploy
  pop-deploy --dir shop --json
""",
)
@options.project
def command(directory: str, store: str | None, as_json: bool) -> None:
    """Where this project stands, and what to do next."""
    from orchestrator.cli.standing import standing_of
    from orchestrator.rendering import status
    from orchestrator.rendering.json_output import document

    standing = standing_of(directory, store)
    reading.answer(
        as_json=as_json,
        text=lambda: status.text(standing, paint=reading.paint()),
        data=lambda: document(standing),
    )
