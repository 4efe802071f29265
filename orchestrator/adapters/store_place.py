"""Where a project's events are: a SQLite file or a PostgreSQL database. Nothing here opens it."""

from __future__ import annotations

import os
from typing import NamedTuple

from eventstore.errors import StoreUnavailable
from orchestrator.adapters import data_directory
from orchestrator.domain.url_passwords import without_password

SQLITE, POSTGRES = "sqlite:///", "postgresql+psycopg://"


class StorePlace(NamedTuple):
    """Exactly one of them is given.

    Attributes:
        path: Of a SQLite file, absolute.
        url: Of a PostgreSQL database, with its password.
    """

    path: str | None = None
    url: str | None = None

    @property
    def shown(self) -> str:
        """As it may stand in a message."""
        return self.path or without_password(self.url or "")

    @property
    def key(self) -> str:
        """Names the place on this machine; holds no password."""
        return self.path or without_password(self.url or "")


def place_of(directory: str, store: str | None) -> StorePlace:
    """What ``--store`` means.

    Args:
        directory: The project.
        store: ``--store`` or ``POP_DEPLOY_STORE``; None for the data directory's own file.

    Raises:
        StoreUnavailable: It means nothing. No password is in the message.
    """
    if store is None:
        return StorePlace(path=data_directory.events_db(data_directory.data_directory(directory)))
    if store.startswith(POSTGRES):
        return StorePlace(url=store)
    if not store.startswith(SQLITE):
        raise StoreUnavailable(
            f"--store {without_password(store)}: expected sqlite:////absolute/path/events.db or {POSTGRES}USER@HOST:PORT/DATABASE"
        )
    return StorePlace(path=os.path.abspath(store.removeprefix(SQLITE)))  # noqa: PTH100 - as light as it gets
