"""An append-only event store with optimistic concurrency, fencing, a hash chain and projections.

A small library that knows nothing of deployments. Start at `eventstore.store` for the protocol. The durable backend,
`eventstore.sql.SqlEventStore`, is not imported here: it brings SQLAlchemy, which readers do not need.
"""

from eventstore.codec import Codec
from eventstore.errors import (
    ChainBroken,
    CodecError,
    EventStoreError,
    GuardFailed,
    NotAStore,
    StoreMoved,
    StoreOutdated,
    StoreTooNew,
    StoreUnavailable,
    WrongExpectedVersion,
)
from eventstore.events import Attachment, Guard, Head, NewEvent, RecordedEvent
from eventstore.projection import Projection, Rows, Table
from eventstore.store import NO_STREAM, EventReader, EventStore

__all__ = [
    "NO_STREAM",
    "Attachment",
    "ChainBroken",
    "Codec",
    "CodecError",
    "EventReader",
    "EventStore",
    "EventStoreError",
    "Guard",
    "GuardFailed",
    "Head",
    "NewEvent",
    "NotAStore",
    "Projection",
    "RecordedEvent",
    "Rows",
    "StoreMoved",
    "StoreOutdated",
    "StoreTooNew",
    "StoreUnavailable",
    "Table",
    "WrongExpectedVersion",
]
