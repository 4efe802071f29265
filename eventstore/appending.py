"""Rules of an append that both backends share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from eventstore.chain import link
from eventstore.errors import EventStoreError
from eventstore.events import Head, NewEvent, RecordedEvent

_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,512}")

Now = Callable[[], str]


def utc_now() -> str:
    """Now, UTC, ISO 8601 with microseconds and offset: ``2026-03-18T14:30:22.000123+00:00``."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def check_names(stream: str, events: Sequence[NewEvent]) -> None:
    """Refuse what would make the chain ambiguous or a stream unreadable, before anything is locked."""
    if not events:
        raise EventStoreError(f"{stream}: an append needs at least one event")
    for name in (stream, *(event.type for event in events)):
        if not _NAME.fullmatch(name):
            raise EventStoreError(f"{name!r}: a stream or type is 1 to 512 characters without control characters")


def chained(head: Head, stream: str, version: int, time: str, events: Sequence[NewEvent]) -> list[RecordedEvent]:
    """*events* as they will stand after *head*, the first one at *version*."""
    recorded: list[RecordedEvent] = []
    for number, event in enumerate(events):
        record = link(head, stream, version + number, time, event)
        recorded.append(record)
        head = Head(record.position, record.hash)
    return recorded
