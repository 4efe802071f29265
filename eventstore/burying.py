"""The one place that changes recorded events: streams that lie in an archive become tombstones, in the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence

from eventstore.appending import chained
from eventstore.archived import STREAM
from eventstore.chain import ARCHIVED
from eventstore.errors import EventStoreError
from eventstore.events import NewEvent
from eventstore.projecting import Projector
from eventstore.reading import COLUMNS
from eventstore.store import EventReader

_TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('events', 'attachments')"
_BURY = f"UPDATE events SET type = '{ARCHIVED}', schema_version = 0, data = x'', metadata = x'' WHERE stream = ?"  # noqa: S608
_INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants


def bury(
    store: EventReader,
    cursor: sqlite3.Cursor,
    streams: Mapping[str, int],
    note: Sequence[NewEvent],
    time: str,
    check: Callable[[], object],
    projector: Projector,
) -> None:
    """See `SqliteEventStore.bury`. The triggers that guard events are taken away and put back before anybody else can write."""
    before = check()
    triggers = cursor.execute(_TRIGGERS).fetchall()
    for name, _ in triggers:
        cursor.execute(f"DROP TRIGGER {name}")
    for stream, count in streams.items():
        if cursor.execute(_BURY, (stream,)).rowcount != count:
            raise EventStoreError(
                f"{stream} has changed since it was written to the archive: nothing was moved. Archive it again."
            )
        cursor.execute("DELETE FROM attachments WHERE stream = ?", (stream,))
    for _, sql in triggers:
        cursor.execute(sql)
    cursor.executemany(_INSERT, chained(store.head(), STREAM, store.version(STREAM) + 1, time, note))
    projector.rebuild(cursor, store.read_all, store.head().position)
    if check() != before:
        raise EventStoreError("what is live, or what can be gone back to, would change: nothing was moved")
