"""What folds share: an event's data as a dict, and the time between two events. Start at `fields`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from eventstore.events import RecordedEvent
from eventstore.projection import Row, Table


def fields(event: RecordedEvent) -> dict[str, Any]:
    """The event's data as it would be written today.

    Folds take the dict and not the event's class: building the class costs more than the rest of the fold. Old schema versions
    have to be upcast here; there are none yet.
    """
    data: dict[str, Any] = orjson.loads(event.data)
    return data


def empty(table: Table) -> Row:
    """A row of *table* with every column NULL: whole rows only, so that a fold may read any column of what it has put."""
    return dict.fromkeys(table.columns)


def milliseconds(start: str, end: str) -> int:
    """From one event's time to another's, whole milliseconds, never negative: a clock may have been set back."""
    passed = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return max(0, round(passed.total_seconds() * 1000))
