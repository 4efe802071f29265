"""What was moved out of a store into archives, as its own events say: `notes`. Only reads; the moving is in `eventstore.archive`.

The stream `archive` holds one `StreamsArchived` for every few hundred streams that were moved. It stands in the chain, so nobody
can take the content out of an event and say afterwards that it was archived without writing that down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from eventstore.errors import EventStoreError
from eventstore.events import NewEvent
from eventstore.store import EventReader

STREAM = "archive"
TYPE = "StreamsArchived"
_STREAMS_PER_EVENT = 500


class ArchiveNote(NamedTuple):
    """One archive.

    Attributes:
        digest: ``sha256:<hex>`` of what is in it, see `archive_file.ArchiveFile.digest`.
        file: Where it was written, absolute.
        time: When its streams were moved.
        before: They had ended before this time.
        streams: Name to number of events.
        attachments: How many parts of attachments went with them.
    """

    digest: str
    file: str
    time: str
    before: str
    streams: Mapping[str, int]
    attachments: int

    @property
    def events(self) -> int:
        return sum(self.streams.values())

    def to_events(self) -> list[NewEvent]:
        names = sorted(self.streams)
        common = {"digest": self.digest, "file": self.file, "before": self.before, "attachments": self.attachments}
        return [
            NewEvent(
                TYPE, orjson.dumps({**common, "streams": {name: self.streams[name] for name in part}}, None, orjson.OPT_SORT_KEYS)
            )
            for part in _parts(names)
        ]


def notes(reader: EventReader) -> list[ArchiveNote]:
    """Every archive on record, oldest first."""
    found: dict[str, ArchiveNote] = {}
    for recorded in reader.read_stream(STREAM):
        if recorded.type != TYPE:
            continue
        data = _data(recorded.data, recorded.position)
        known = found.get(data["digest"])
        streams = {**(known.streams if known is not None else {}), **data["streams"]}
        found[data["digest"]] = ArchiveNote(
            data["digest"], data["file"], recorded.time, data["before"], streams, data["attachments"]
        )
    return list(found.values())


def archived_streams(reader: EventReader) -> frozenset[str]:
    """Names of the streams whose content is in archives."""
    return frozenset(stream for note in notes(reader) for stream in note.streams)


def archive_of(reader: EventReader, stream: str) -> ArchiveNote | None:
    """Where the content of *stream* went, or None."""
    return next((note for note in notes(reader) if stream in note.streams), None)


def _data(data: bytes, position: int) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = orjson.loads(data)
        return {name: loaded[name] for name in ("digest", "file", "before", "streams", "attachments")}
    except (ValueError, TypeError, LookupError) as error:
        raise EventStoreError(
            f"event {position} ({STREAM}): {TYPE} cannot be read ({error}). Next: pop-deploy audit verify"
        ) from error


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[at : at + _STREAMS_PER_EVENT] for at in range(0, len(names), _STREAMS_PER_EVENT))
