"""`pop-deploy workflow`: the questions and steps as a graph, for whoever drives them."""

from __future__ import annotations

import click

from orchestrator.cli import options, reading


@click.command(
    "workflow",
    epilog="""\b
Examples:
  pop-deploy workflow
  pop-deploy workflow --json
""",
)
@options.project
def command(directory: str, store: str | None, as_json: bool) -> None:
    """Which step asks what, and which step follows which answer: deploy, roll back, validate. Reads nothing of the project."""
    from orchestrator.domain.workflows import WORKFLOWS, document
    from orchestrator.rendering import workflow

    reading.answer(as_json=as_json, text=lambda: workflow.text(WORKFLOWS.values()), data=document)
