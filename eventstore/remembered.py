"""Rows of the read models as this connection last wrote them, so that a fold need not ask for each row that it changes.

When they are still true is for each backend to say: `Remembered.valid` only says that what wrote them was committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eventstore.cursor import Cursor
from eventstore.projection import Key, Row, Table
from eventstore.rows import BufferedRows

MOST = 5_000

Known = dict[tuple[str, Key], Row | None]


class RememberingRows(BufferedRows):
    """Takes from *known* what is there, asks the database once for what is not, and keeps what it writes."""

    def __init__(self, below: Cursor, known: Known) -> None:
        super().__init__(below)
        self._known = known

    def _from_below(self, table: Table, key: Key) -> Row | None:
        place = table.name, key
        if place not in self._known:
            self._known[place] = super()._from_below(table, key)
        row = self._known[place]
        return dict(row) if row is not None else None

    def _write(self, table: Table, gone: Sequence[Key], rows: Mapping[Key, Row]) -> None:
        self._write_below(table, gone, rows)
        if len(self._known) > MOST:
            self._known.clear()
        self._known.update({(table.name, key): row for key, row in rows.items()})
        self._known.update({(table.name, key): None for key in gone})

    def _write_below(self, table: Table, gone: Sequence[Key], rows: Mapping[Key, Row]) -> None:
        super()._write(table, gone, rows)
