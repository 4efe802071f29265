"""Rules of an append that both backends share."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from eventstore.chain import link
from eventstore.errors import EventStoreError, GuardFailed, WrongExpectedVersion
from eventstore.events import Attachment, Guard, Head, NewEvent, RecordedEvent
from eventstore.store import EventReader

# Lone surrogates have no UTF-8: they could be neither hashed nor stored.
_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,512}")

Now = Callable[[], str]


def utc_now() -> str:
    """Now, UTC, ISO 8601 with microseconds and offset: ``2026-03-18T14:30:22.000123+00:00``."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def check_names(stream: str, events: Sequence[NewEvent], attachments: Sequence[Attachment] = ()) -> None:
    """Refuse what would make the chain ambiguous or a stream unreadable, before anything is locked."""
    if not events:
        raise EventStoreError(f"{stream}: an append needs at least one event")
    names = [item.name for item in attachments]
    for name in (stream, *(event.type for event in events), *names):
        if not _NAME.fullmatch(name):
            raise EventStoreError(f"{name!r}: a stream, type or attachment has 1 to 512 characters, none of them for control")
    if len(set(names)) != len(names):
        raise EventStoreError(f"{stream}: two attachments of one append have the same name: {', '.join(names)}")


def check_versions(
    store: EventReader, stream: str, expected_version: int, guard: Guard | None, attachments: Sequence[Attachment]
) -> None:
    """Refuse what came too late; asked inside the transaction, so that the answer still holds when it commits."""
    actual = store.version(stream)
    if actual != expected_version:
        raise WrongExpectedVersion(stream, expected_version, actual)
    if guard is not None and (held := store.version(guard.stream)) != guard.version:
        raise GuardFailed(guard.stream, guard.version, held)
    for item in attachments:
        if next(store.attachments(stream, item.name), None) is not None:
            raise EventStoreError(f"{stream} has an attachment {item.name} already, it is never replaced: nothing was written")


def chained(head: Head, stream: str, version: int, time: str, events: Sequence[NewEvent]) -> list[RecordedEvent]:
    """*events* as they will stand after *head*, the first one at *version*."""
    recorded: list[RecordedEvent] = []
    for number, event in enumerate(events):
        record = link(head, stream, version + number, time, event)
        recorded.append(record)
        head = Head(record.position, record.hash)
    return recorded


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    """BEGIN IMMEDIATE ... COMMIT: a deferred one that reads first fails with "locked" for all but one of the writers."""
    if _is_open(connection):
        # Not a nested BEGIN and its ROLLBACK: that would undo the outer append's first half and let its second half commit alone.
        raise EventStoreError("an append was made inside another one (by a projection or a signal handler): nothing was written")
    cursor = connection.cursor()
    try:
        cursor.execute("BEGIN IMMEDIATE")
        yield cursor
        cursor.execute("COMMIT")
    finally:
        if _is_open(connection):
            cursor.execute("ROLLBACK")


def _is_open(connection: sqlite3.Connection) -> bool:
    return connection.in_transaction
