"""`pop-deploy` without a command: where this project stands, and what to type next. It only reads.

At a terminal it offers what comes first (`offering`), and then shows how the project stands now.
"""

from __future__ import annotations

import click

from orchestrator.cli import offering, options, reading


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

    asked = True
    while asked:
        standing = standing_of(directory, store)
        if as_json:
            reading.print_json(document(standing))
        else:
            reading.print_text(status.text(standing, paint=reading.paint()))
        asked = offering.what_is_missing(standing, directory, store, as_json=as_json)
