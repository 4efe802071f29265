"""How old a store is: its schema's revision and its read models' versions. Read only, whatever their age."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import NamedTuple

from eventstore.errors import StoreMissing
from eventstore.sqlite_file import inspect, stored_revision, unavailable, uri
from orchestrator.adapters.store_place import StorePlace
from orchestrator.domain.url_passwords import without_password


class StoreAge(NamedTuple):
    """*revision* is None for an empty file; *read_models* is name to version."""

    revision: str | None
    read_models: dict[str, int]


def age_of(place: StorePlace) -> StoreAge:
    """The age of the store in *place*.

    Raises:
        StoreMissing, NotAStore, StoreTooNew, StoreUnavailable: See `eventstore.errors`; nothing was changed.
    """
    return _age_of_database(place.url) if place.url is not None else _age_of_file(str(place.path))


def _age_of_database(url: str) -> StoreAge:
    from eventstore.postgres_reading import PostgresReader
    from eventstore.postgres_schema import revision_of

    with closing(PostgresReader(url)) as reader:
        revision = revision_of(reader, without_password(url))
        return StoreAge(revision, dict(reader.query("SELECT name, version FROM projections")))


def _age_of_file(path: str) -> StoreAge:
    if not os.path.exists(path):  # noqa: PTH110
        raise StoreMissing(f"{path}: nothing was recorded there yet")
    inspect(path)
    try:
        with closing(sqlite3.connect(uri(path, "mode=ro"), uri=True)) as connection:
            revision = stored_revision(connection, path)
            built = connection.execute("SELECT name, version FROM projections") if revision is not None else ()
            return StoreAge(revision, dict(built))
    except sqlite3.Error as error:
        raise unavailable(path, error) from error
