"""The real PostgreSQL of the tests.

``postgres-up.sh`` starts it; this module finds it and gives each test a database of its own.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

USER, PASSWORD = "ci", "s3cret"
_CONNECT_TIMEOUT_S = 5


def _url() -> str:
    given = os.environ.get("POP_DEPLOY_TEST_POSTGRES")
    return (
        given
        or f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{os.environ.get('POP_DEPLOY_POSTGRES_PORT', '54329')}/postgres"
    )


@dataclass(frozen=True)
class PostgresBackend:
    """A server on which databases may be made.

    Attributes:
        url: Of a database that is always there, with the password.
    """

    url: str = field(default_factory=_url)

    def available(self) -> str | None:
        """Return why these tests cannot run here, or None if they can."""
        try:
            self.connect().close()
        except psycopg.OperationalError as error:
            return f"no PostgreSQL answers ({str(error).splitlines()[0]}); run tests/backends/postgres-up.sh"
        return None

    def connect(self, database: str | None = None) -> psycopg.Connection[Any]:
        """A session of the test's own, in autocommit mode."""
        url = self.url if database is None else self.of(database)
        return psycopg.connect(url.replace("+psycopg", ""), autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S)

    def of(self, database: str) -> str:
        """The store URL of *database*."""
        return f"{self.url.rpartition('/')[0]}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database that nobody else has, dropped at the end with whoever is still connected."""
        name = f"t{uuid.uuid4().hex[:12]}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        try:
            yield self.of(name)
        finally:
            with self.connect() as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
