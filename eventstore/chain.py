"""The hash chain: each event's hash covers all its columns and the hash before it.

It proves that no event between two known hashes was changed, removed, inserted or reordered. It does not prove that the newest
events were not cut off, nor that the whole chain was not written anew: for that a head must be kept somewhere else. Start at
`verify`, which stops at the first event that is wrong; `eventstore.walking` finds and names them all.

An event whose content lies in an archive (`eventstore.archive`) leaves a `tombstone`: its place and its hashes, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from eventstore.errors import ChainBroken
from eventstore.events import Head, NewEvent, RecordedEvent

GENESIS = bytes(32)
ARCHIVED = "$archived"
"""Type of a tombstone; with it, schema version 0 and no content at all."""


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


def tombstone(event: RecordedEvent) -> RecordedEvent:
    """What stays in the store of an event that was archived: the chain still links, the content is proven by the archive."""
    return event._replace(type=ARCHIVED, schema_version=0, data=b"", metadata=b"")


def is_tombstone(event: RecordedEvent) -> bool:
    return event.type == ARCHIVED and event.schema_version == 0 and not event.data and not event.metadata


def is_intact(event: RecordedEvent) -> bool:
    """Whether the event's hash is that of its columns."""
    return event.hash == digest_of(event)


def verify(
    events: Iterable[RecordedEvent],
    after: Head = Head(0, GENESIS),  # noqa: B008 - an immutable tuple
    *,
    tombstones: bool = False,
) -> Head:
    """Walk *events*, which must follow *after* in order, and return the head reached.

    Args:
        tombstones: Let them pass by their hashes alone; otherwise they are events that were changed.

    Raises:
        ChainBroken: Names the first event that is missing, moved or changed.
    """
    position, previous = after
    for event in events:
        if event.position != position + 1:
            raise ChainBroken(position + 1, f"missing, the next one found is {event.position}")
        if event.previous_hash != previous:
            raise ChainBroken(event.position, "does not follow the event before it: one of the two was replaced or removed")
        if not is_intact(event) and not (tombstones and is_tombstone(event)):
            raise ChainBroken(event.position, f"its content ({event.type} in {event.stream}) is not what was recorded")
        position, previous = event.position, event.hash
    return Head(position, previous)


def digest_of(event: RecordedEvent, *, previous: bytes | None = None, position: int | None = None) -> bytes | None:
    """The hash that the columns of *event* give, or would give behind *previous* or at *position*.

    None if they are none that could have been recorded: SQLite keeps any type in any column, an edit by hand leaves text where
    bytes were.
    """
    before = event.previous_hash if previous is None else previous
    try:
        return _digest(before, event.position if position is None else position, *event[1:8])
    except (TypeError, ValueError):
        return None


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
