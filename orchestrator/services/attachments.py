"""Attachments against the digests that their events have on record: the chain covers the digests, and so what they are of.

Start at `AttachmentAudit`. Memory stays flat: a block is decompressed at a time, and never more of it than it can hold.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Protocol

import orjson

from eventstore import RecordedEvent
from orchestrator.projections.audit import Finding

MARK = b'"attachment"'
"""Stands in the data of every event that has one."""
MOST_LISTED = 100
_STEP_BYTES = 1 << 20


class Attachments(Protocol):
    """What an archive and a store both can."""

    def attached(self, stream: str) -> Iterator[tuple[str, str]]: ...

    def attachments(self, stream: str, name: str) -> Iterator[bytes]: ...

    def read_stream(self, stream: str) -> Iterator[RecordedEvent]: ...


class AttachmentAudit:
    """Counts and compares; `seen` is told every event with `MARK` in its data."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments
        self.checked = 0
        self.problems: list[Finding] = []

    def seen(self, event: RecordedEvent) -> None:
        output = recorded_output(event)
        if output is None:
            return
        self.checked += 1
        wrong = _wrong(self._attachments.attachments(event.stream, output["attachment"]), output)
        if wrong is not None:
            self._say(event, f"attachment {output['attachment']}: {wrong}")

    def unrecorded(self, streams: Iterator[str]) -> None:
        """Look for attachments that no event has on record, in *streams*."""
        for stream in streams:
            known = {
                output["attachment"] for event in self._attachments.read_stream(stream) if (output := recorded_output(event))
            }
            for _, name in self._attachments.attached(stream):
                if name not in known:
                    message = f"attachment {name}: no event has it on record"
                    self.problems.append(Finding(kind="attachment", stream=stream, message=message))

    def _say(self, event: RecordedEvent, message: str) -> None:
        if len(self.problems) < MOST_LISTED:
            found = Finding(
                kind="attachment", message=message, position=event.position, stream=event.stream, version=event.version
            )
            self.problems.append(found)


def recorded_output(event: RecordedEvent) -> dict[str, Any] | None:
    """What *event* says of its attachment: name, and digest and size of each command's output; None where it has none."""
    if MARK not in event.data:
        return None
    try:
        output = orjson.loads(event.data).get("output") or {}
        sizes = [(str(command["sha256"]), int(command["bytes"])) for command in output["commands"]]
        return {"attachment": str(output["attachment"]), "commands": sizes}
    except (ValueError, TypeError, LookupError, AttributeError):
        return None  # the word stands somewhere else in it, or the event was changed: then the chain says so


def _wrong(parts: Iterator[bytes], output: dict[str, Any]) -> str | None:
    blocks = _decompressed(parts)
    left = b""
    try:
        for number, (digest, size) in enumerate(output["commands"], 1):
            found = sha256()
            missing = size
            while missing:
                block = left or next(blocks, b"")
                if not block:
                    return "it is missing" if number == 1 and missing == size else "its end is missing"
                found.update(block[:missing])
                missing, left = max(0, missing - len(block)), block[missing:]
            if f"sha256:{found.hexdigest()}" != digest:
                return f"its content is not what was recorded (command {number})"
        if left or next(blocks, b""):
            return "it has more than was recorded"
    except zlib.error:
        return "it cannot be decompressed"
    return None


def _decompressed(parts: Iterator[bytes]) -> Iterator[bytes]:
    for part in parts:
        unpacker = zlib.decompressobj()
        block = unpacker.decompress(part, _STEP_BYTES)
        while block:
            yield block
            block = unpacker.decompress(unpacker.unconsumed_tail, _STEP_BYTES)
        if not unpacker.eof:
            raise zlib.error("cut off")
