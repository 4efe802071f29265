"""Every error of the event store.

EventStoreError
├── WrongExpectedVersion   another writer came first; nothing was written
├── GuardFailed            the guarding stream has moved on: this writer was replaced; nothing was written
├── StoreUnavailable       the store cannot be opened, read or written as asked
│   ├── NotAStore          the file is something else; left untouched
│   ├── StoreMissing     nothing was recorded there yet
│   ├── StoreTooNew        written by a newer program; left untouched
│   ├── StoreOutdated      opened for reading only, but must be upgraded first
│   └── StoreMoved         the file was renamed or removed while open; nothing was written
├── CodecError             an event cannot be written or read as its class
└── ChainBroken            an event is not the one that was recorded
"""

from __future__ import annotations


class EventStoreError(Exception):
    """Root. The message says where, what, and what to do next."""


class WrongExpectedVersion(EventStoreError):
    """Another writer came first; nothing was written."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"{stream} is at version {actual}, not {expected}: another writer came first, nothing was written")
        self.stream, self.expected, self.actual = stream, expected, actual


class GuardFailed(EventStoreError):
    """The guarding stream is not at the version this writer holds; nothing was written."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"{stream} has moved on to version {actual} (held: {expected}): nothing was written")
        self.stream, self.expected, self.actual = stream, expected, actual


class StoreUnavailable(EventStoreError):
    """The store cannot be opened, read or written as asked."""


class NotAStore(StoreUnavailable):
    """The file is something else; it was left untouched."""


class StoreMissing(StoreUnavailable):
    """Nothing was recorded there yet."""


class StoreTooNew(StoreUnavailable):
    """Written by a newer program; it was left untouched."""


class StoreOutdated(StoreUnavailable):
    """Opened for reading only, but it must be upgraded first."""


class StoreMoved(StoreUnavailable):
    """The file was renamed or removed while it was open; nothing was written."""


class CodecError(EventStoreError):
    """An event cannot be written or read as its class."""


class ChainBroken(EventStoreError):
    """The event at *position* is not the one that was recorded."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"event {position}: {reason}")
        self.position, self.reason = position, reason
