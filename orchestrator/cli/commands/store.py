"""`pop-deploy store`: maintenance of the event store."""

from __future__ import annotations

import click

from orchestrator.cli import options, reading


@click.group("store")
def command() -> None:
    """Maintain the event store."""


@command.command(
    "upgrade",
    epilog="""\b
Examples:
  pop-deploy store upgrade
  pop-deploy store upgrade --store sqlite:////srv/shop/events.db --json
""",
)
@options.project
def upgrade(directory: str, store: str | None, as_json: bool) -> None:
    """Bring the store to this program's revision, and build the read models that are missing.

    Every command that writes does this by itself; a store that is newer than the program is refused and left untouched.
    """
    from orchestrator.cli import upgrading

    done = upgrading.upgrade(directory, store)
    reading.answer(as_json=as_json, text=lambda: upgrading.words(done), data=lambda: done)
