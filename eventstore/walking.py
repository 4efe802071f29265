"""Walking the whole hash chain of a store: what is wrong with it, event by event. Start at `walk`.

Memory stays flat, and an event that is right costs one hash. What each kind of tampering looks like, and how it is told from the
others, is in `eventstore.diagnosis`; it is only asked once something does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import sha256
from typing import NamedTuple

from eventstore.chain import ARCHIVED, GENESIS, is_tombstone
from eventstore.diagnosis import Diagnosis, Problem
from eventstore.events import Head, RecordedEvent
from eventstore.store import EventReader
from eventstore.undecodable import Unspoiled

_REPORT_EVERY = 0x0FFF


class Walked(NamedTuple):
    """What a walk has seen.

    Attributes:
        head: The last event, as it says of itself.
        events: How many stood there, tombstones included.
        tombstones: How many of them are archived: their place in the chain is proven here, their content is not.
        problems: What is wrong, in the order of positions.
        more: How many problems were found beyond those.
    """

    head: Head
    events: int
    tombstones: int
    problems: tuple[Problem, ...]
    more: int


def walk(
    reader: EventReader,
    *,
    archived: Collection[str] = (),
    seen: Callable[[RecordedEvent], None] | None = None,
    wanted: bytes = b"",
    progress: Callable[[int], None] = lambda position: None,
) -> Walked:
    """Check every event of *reader* that stood when this began.

    Args:
        archived: Streams that may have left tombstones.
        seen: Told each event whose data contains *wanted*, whatever the chain says of it.
        progress: Told the position reached, every few thousand events.

    Raises:
        StoreUnavailable: It cannot be read.
    """
    unspoiled = Unspoiled(reader)
    diagnosis = Diagnosis(unspoiled, archived)
    position, previous, events, tombstones = 0, GENESIS, 0, 0
    event = None
    for event in unspoiled.read_all():
        at, stream, version, type_, schema_version, time, data, metadata, before, digest = event
        position += 1
        # As `chain.link` does it, written out: calls would be half of the time.
        try:
            header = f"{at}\n{stream}\n{version}\n{type_}\n{schema_version}\n{time}\n{len(data)}\n{len(metadata)}\n".encode()
            sound = at == position and before == previous
            sound = sound and sha256(b"%b%b%b%b" % (previous, header, data, metadata)).digest() == digest
            if seen is not None and wanted in data:
                seen(event)
        except (TypeError, ValueError):  # a column of another type, or no text
            sound = False
        events += 1
        if sound:
            previous = digest
        else:
            tombstones += type_ == ARCHIVED and is_tombstone(event)
            position, previous = diagnosis.judge(event, position, previous)
        if not position & _REPORT_EVERY:
            progress(position)
    head = Head(event.position, event.hash) if event is not None else Head(0, GENESIS)
    progress(head.position)
    return Walked(head, events, tombstones, *diagnosis.found())
