"""The hash chain: each event's hash covers all its columns and the hash before it.

It proves that no event between two known hashes was changed, removed, inserted or reordered. It does not prove that the newest
events were not cut off, nor that the whole chain was not written anew: for that a head must be kept somewhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from eventstore.errors import ChainBroken
from eventstore.events import Head, NewEvent, RecordedEvent

GENESIS = bytes(32)


def link(previous: Head, stream: str, version: int, time: str, event: NewEvent) -> RecordedEvent:
    """*event* as the next one after *previous*, with its hash."""
    position = previous.position + 1
    digest = _digest(previous.hash, position, stream, version, event.type, event.schema_version, time, event.data, event.metadata)
    return RecordedEvent(
        position,
        stream,
        version,
        event.type,
        event.schema_version,
        time,
        event.data,
        event.metadata,
        previous.hash,
        digest,
    )


def verify(events: Iterable[RecordedEvent], after: Head = Head(0, GENESIS)) -> Head:  # noqa: B008 - an immutable tuple
    """Walk *events*, which must follow *after* in order, and return the head reached.

    Raises:
        ChainBroken: Names the first event that is missing, moved or changed.
    """
    position, previous = after
    for event in events:
        if event.position != position + 1:
            raise ChainBroken(position + 1, f"missing, the next one found is {event.position}")
        if event.previous_hash != previous:
            raise ChainBroken(event.position, "does not follow the event before it: one of the two was replaced or removed")
        if not _is_intact(event):
            raise ChainBroken(event.position, f"its content ({event.type} in {event.stream}) is not what was recorded")
        position, previous = event.position, event.hash
    return Head(position, previous)


def _is_intact(event: RecordedEvent) -> bool:
    try:
        return event.hash == _digest(event.previous_hash, *event[:8])
    except TypeError:  # SQLite keeps any type in any column: an edit by hand leaves text where bytes were.
        return False


def _digest(
    previous: bytes,
    position: int,
    stream: str,
    version: int,
    type_: str,
    schema_version: int,
    time: str,
    data: bytes,
    metadata: bytes,
) -> bytes:
    # Names hold no newline (checked on append) and both lengths stand in the header, so no two events share these bytes.
    header = f"{position}\n{stream}\n{version}\n{type_}\n{schema_version}\n{time}\n{len(data)}\n{len(metadata)}\n"
    return sha256(b"".join((previous, header.encode(), data, metadata))).digest()
