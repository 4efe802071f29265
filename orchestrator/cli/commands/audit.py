"""`pop-deploy audit`: the evidence that nobody has changed what was recorded. How far it goes: docs/audit.md."""

from __future__ import annotations

import click

from orchestrator.cli import options, reading


@click.group("audit")
def command() -> None:
    """Prove that what was recorded is unchanged."""


@command.command(
    "verify",
    epilog="""\b
Examples:
  pop-deploy audit verify
  pop-deploy audit verify --anchor anchors.jsonl --public-key audit.key.pub
  pop-deploy audit verify --archive /archive/shop-2025.archive --json
""",
)
@click.option("--anchor", "anchors", multiple=True, metavar="FILE", help="Signed heads that were kept elsewhere.")
@click.option("--public-key", metavar="FILE", help="Only anchors signed by this key count.")
@click.option("--archive", "archives", multiple=True, metavar="FILE", help="Where an archive lies now.")
@options.project
def verify(
    anchors: tuple[str, ...], public_key: str | None, archives: tuple[str, ...], directory: str, store: str | None, as_json: bool
) -> int:
    """Walk the whole chain of events and say what it proves; exit 1 when something is wrong or could not be proven."""
    from orchestrator import upkeep
    from orchestrator.cli.meter import metered
    from orchestrator.rendering.audit import audit_text
    from orchestrator.rendering.json_output import document

    with metered(as_json=as_json) as progress:
        report = upkeep.verify(
            directory, store, anchor_files=anchors, public_key=public_key, archives=archives, progress=progress
        )
    reading.answer(as_json=as_json, text=lambda: audit_text(report), data=lambda: document(report))
    return 0 if report.success else 1


@command.command(
    "anchor",
    epilog="""\b
Examples:
  pop-deploy audit anchor | ssh auditor@vault 'cat >> shop-anchors.jsonl'
  pop-deploy audit anchor --out /mnt/worm/shop-anchors.jsonl --key /etc/pop-deploy/audit.key
""",
)
@click.option("--out", metavar="FILE", help="Add the line to this file as well.")
@click.option("--key", metavar="FILE", help="Private key; made when it is missing.")
@options.project
def anchor(out: str | None, key: str | None, directory: str, store: str | None, as_json: bool) -> None:
    """Sign the newest event's hash and print it, one line of JSON. Keep it where whoever can write the store cannot."""
    from orchestrator import upkeep

    made = upkeep.sign_head(directory, store, key, out)
    click.echo(made.to_line())


@command.command(
    "key",
    epilog="""\b
Examples:
  pop-deploy audit key
  pop-deploy audit key --key /etc/pop-deploy/audit.key --json
""",
)
@click.option("--key", metavar="FILE", help="Where to write it; otherwise where anchors look for it.")
@options.project
def key(key: str | None, directory: str, store: str | None, as_json: bool) -> None:
    """Make a private key (0600), and the public one beside it (.pub). A key that is there is never overwritten."""
    from orchestrator import upkeep

    path = upkeep.key_path(directory, key)
    data = {"key": path, "public_key": f"{path}.pub", "fingerprint": upkeep.make_key(path)}
    words = f"{path}: made. Give {path}.pub to whoever verifies.\nFingerprint: {data['fingerprint']}\n"
    reading.answer(as_json=as_json, text=lambda: words, data=lambda: data)
