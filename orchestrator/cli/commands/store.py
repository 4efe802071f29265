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


@command.command(
    "check",
    epilog="""\b
Examples:
  pop-deploy store check
  pop-deploy store check --json
""",
)
@options.project
def check(directory: str, store: str | None, as_json: bool) -> int:
    """Check the file, the chain of events, and each read model against a rebuild; exit 1 when something is wrong.

    Changes nothing.
    """
    from orchestrator import upkeep
    from orchestrator.cli.meter import metered
    from orchestrator.rendering.audit import check_text
    from orchestrator.rendering.json_output import document

    with metered(as_json=as_json) as progress:
        report = upkeep.check(directory, store, progress)
    reading.answer(as_json=as_json, text=lambda: check_text(report), data=lambda: document(report))
    return 0 if report.success else 1


@command.command(
    "rebuild",
    epilog="""\b
Examples:
  pop-deploy store rebuild
""",
)
@options.project
def rebuild(directory: str, store: str | None, as_json: bool) -> None:
    """Fold every read model anew from the events, where store check says that one differs. Events are not changed."""
    from orchestrator.cli import keeping

    keeping.rebuild(directory, store, as_json=as_json)


@command.command(
    "backup",
    epilog="""\b
Examples:
  pop-deploy store backup /backup/shop-2026-03-18.db
""",
)
@click.argument("file")
@options.project
def backup(file: str, directory: str, store: str | None, as_json: bool) -> int:
    """Copy the store to FILE, consistent, while others go on writing; verified, private, never over an existing file."""
    from orchestrator.cli import keeping

    return keeping.backup(file, directory, store, as_json=as_json)


@command.command(
    "archive",
    epilog="""\b
Examples:
  pop-deploy store archive --before 2025-01-01 /archive/shop-2024.archive
""",
)
@click.argument("file")
@click.option("--before", required=True, metavar="DATE", help="Deployments whose last event is older.")
@click.option(
    "--keep", default=5, show_default=True, type=click.IntRange(1), metavar="N", help="Verified releases to keep per slot."
)
@options.project
def archive(file: str, before: str, keep: int, directory: str, store: str | None, as_json: bool) -> int:
    """Move old deployments that nothing needs any more, with their output, to FILE. The chain keeps every event's place.

    What is live, what can be gone back to and what is unfinished stays. The same call goes on where an interrupted one stopped.
    history and metrics tell of what is in the store.
    """
    from orchestrator.cli import keeping

    return keeping.archive(file, before, keep, directory, store, as_json=as_json)


@command.command(
    "copy",
    epilog="""\b
Examples:
  pop-deploy store copy --from sqlite:////srv/shop/events.db --to postgresql+psycopg://deploy@db/shop
""",
)
@click.option("--from", "source", required=True, metavar="URL", help="The store to copy.")
@click.option("--to", "target", required=True, metavar="URL", help="An empty store, or the beginning of the same one.")
@options.project
def copy(source: str, target: str, directory: str, store: str | None, as_json: bool) -> int:
    """Copy a whole store, event by event and as it is, and check the chain on both sides. May be interrupted and repeated."""
    from orchestrator.cli import keeping

    return keeping.copy(source, target, as_json=as_json)
