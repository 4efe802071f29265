"""An append-only event store with optimistic concurrency, fencing, a hash chain and projections.

A small library that knows nothing of deployments. Start at `eventstore.store` for the protocol. The durable backends,
`sqlite.SqliteEventStore` and `postgres.PostgresEventStore`, are not among these names: readers do not need them. A name's module
is imported when the name is first used, because a program that only reads has to start fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventstore.codec import Codec
    from eventstore.errors import (
        ChainBroken,
        CodecError,
        EventStoreError,
        GuardFailed,
        NotAStore,
        StoreMissing,
        StoreMoved,
        StoreOutdated,
        StoreTooNew,
        StoreUnavailable,
        WrongExpectedVersion,
    )
    from eventstore.events import Appended, Attachment, Guard, Head, NewEvent, RecordedEvent
    from eventstore.projection import Projection, Rows, Table
    from eventstore.store import NO_STREAM, EventReader, EventStore

__all__ = [
    "NO_STREAM",
    "Appended",
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
    "StoreMissing",
    "StoreMoved",
    "StoreOutdated",
    "StoreTooNew",
    "StoreUnavailable",
    "Table",
    "WrongExpectedVersion",
]

_HOMES = {
    "codec": ("Codec",),
    "events": ("Appended", "Attachment", "Guard", "Head", "NewEvent", "RecordedEvent"),
    "projection": ("Projection", "Rows", "Table"),
    "store": ("NO_STREAM", "EventReader", "EventStore"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME.get(name, 'errors')}"), name)
    globals()[name] = value
    return value
