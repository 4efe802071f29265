"""The two shapes of an event: `NewEvent` on its way in, `RecordedEvent` as the store has it."""

from __future__ import annotations

from typing import NamedTuple


class NewEvent(NamedTuple):
    """An event that is to be appended.

    Attributes:
        type: Stable name, never a Python path: ``StepStarted``.
        data: UTF-8 JSON bytes.
        metadata: UTF-8 JSON bytes: who wrote it and why (actor, host, pid, causation).
        schema_version: Of *data*, from 1; upcasters read old ones.
    """

    type: str
    data: bytes
    metadata: bytes = b"{}"
    schema_version: int = 1


class RecordedEvent(NamedTuple):
    """An event as it stands in the store; never changed again.

    Attributes:
        position: Global, gapless, from 1.
        version: Within its stream, gapless, from 0.
        time: UTC, ISO 8601 with microseconds and offset.
        previous_hash: Hash of the event at ``position - 1``; 32 zero bytes for the first.
        hash: SHA-256, see `eventstore.chain`.
    """

    position: int
    stream: str
    version: int
    type: str
    schema_version: int
    time: str
    data: bytes
    metadata: bytes
    previous_hash: bytes
    hash: bytes


class Attachment(NamedTuple):
    """Bytes kept beside the events of a stream (a step's output), written in the same transaction as an append.

    *name* is unique in its stream; *parts* are kept in order. An event should hold their digest: they are not in the chain.
    """

    name: str
    parts: tuple[bytes, ...]


class Guard(NamedTuple):
    """Another stream and the version it must still have when the append commits."""

    stream: str
    version: int


class Appended(NamedTuple):
    """What an append has written: the version of its last event (0-based, per stream), and the time of all of its events."""

    version: int
    time: str


class Head(NamedTuple):
    """The newest event: its position and hash. Position 0 and 32 zero bytes for an empty store."""

    position: int
    hash: bytes
