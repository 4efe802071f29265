"""Where a command's output goes: what is live on a terminal, plain lines elsewhere, one JSON object with ``--json``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import click

from orchestrator.cli import prompts
from orchestrator.rendering.progress import Progress, make_progress


@dataclass(frozen=True)
class Ui:
    """One command's way to its user.

    Attributes:
        interactive: A person at a terminal can be asked.
        options: What every command that is suggested needs besides, for example ``--dir shop``.
    """

    as_json: bool
    interactive: bool
    progress: Progress
    options: tuple[str, ...]

    def answer(self, *, text: str, data: Any) -> None:
        """The command's result: *text* for people, *data* for programs."""
        if self.as_json:
            from orchestrator.rendering.json import dumps

            click.echo(dumps(data))
        else:
            click.echo(text)


def make_ui(directory: str, store: str | None, *, as_json: bool) -> Ui:
    asked = prompts.interactive(as_json=as_json)
    options = [*(["--dir", directory] if directory != "." else []), *(["--store", store] if store else [])]
    return Ui(as_json, asked, make_progress(sys.stderr if as_json else sys.stdout, live=asked), tuple(options))
