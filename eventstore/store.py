"""The `EventStore` protocol: the whole seam between a program and its events.

Backends: `sqlite.SqliteEventStore` (durable) and `memory.MemoryEventStore`; both pass the same contract in `tests/contract`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from eventstore.events import Appended, Attachment, Guard, Head, NewEvent, RecordedEvent

NO_STREAM = -1
"""``expected_version`` of a stream that must not exist yet."""


class EventReader(Protocol):
    """The half that changes nothing.

    An iterator gives the events that stood when it was asked for, however long it is kept, and holds up nobody. Everything here
    raises StoreUnavailable when the store cannot be read.
    """

    @property
    def store_id(self) -> str:
        """Names this store's lineage: given at its creation, kept by copies and backups."""
        ...

    def read_stream(self, stream: str, after_version: int = -1) -> Iterator[RecordedEvent]:
        """The events of *stream* in order; none for a stream that does not exist."""
        ...

    def read_all(self, after_position: int = 0, types: Collection[str] | None = None) -> Iterator[RecordedEvent]:
        """All events after *after_position* in global order; only those of *types* if given."""
        ...

    def version(self, stream: str) -> int:
        """Version of the last event of *stream*, or -1."""
        ...

    def head(self) -> Head:
        """Position and hash of the newest event."""
        ...

    def attachments(self, stream: str, name: str) -> Iterator[bytes]:
        """The parts of an attachment in order; none if it does not exist."""
        ...

    def attached(self, stream: str | None = None) -> Iterator[tuple[str, str]]:
        """Every attachment, or those of *stream*, as (stream, name) in the order of both."""
        ...

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a SELECT on the tables of projections; ``?`` marks parameters."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Everything that is read inside is as it stood at the beginning; writers are not held up."""
        ...

    def close(self) -> None: ...


class EventStore(EventReader, Protocol):
    """The whole. A store belongs to the thread that opened it; other threads and processes open their own."""

    def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected_version: int,
        guard: Guard | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> Appended:
        """Append *events* to *stream* in one durable transaction, inline projections included.

        Args:
            stream: ``category-id``, for example ``deployment-20260318-143022-k3f9``.
            events: One or more, in the order they happened.
            expected_version: Last version the caller has seen; -1 if the stream must not exist yet.
            guard: Another stream and the version it must still have, checked inside the transaction.
            attachments: Bytes to keep beside the events, written with them or not at all.

        Returns:
            Where the last event written stands, and the time of all of them.

        Raises:
            WrongExpectedVersion: Another writer came first; nothing was written.
            GuardFailed: The guarding stream has moved on; nothing was written.
            StoreUnavailable: Disk full, read-only, locked or moved away; nothing was written.
            EventStoreError: No events, a name that is not one, or an attachment that exists; nothing was written.
        """
        ...

    def adopt(self, store_id: str, events: Sequence[RecordedEvent], attachments: Sequence[tuple[str, Attachment]] = ()) -> Head:
        """Take over events of another store as they are, hashes and times included, in one durable transaction.

        Inline projections follow. A tombstone (`chain.is_tombstone`) is taken over like any event. Either may be empty.

        Args:
            store_id: Lineage of the other store. A store without events takes it over; any other must have it already.
            events: Those that come next: the first at ``head().position + 1``, each linked to the one before, each with its own
                hash, each at the next version of its stream.
            attachments: (stream, attachment) pairs; a stream need not have its events yet.

        Returns:
            The head afterwards.

        Raises:
            ChainBroken: An event does not come next, or is not what its hash says; nothing was written.
            EventStoreError: Another lineage, or an attachment that exists; nothing was written.
            StoreUnavailable: As for `append`; nothing was written.
        """
        ...

    def rebuild(self, name: str | None = None) -> int:
        """Drop and fold anew the projection *name*, or all, in one transaction. Returns the number of events folded."""
        ...

    def catch_up(self, name: str) -> int:
        """Fold what a catch-up projection has not seen yet; its checkpoint commits with its rows."""
        ...
