"""Upgrading an older store with alembic; imported only when a store is older than the program."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError


def migrations() -> Path:
    """Where the migrations lie: in the installed package, or at the top of a checkout."""
    packed = Path(__file__).parent / "_migrations"
    return packed if packed.is_dir() else Path(__file__).parent.parent / "alembic"


def upgrade_file(path: str, busy_timeout_s: float) -> None:
    """`upgrade` of the SQLite file *path*, on a connection of its own that waits for other writers for so long."""
    engine = create_engine(URL.create("sqlite", database=path), connect_args={"timeout": busy_timeout_s, "isolation_level": None})
    try:
        upgrade(engine)
    finally:
        engine.dispose()


def upgrade_database(url: str, schema: str) -> None:
    """`upgrade` of the PostgreSQL store at *url*, on a connection of its own."""
    engine = create_engine(url, connect_args={"options": f"-c search_path={schema}"})
    try:
        upgrade(engine)
    finally:
        engine.dispose()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the store's schema to *revision* in one transaction, all migrations or none.

    Raises:
        sqlite3.Error: As the driver raised it.
    """
    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except DBAPIError as error:
            if isinstance(error.orig, sqlite3.Error):
                raise error.orig from error
            raise
