"""Upgrading an older store with alembic; imported only when a store is older than the program."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Engine


def migrations() -> Path:
    """Where the migrations lie: in the installed package, or at the top of a checkout."""
    packed = Path(__file__).parent / "_migrations"
    return packed if packed.is_dir() else Path(__file__).parent.parent / "alembic"


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the store's schema to *revision*; each migration is one transaction."""
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
