"""The contract, applied to the durable store, the one in memory, and the reader that cannot write."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from eventstore import EventReader, EventStore
from eventstore.memory import MemoryEventStore
from eventstore.postgres import PostgresEventStore
from eventstore.postgres_reading import open_postgres_read_only
from eventstore.reading import open_read_only
from eventstore.sqlite import SqliteEventStore
from tests.backends.postgres import PostgresBackend

pytest.register_assert_rewrite(*(f"tests.contract.{part}_contract" for part in ("event_store", "event_reader", "read_model")))

from tests.contract.event_reader_contract import EventReaderContract  # noqa: E402
from tests.contract.event_store_contract import EventStoreContract  # noqa: E402
from tests.contract.event_store_examples import Steps, noon  # noqa: E402
from tests.contract.read_model_contract import MakeStore  # noqa: E402


class TestSqliteEventStore(EventStoreContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Iterator[MakeStore]:
        made: list[SqliteEventStore] = []

        def make(**options: object) -> EventStore:
            made.append(SqliteEventStore(f"sqlite:///{tmp_path}/events-{len(made)}.db", **options))  # type: ignore[arg-type]
            return made[-1]

        yield make
        for store in made:
            store.close()


@pytest.mark.postgres
class TestPostgresEventStore(EventStoreContract):
    @pytest.fixture
    def make(self, postgres_backend: PostgresBackend) -> Iterator[MakeStore]:
        with ExitStack() as made:

            def make(**options: object) -> EventStore:
                store = PostgresEventStore(made.enter_context(postgres_backend.database()), **options)  # type: ignore[arg-type]
                made.callback(store.close)
                return store

            yield make


class TestMemoryEventStore(EventStoreContract):
    @pytest.fixture
    def make(self) -> Iterator[MakeStore]:
        made: list[MemoryEventStore] = []

        def make(**options: object) -> EventStore:
            made.append(MemoryEventStore(**options))  # type: ignore[arg-type]
            return made[-1]

        yield make
        for store in made:
            store.close()


@pytest.mark.postgres
class TestPostgresReadOnlyReader(EventReaderContract):
    @pytest.fixture
    def writer(self, postgres_url: str) -> Iterator[EventStore]:
        store = PostgresEventStore(postgres_url, projections=[Steps()], now=noon)
        yield store
        store.close()

    @pytest.fixture
    def reader(self, writer: EventStore, postgres_url: str) -> Iterator[EventReader]:
        reader = open_postgres_read_only(postgres_url, [("steps", 1)])
        yield reader
        reader.close()


class TestReadOnlyReader(EventReaderContract):
    @pytest.fixture
    def writer(self, tmp_path: Path) -> Iterator[EventStore]:
        store = SqliteEventStore(f"sqlite:///{tmp_path}/events.db", projections=[Steps()], now=noon)
        yield store
        store.close()

    @pytest.fixture
    def reader(self, writer: EventStore, tmp_path: Path) -> Iterator[EventReader]:
        reader = open_read_only(str(tmp_path / "events.db"), [("steps", 1)])
        yield reader
        reader.close()
