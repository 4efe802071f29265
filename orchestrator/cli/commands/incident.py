"""`pop-deploy incident ID`: the incident report of a deployment that failed or was rolled back."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli import options, reading


@click.command(
    "incident",
    epilog="""\b
Examples:
  pop-deploy incident latest
  pop-deploy incident deploy-20260318-143022-k3f9 --json
""",
)
@options.deployment_id()
@options.project
def command(deployment_id: str, directory: str, store: str | None, as_json: bool) -> None:
    """Write the incident report of a deployment; again it is the same, while nothing new has happened."""
    from orchestrator.bootstrap import config_path
    from orchestrator.cli import incidents
    from orchestrator.rendering.incident import written
    from orchestrator.rendering.json_output import document

    with reading.opened(directory, store) as reader:
        found, _ = reading.history_of(reader, deployment_id, directory)
        result = incidents.write(reader, str(Path(config_path(directory)).parent), found)
    reading.answer(as_json=as_json, text=lambda: written(result), data=lambda: document(result))
