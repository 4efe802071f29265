"""How old a store is: its schema's revision and its read models' versions. Read only, whatever their age."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import NamedTuple

from eventstore.sqlite_file import inspect, stored_revision, unavailable, uri


class StoreAge(NamedTuple):
    """*revision* is None for an empty file; *read_models* is name to version."""

    revision: str | None
    read_models: dict[str, int]


def age_of(path: str) -> StoreAge:
    """The age of the store at *path*.

    Raises:
        NotAStore, StoreTooNew, StoreUnavailable: See `eventstore.errors`; the file was not changed.
    """
    inspect(path)
    try:
        with closing(sqlite3.connect(uri(path, "mode=ro"), uri=True)) as connection:
            revision = stored_revision(connection, path)
            built = connection.execute("SELECT name, version FROM projections") if revision is not None else ()
            return StoreAge(revision, dict(built))
    except sqlite3.Error as error:
        raise unavailable(path, error) from error
