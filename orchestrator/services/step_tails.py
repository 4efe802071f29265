"""The end of what steps printed, read from the store: `tails`. Bounded; what is kept there was masked before it was kept."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestrator.domain.ids import stream_of
from orchestrator.projections.step_logs import StepLog

if TYPE_CHECKING:
    from eventstore import EventReader

LINES = 40
_CHARACTERS = 16_000
_KEPT_BYTES = 4 * _CHARACTERS


def tails(reader: EventReader, deployment_id: str, logs: Iterable[StepLog]) -> dict[str, tuple[str, bool]]:
    """Name of each log that has output to its last lines, and whether there was more before them."""
    return {log.name: _tail(reader, deployment_id, log.name) for log in logs if log.has_output}


def _tail(reader: EventReader, deployment_id: str, name: str) -> tuple[str, bool]:
    kept, cut = b"", False
    try:
        for part in reader.attachments(stream_of(deployment_id), name):
            kept += zlib.decompress(part)
            cut, kept = cut or len(kept) > _KEPT_BYTES, kept[-_KEPT_BYTES:]
    except zlib.error as damage:  # the rest is worth reading all the same
        return f"[this log cannot be read: {damage}. Next: pop-deploy audit verify]", True
    text = kept.decode(errors="replace").rstrip()
    lines = text.splitlines()
    cut = cut or len(lines) > LINES
    text = "\n".join(lines[-LINES:])
    return text[-_CHARACTERS:], cut or len(text) > _CHARACTERS
