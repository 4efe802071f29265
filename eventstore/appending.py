"""Rules of an append that both backends share."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from eventstore.chain import link, verify
from eventstore.errors import ChainBroken, EventStoreError, GuardFailed, WrongExpectedVersion
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
    check_read(
        store, stream, expected_version, store.version(stream), guard, store.version(guard.stream) if guard else -1, attachments
    )


def check_read(
    store: EventReader,
    stream: str,
    expected_version: int,
    actual: int,
    guard: Guard | None,
    held: int,
    attachments: Sequence[Attachment],
) -> None:
    """`check_versions`, where the *actual* version of the stream and the one *held* by the guard's were read already."""
    if actual != expected_version:
        raise WrongExpectedVersion(stream, expected_version, actual)
    if guard is not None and held != guard.version:
        raise GuardFailed(guard.stream, guard.version, held)
    for item in attachments:
        if next(store.attachments(stream, item.name), None) is not None:
            raise EventStoreError(f"{stream} has an attachment {item.name} already, it is never replaced: nothing was written")


def check_adopted(
    store: EventReader, store_id: str, events: Sequence[RecordedEvent], attachments: Sequence[tuple[str, Attachment]]
) -> Head:
    """Refuse what does not come next (see `EventStore.adopt`), inside the transaction. Returns the head as it will be."""
    head = store.head()
    if head.position and store.store_id != store_id:
        raise EventStoreError(f"this store ({store.store_id}) is not the one that those events belong to ({store_id})")
    reached = verify(events, head, tombstones=True)
    versions: dict[str, int] = {}
    for event in events:
        version = versions[event.stream] + 1 if event.stream in versions else store.version(event.stream) + 1
        if event.version != version:
            raise ChainBroken(event.position, f"version {event.version} of {event.stream}, where {version} comes next")
        versions[event.stream] = version
    for stream, item in attachments:
        check_names(stream, [NewEvent("-", b"")], [item])
        if next(store.attachments(stream, item.name), None) is not None:
            raise EventStoreError(f"{stream} has an attachment {item.name} already, it is never replaced: nothing was written")
    return reached


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
