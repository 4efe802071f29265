"""Read models that followed event by event are what a rebuild from the first event gives."""

from __future__ import annotations

from typing import Any

from eventstore import EventReader, EventStore
from orchestrator.projections.registry import inline
from tests.simulation.system import Violation


def require_rebuild_gives_the_same(store: EventStore) -> None:
    """Compare every table of every read model with itself after a rebuild. Raises Violation."""
    tables = [table for projection in inline() for table in projection.tables]
    followed = {table.name: _rows(store, table.name, table.key) for table in tables}
    store.rebuild()
    for table in tables:
        if _rows(store, table.name, table.key) != followed[table.name]:
            raise Violation(f"table {table.name} is not what a rebuild gives")


def _rows(store: EventReader, table: str, key: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return store.query(f"SELECT * FROM {table} ORDER BY {', '.join(key)}")  # noqa: S608 - names of our own tables
