"""Read models folded from events.

A `Projection` names its `Table`s and folds one event at a time through the narrow `Rows` seam, so that the same fold runs inline
(in the append's transaction), as catch-up (later, from its checkpoint) and as rebuild (in memory, written in bulk). Tables are
derived data: they are created by the store, dropped and rebuilt when `version` changes, and need no migration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from eventstore.events import RecordedEvent

Row = dict[str, Any]
Key = tuple[Any, ...]


class Table(NamedTuple):  # not a dataclass: readers import this, and dataclasses would be a tenth of their start
    """A read model's table.

    Attributes:
        columns: Column name to type: ``text``, ``integer``, ``real`` or ``blob``.
        key: Columns of the primary key.
        indexes: Each a tuple of columns.
    """

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()

    def create_statements(self) -> list[str]:
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        yield_index = [
            f"CREATE INDEX {self.name}_{number} ON {self.name} ({', '.join(columns)})"
            for number, columns in enumerate(self.indexes)
        ]
        # Without a rowid the key is the table: a row is written to one page instead of two, and every page of a commit counts.
        return [f"CREATE TABLE {self.name} ({columns}, PRIMARY KEY ({', '.join(self.key)})) WITHOUT ROWID", *yield_index]


class Rows(Protocol):
    """What a fold may do with its tables."""

    def get(self, table: Table, *key: Any) -> Row | None: ...

    def put(self, table: Table, row: Mapping[str, Any]) -> None:
        """Insert or replace the row with this key; columns that are not named become NULL.

        Raises:
            EventStoreError: A column the table does not have, a value of another type than its column's, or no value in the key.
        """
        ...

    def delete(self, table: Table, *key: Any) -> None: ...

    def add(self, table: Table, *key: Any, **amounts: int) -> None:
        """Add to the columns of the row with this key, all of which are numbers; where there is none, to one full of zeros.

        The row is not read first: that would be a question for each event that only counts.
        """
        ...


class Projection(Protocol):
    """One read model.

    Attributes:
        version: Raise it when the fold or the tables change: the store then rebuilds them.
        types: Event types that `apply` wants to see.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def tables(self) -> tuple[Table, ...]: ...

    @property
    def types(self) -> frozenset[str]: ...

    def apply(self, event: RecordedEvent, rows: Rows) -> None:
        """Fold one event. Deterministic; reads and writes only *rows*."""
        ...
