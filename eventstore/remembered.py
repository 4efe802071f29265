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
        return self._known[place]

    def _write(self, table: Table, gone: Sequence[Key], new: Mapping[Key, Row], changed: Mapping[Key, tuple[Row, Row]]) -> None:
        self._write_below(table, gone, new, changed)
        known, name = self._known, table.name
        if len(known) > MOST:
            known.clear()
        for key, row in new.items():
            known[name, key] = row
        for key, (row, _) in changed.items():
            known[name, key] = row
        for key in gone:
            known[name, key] = None

    def _write_below(
        self, table: Table, gone: Sequence[Key], new: Mapping[Key, Row], changed: Mapping[Key, tuple[Row, Row]]
    ) -> None:
        super()._write(table, gone, new, changed)

    def _write_sums(self, table: Table, sums: Mapping[Key, Row]) -> None:
        self._write_sums_below(table, sums)
        for key in sums:
            self._known.pop((table.name, key), None)

    def _write_sums_below(self, table: Table, sums: Mapping[Key, Row]) -> None:
        super()._write_sums(table, sums)
