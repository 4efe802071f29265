"""Showing what the checks of a validation printed: `show`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from orchestrator.cli.logs import Screen, show_output
from orchestrator.cli.reading import print_json
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.ids import validation_stream
from orchestrator.domain.validation_events import ValidationCheckRecorded
from orchestrator.rendering import check_logs as rendering
from orchestrator.services.codec import CODEC

if TYPE_CHECKING:
    from eventstore.store import EventReader


def show(reader: EventReader, validation_id: str, check: str | None, *, as_json: bool) -> None:
    """Print what was found and the whole output, of every check that ran anything or of one.

    Raises:
        UsageProblem: No such validation, or no such check in it.
    """
    checks = _checks(reader, validation_id, check)
    if as_json:
        logs = [rendering.document(each, b"".join(_output(reader, validation_id, each))) for each in checks]
        print_json({"validation_id": validation_id, "logs": logs})
        return
    screen = Screen()
    for each in checks:
        screen.line(rendering.header(each))
        show_output(screen, _output(reader, validation_id, each))
        screen.line(rendering.footer(each) + "\n")
    if not checks:
        click.echo(f"{validation_id}: no check has printed anything.")


def _checks(reader: EventReader, validation_id: str, name: str | None) -> list[ValidationCheckRecorded]:
    stream = validation_stream(validation_id)
    events = [CODEC.decode(recorded) for recorded in reader.read_stream(stream)]
    if not events:
        raise UsageProblem(f"no validation {validation_id!r}. Next: pop-deploy validate")
    checks = [event for event in events if isinstance(event, ValidationCheckRecorded)]
    found = [check for check in checks if (check.output is not None if name is None else check.name == name)]
    if not found and name is not None:
        raise UsageProblem(
            f"no check {name!r} in {validation_id}; there are: {', '.join(check.name for check in checks) or 'none'}"
        )
    return found


def _output(reader: EventReader, validation_id: str, check: ValidationCheckRecorded) -> Iterator[bytes]:
    if check.output is None:
        return iter(())
    return map(zlib.decompress, reader.attachments(validation_stream(validation_id), str(check.output["attachment"])))
