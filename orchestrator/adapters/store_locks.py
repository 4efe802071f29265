"""Which locks a store has: those of this machine beside a SQLite file, those of the server for PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from orchestrator.adapters.data_directory import LOCKS
from orchestrator.adapters.store_place import StorePlace

if TYPE_CHECKING:
    from orchestrator.adapters.locks import FileLocks
    from orchestrator.adapters.postgres_locks import PostgresLocks
    from orchestrator.adapters.signals import StopFlag


def locks_of(place: StorePlace, flag: StopFlag, closing: ExitStack, say: Callable[[str], None]) -> FileLocks | PostgresLocks:
    """The locks of the store at *place*, closed with *closing*. When one is lost, *flag* is set and *say* told why."""
    if place.url is None:
        from orchestrator.adapters.locks import FileLocks

        return FileLocks(os.path.join(os.path.dirname(str(place.path)), LOCKS))  # noqa: PTH118, PTH120
    from eventstore.postgres_connection import connect
    from orchestrator.adapters.postgres_locks import PostgresLocks

    url = place.url
    made = PostgresLocks(lambda: connect(url), flag, say)
    closing.callback(made.close)
    return made
