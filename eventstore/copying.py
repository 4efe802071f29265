"""Copying a whole store into another one, event by event and verbatim: `copy`. It may be killed at any time and called again.

The target's own chain says how far it has come, so nothing else has to be remembered. Attachments go ahead of their stream's
newest event, one transaction each: where that event stands, they are all there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from eventstore.chain import GENESIS
from eventstore.errors import EventStoreError
from eventstore.events import Attachment, Head, RecordedEvent
from eventstore.store import EventReader, EventStore
from eventstore.walking import Walked, walk

BATCH_EVENTS = 500
BATCH_BYTES = 4 << 20


class NotTheSameStore(EventStoreError):
    """The target holds other events than the beginning of the source: nothing was written."""


class CopyIncomplete(EventStoreError):
    """What stands in the target is not what stands in the source."""


class Copied(NamedTuple):
    """What was done.

    Attributes:
        head: Of both.
        found: Position that the target had reached before.
        events, attachments: How many were copied now.
    """

    head: Head
    found: int
    events: int
    attachments: int


def copy(source: EventReader, target: EventStore, *, progress: Callable[[str, int], None] = lambda phase, done: None) -> Copied:
    """Make *target* equal to *source* as it stands now.

    Args:
        target: An empty store, or one that holds the beginning of this very chain. An empty one takes over its ``store_id``.
        progress: Told what is being done (checking, copying, comparing) and the position reached.

    Raises:
        NotTheSameStore: The target holds something else; nothing was written.
        CopyIncomplete: The chain of one side is broken, or the two differ in the end.
        EventStoreError: As `EventStore.adopt` raises it. What was copied so far is right, and stays.
    """
    head = source.head()
    found = _common_head(source, target)
    _require_sound("source", source, lambda done: progress("checking the source", done))
    copied_events, copied_attachments = 0, 0
    reached = found
    for batch in _batches(islice(source.read_all(found.position), max(0, head.position - found.position))):
        copied_attachments += _copy_attachments(source, target, batch)
        reached = target.adopt(source.store_id, batch)
        copied_events += len(batch)
        progress("copying", reached.position)
    _require_equal(source, target, head, progress)
    return Copied(head, found.position, copied_events, copied_attachments)


def _common_head(source: EventReader, target: EventReader) -> Head:
    """How far the target has come; it is checked to be the beginning of the source."""
    reached = target.head()
    if not reached.position:
        return reached
    same = next(source.read_all(reached.position - 1), None)
    if target.store_id != source.store_id:
        raise NotTheSameStore(f"the target holds another store ({target.store_id}, not {source.store_id}): nothing was written")
    if same is None or (same.position, same.hash) != reached:
        raise NotTheSameStore(
            f"the target's event {reached.position} is not the source's: it went its own way, nothing was written"
        )
    return reached


def _batches(events: Iterable[RecordedEvent]) -> Iterator[list[RecordedEvent]]:
    batch: list[RecordedEvent] = []
    size = 0
    for event in events:
        batch.append(event)
        size += len(event.data) + len(event.metadata)
        if len(batch) == BATCH_EVENTS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _copy_attachments(source: EventReader, target: EventStore, batch: list[RecordedEvent]) -> int:
    """Those of every stream whose newest event is in *batch*. One that is there already came with an earlier call."""
    newest = {event.stream: event.version for event in batch}
    count = 0
    for stream, version in newest.items():
        if source.version(stream) > version:
            continue
        for _, name in source.attached(stream):
            if next(target.attachments(stream, name), None) is None:
                target.adopt(source.store_id, [], [(stream, Attachment(name, tuple(source.attachments(stream, name))))])
                count += 1
    return count


def _require_sound(side: str, store: EventReader, progress: Callable[[int], None]) -> Walked:
    """Tombstones pass here, as they are copied verbatim: whether an archive is on record is what `audit verify` asks."""
    walked = walk(store, archived=_Any(), progress=progress)
    if walked.problems:
        first = walked.problems[0]
        raise CopyIncomplete(f"the chain of the {side} is broken at event {first.position}: {first.message}")
    return walked


def _require_equal(source: EventReader, target: EventReader, head: Head, progress: Callable[[str, int], None]) -> None:
    walked = _require_sound("target", target, lambda done: progress("checking the target", done))
    if walked.head != head:
        raise CopyIncomplete(
            f"the target ends at event {walked.head.position}, the source ended at {head.position}. Next: copy again"
        )
    if source.head() != head:
        raise CopyIncomplete(f"the source has grown to event {source.head().position} while it was copied. Next: copy again")
    one, other = (_attachments_digest(side) for side in (source, target))
    if one != other:
        raise CopyIncomplete("the attachments of the two differ: the source was written to meanwhile? Next: copy again")


def _attachments_digest(reader: EventReader) -> bytes:
    total = sha256(GENESIS)
    for stream, name in reader.attached():
        total.update(f"{stream}\n{name}\n".encode())
        for part in reader.attachments(stream, name):
            total.update(sha256(part).digest())
    return total.digest()


class _Any(frozenset[str]):
    """Every stream."""

    def __contains__(self, stream: object) -> bool:
        return True
