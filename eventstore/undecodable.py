"""Reading past text that is not UTF-8, which only somebody else can have put there: `Unspoiled`, for who looks for damage.

The driver refuses a whole page of events for one such column. Here the page is read again as bytes, and what cannot be decoded
comes as text with surrogates, which fits no hash. PostgreSQL takes no such text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eventstore.errors import StoreUnavailable
from eventstore.events import RecordedEvent
from eventstore.store import EventReader

_PAGE = 256
_COLUMNS = ", ".join(
    f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END, typeof({name})" for name in RecordedEvent._fields
)
_READ = f"SELECT {_COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608 - constants


class Unspoiled:
    """`EventReader.read_all` of *reader*, whatever stands in its text columns."""

    def __init__(self, reader: EventReader) -> None:
        self._reader = reader

    def read_all(self, after_position: int = 0) -> Iterator[RecordedEvent]:
        """Every event after *after_position*. Raises StoreUnavailable where it cannot be read for another reason."""
        position = after_position
        while True:
            try:
                for event in self._reader.read_all(position):
                    position = event.position
                    yield event
                return
            except StoreUnavailable as error:
                if "UTF-8" not in str(error):
                    raise
            for event in self._page(position):
                position = event.position
                yield event

    def _page(self, after: int) -> list[RecordedEvent]:
        rows = self._reader.query(_READ, (after, _PAGE))
        return [RecordedEvent(*map(_value, row[::2], row[1::2])) for row in rows]


def undecodable(value: object) -> bool:
    """Whether *value* came out of a text column that holds no text."""
    return isinstance(value, str) and any("\udc80" <= character <= "\udcff" for character in value)


def _value(value: Any, kind: str) -> Any:
    return value.decode("utf-8", "surrogateescape") if kind == "text" and isinstance(value, bytes) else value
