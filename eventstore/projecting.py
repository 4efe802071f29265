"""Keeping read models in step with the events of a SQL connection: inline, as catch-up, and as rebuild.

Used by both backends: the in-memory store keeps its read models in a SQLite database in memory, so that queries are the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence

from eventstore.errors import StoreTooNew
from eventstore.events import RecordedEvent
from eventstore.projection import Projection
from eventstore.rows import BufferedRows, SqlRows

ReadAll = Callable[[int, frozenset[str]], Iterator[RecordedEvent]]


class Projector:
    """The projections of one store.

    Args:
        inline: Folded in the append's own transaction.
        catch_up: Folded by `catch_up`, from their checkpoint.
    """

    def __init__(self, inline: Sequence[Projection], catch_up: Sequence[Projection] = ()) -> None:
        self._inline = tuple(inline)
        self._later = tuple(catch_up)
        self._by_type: dict[str, list[Projection]] = {}
        for projection in inline:
            for name in projection.types:
                self._by_type.setdefault(name, []).append(projection)

    def apply(self, cursor: sqlite3.Cursor, events: Sequence[RecordedEvent]) -> None:
        """Fold freshly appended *events*, in the caller's transaction."""
        rows = SqlRows(cursor)
        for event in events:
            for projection in self._by_type.get(event.type, ()):
                projection.apply(event, rows)

    def outdated(self, cursor: sqlite3.Cursor) -> list[Projection]:
        """Projections whose tables are missing or of an older version.

        Raises:
            StoreTooNew: A newer program keeps this read model.
        """
        stored = dict(cursor.execute("SELECT name, version FROM projections").fetchall())
        for projection in (*self._inline, *self._later):
            if stored.get(projection.name, 0) > projection.version:
                raise StoreTooNew(
                    f"read model {projection.name} is of version {stored[projection.name]}, this program's is "
                    f"{projection.version}: use the newer pop-deploy that wrote it"
                )
        return [p for p in (*self._inline, *self._later) if stored.get(p.name) != p.version]

    def rebuild(self, cursor: sqlite3.Cursor, read_all: ReadAll, names: Sequence[str] | None = None) -> int:
        """Drop and fold anew, in the caller's transaction. Returns the number of events folded."""
        chosen = [p for p in (*self._inline, *self._later) if names is None or p.name in names]
        for projection in chosen:
            for table in projection.tables:
                cursor.execute(f"DROP TABLE IF EXISTS {table.name}")
                for statement in table.create_statements():
                    cursor.execute(statement)
        return self._fold(cursor, read_all, chosen, after=0)

    def catch_up(self, cursor: sqlite3.Cursor, read_all: ReadAll, name: str) -> int:
        """Fold what *name* has not seen, in the caller's transaction."""
        projection = next(p for p in self._later if p.name == name)
        (after,) = cursor.execute("SELECT position FROM projections WHERE name = ?", (name,)).fetchone()
        return self._fold(cursor, read_all, [projection], after=after)

    def _fold(self, cursor: sqlite3.Cursor, read_all: ReadAll, chosen: Sequence[Projection], *, after: int) -> int:
        rows, count, position = BufferedRows(cursor), 0, after
        types = frozenset().union(*(projection.types for projection in chosen))
        for event in read_all(after, types):
            for projection in chosen:
                if event.type in projection.types:
                    projection.apply(event, rows)
            count, position = count + 1, event.position
        rows.flush()
        cursor.executemany(
            "INSERT OR REPLACE INTO projections (name, version, position) VALUES (?, ?, ?)",
            [(projection.name, projection.version, position) for projection in chosen],
        )
        return count
