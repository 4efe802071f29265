"""What all drop-in scripts share: one JSON document, on the stream that their callers read."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

import click

from orchestrator.bootstrap import current_masker


class Stop(Exception):
    """End the script with *document* on stdout or stderr and exit *code*."""

    def __init__(self, document: Mapping[str, Any], *, code: int = 1, stderr: bool = True) -> None:
        super().__init__()
        self.document, self.code, self.stderr = document, code, stderr


def head(operation: str, directory: str) -> dict[str, Any]:
    """The keys that every answer begins with; *directory* is absolute, the time is UTC with its offset."""
    from pathlib import Path

    return {
        "operation": operation,
        "directory": os.fsencode(Path(directory).absolute()).decode(errors="replace"),  # JSON has no half characters
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def emit(document: Mapping[str, Any], *, stderr: bool = False) -> None:
    """One indented JSON document, without secrets. ASCII only: what a terminal would obey is escaped."""
    click.echo(json.dumps(current_masker().mask_json(document), indent=2), err=stderr)


def run(command: click.Command, args: list[str] | None = None) -> NoReturn:
    """Run a script's command; usage errors are 2, everything else it says by `Stop` or its return value."""
    try:
        code = command.main(args, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = 2
    except Stop as stop:
        emit(stop.document, stderr=stop.stderr)
        code = stop.code
    sys.exit(code if isinstance(code, int) else 0)
