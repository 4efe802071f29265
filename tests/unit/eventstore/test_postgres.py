"""What PostgreSQL can do to a writer that a file cannot: drop it, outlive it, belong to others. On a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from eventstore import (
    NO_STREAM,
    Attachment,
    EventStoreError,
    Guard,
    GuardFailed,
    NewEvent,
    NotAStore,
    StoreMissing,
    StoreTooNew,
    StoreUnavailable,
    WrongExpectedVersion,
)
from eventstore.chain import verify
from eventstore.postgres import PostgresEventStore
from eventstore.postgres_connection import _check, without_password
from eventstore.postgres_reading import open_postgres_read_only
from tests.backends.postgres import PASSWORD, PostgresBackend
from tests.contract.event_store_examples import Steps, event, events
from tests.unit.eventstore.tcp_proxy import TcpProxy

pytestmark = pytest.mark.postgres


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresEventStore]:
    opened = PostgresEventStore(postgres_url, projections=[Steps()])
    yield opened
    opened.close()


@pytest.fixture
def session(postgres_backend: PostgresBackend, postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's, in the same database."""
    connection = postgres_backend.connect(postgres_url.rpartition("/")[2])
    connection.execute("SET search_path TO pop_deploy")
    yield connection
    connection.close()


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[TcpProxy]:
    """A network between us and the server that can be cut."""
    with TcpProxy(int(postgres_url.rpartition(":")[2].partition("/")[0])) as between:
        yield between


def drop_all_others(session: psycopg.Connection[Any]) -> None:
    session.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_goes_on_after_its_connection_was_dropped_between_two_appends(
    store: PostgresEventStore, session: psycopg.Connection[Any]
) -> None:
    store.append("a", events(2), expected_version=NO_STREAM)
    drop_all_others(session)

    version = store.append("a", events(1), expected_version=1).version

    assert version == 2
    drop_all_others(session)
    assert [item.version for item in store.read_stream("a")] == [0, 1, 2]
    assert verify(store.read_all()) == store.head()


@pytest.mark.parametrize("known", [True, False], ids=["in one packet", "in a transaction"])
@pytest.mark.parametrize("lost", ["request", "reply"])
def test_writes_once_when_the_connection_is_cut_in_an_append(
    postgres_url: str, proxy: TcpProxy, session: psycopg.Connection[Any], lost: str, known: bool
) -> None:
    through = PostgresEventStore(proxy.through(postgres_url), projections=[Steps()])
    through.append("a", events(1), expected_version=NO_STREAM)
    if not known:  # somebody else has written since: what is asked first is not what is written
        other = PostgresEventStore(postgres_url, projections=[Steps()])
        other.append("b", events(1), expected_version=NO_STREAM)
        other.close()
    proxy.cut(when=b"INSERT INTO events" if known else b"COMMIT", lost=lost)

    version = through.append("a", [event("Once")], expected_version=0, attachments=[Attachment("out", (b"text",))]).version

    assert proxy.cuts == 1
    assert version == 1
    assert [item.type for item in through.read_stream("a")].count("Once") == 1
    assert list(through.attachments("a", "out")) == [b"text"]
    assert verify(through.read_all()) == through.head()
    assert through.query("SELECT stream, done FROM steps ORDER BY stream") == through.query(
        "SELECT stream, count(*) FROM events WHERE type = 'StepSucceeded' GROUP BY stream ORDER BY stream"
    )
    through.close()


def test_a_reader_that_follows_many_writers_sees_every_position_in_turn(postgres_url: str) -> None:
    def write(number: int) -> None:
        writer = PostgresEventStore(postgres_url)
        for count in range(40):
            writer.append(f"own-{number}", events(1 + count % 3), expected_version=writer.version(f"own-{number}"))
        writer.close()

    PostgresEventStore(postgres_url).close()
    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    reader, seen = open_postgres_read_only(postgres_url), []
    deadline = time.monotonic() + 60
    while (alive := any(writer.is_alive() for writer in writers)) or len(seen) < reader.head().position:
        assert time.monotonic() < deadline, f"still writing ({alive}) after 60 s"
        seen += [item.position for item in reader.read_all(len(seen))]

    assert seen == list(range(1, 4 * sum(1 + count % 3 for count in range(40)) + 1))
    reader.close()


def test_a_writer_that_is_stopped_in_a_transaction_holds_up_the_others_for_seconds_only(
    store: PostgresEventStore, postgres_url: str
) -> None:
    stopped = PostgresEventStore(postgres_url)
    stopped._connection.execute("BEGIN")
    stopped._connection.execute("SELECT pg_advisory_xact_lock(1886351460, 0)")
    began = time.monotonic()

    store.append("a", events(1), expected_version=NO_STREAM)

    assert 1 < time.monotonic() - began < 9
    stopped.close()


def test_says_that_it_is_locked_when_the_lock_does_not_come_free(postgres_url: str, session: psycopg.Connection[Any]) -> None:
    store = PostgresEventStore(postgres_url, busy_timeout_s=0.3)
    with session.transaction():
        session.execute("SELECT pg_advisory_xact_lock(1886351460, 0)")
        with pytest.raises(StoreUnavailable, match=r"locked by another session .* nothing was written. Try again"):
            store.append("a", events(1), expected_version=NO_STREAM)

    assert store.append("a", events(1), expected_version=NO_STREAM).version == 0
    store.close()


@pytest.mark.parametrize("table", ["events", "attachments"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET data = 'x'", "TRUNCATE {}"])
def test_what_was_written_is_never_changed(
    store: PostgresEventStore, session: psycopg.Connection[Any], table: str, statement: str
) -> None:
    store.append("a", events(1), expected_version=NO_STREAM, attachments=[Attachment("out", (b"text",))])

    with pytest.raises(psycopg.errors.RaiseException, match=f"{table} are never changed, replaced or deleted"):
        session.execute(statement.format(table))


def test_a_reader_cannot_write(store: PostgresEventStore, postgres_url: str) -> None:
    reader = open_postgres_read_only(postgres_url)

    with pytest.raises(StoreUnavailable, match="read-only"):
        reader.query("DELETE FROM projections RETURNING name")
    reader.close()


def test_reading_makes_nothing(postgres_url: str, session: psycopg.Connection[Any]) -> None:
    with pytest.raises(StoreMissing, match="nothing was recorded there yet"):
        open_postgres_read_only(postgres_url)

    assert session.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'pop_deploy'").fetchone() == (0,)


def test_leaves_somebody_elses_schema_alone(postgres_url: str, session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE SCHEMA pop_deploy")
    session.execute("CREATE TABLE pop_deploy.events (mine text)")

    with pytest.raises(NotAStore, match=r"the schema pop_deploy holds something else. It was not touched"):
        PostgresEventStore(postgres_url)

    assert session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'pop_deploy'").fetchall() == [("events",)]


def test_takes_no_notice_of_other_tables_in_the_database(postgres_url: str, session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE TABLE public.events (theirs text)")

    store = PostgresEventStore(postgres_url)

    assert store.append("a", events(1), expected_version=NO_STREAM).version == 0
    assert session.execute("SELECT count(*) FROM public.events").fetchone() == (0,)
    store.close()


def test_refuses_a_store_that_a_newer_program_wrote(
    store: PostgresEventStore, postgres_url: str, session: psycopg.Connection[Any]
) -> None:
    session.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreTooNew, match="9999"):
        PostgresEventStore(postgres_url)
    with pytest.raises(StoreTooNew, match="9999"):
        open_postgres_read_only(postgres_url)


def test_leaves_in_one_packet_only_what_fits_and_writes_the_rest_as_well(store: PostgresEventStore) -> None:
    store.append("a", events(2), expected_version=NO_STREAM)
    large = Attachment("out", (bytes(100_000), b"more"))

    store.append("a", [NewEvent("StepSucceeded", bytes(60_000))], expected_version=1)
    store.append("a", events(1), expected_version=2, attachments=[large])
    store.append("a", events(1), expected_version=3)

    assert verify(store.read_all()).position == 5
    assert list(store.attachments("a", "out")) == list(large.parts)
    kept = store.query("SELECT stream, done FROM steps")
    store.rebuild()
    assert store.query("SELECT stream, done FROM steps") == kept == [("a", 5)]


def test_goes_on_when_the_driver_has_deallocated_all_statements(store: PostgresEventStore) -> None:
    store.append("a", events(1), expected_version=NO_STREAM)
    for version in range(3):
        store.append("a", events(1), expected_version=version)
    store._connection.execute("DEALLOCATE ALL")

    store.append("a", events(1), expected_version=3)

    assert store.query("SELECT stream, done FROM steps") == [("a", 5)]


def test_an_append_that_knows_what_stands_there_is_one_packet(
    postgres_url: str, store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append("slot", events(1), expected_version=NO_STREAM)
    store.append("a", events(1), expected_version=NO_STREAM, guard=Guard("slot", 0))

    monkeypatch.setattr(PostgresEventStore, "_begin", lambda *_: pytest.fail("asked first"))
    for version in range(3):
        store.append("a", events(1), expected_version=version, guard=Guard("slot", 0))
    store.append("b", events(2), expected_version=NO_STREAM, guard=Guard("slot", 0))

    assert verify(store.read_all()).position == 7
    assert store.query("SELECT stream, done FROM steps ORDER BY stream") == [("a", 4), ("b", 2), ("slot", 1)]


@pytest.mark.parametrize("version", [NO_STREAM, 0, 2, 5])
def test_refuses_the_wrong_version_when_it_knows_what_stands_there(store: PostgresEventStore, version: int) -> None:
    store.append("b", events(1), expected_version=NO_STREAM)
    store.append("a", events(2), expected_version=NO_STREAM)

    with pytest.raises(WrongExpectedVersion):
        store.append("a", events(1), expected_version=version)
    with pytest.raises(GuardFailed):
        store.append("a", events(1), expected_version=1, guard=Guard("b", version if version else 1))

    assert store.head().position == 3


def test_follows_when_another_program_has_rebuilt_the_read_model(store: PostgresEventStore, postgres_url: str) -> None:
    store.append("a", events(2), expected_version=NO_STREAM)
    other = PostgresEventStore(postgres_url, projections=[Steps()])
    other.rebuild()
    other.append("b", events(1), expected_version=NO_STREAM)
    other.close()

    store.append("a", events(1), expected_version=1)

    kept = store.query("SELECT stream, done FROM steps ORDER BY stream")
    store.rebuild()
    assert store.query("SELECT stream, done FROM steps ORDER BY stream") == kept


def test_catches_up_what_a_writer_without_the_read_model_left_out(store: PostgresEventStore, postgres_url: str) -> None:
    store.append("a", events(2), expected_version=NO_STREAM)
    without = PostgresEventStore(postgres_url)
    without.append("b", events(2), expected_version=NO_STREAM)
    without.close()

    store.append("a", events(1), expected_version=1)

    kept = store.query("SELECT stream, done FROM steps ORDER BY stream")
    store.rebuild()
    assert store.query("SELECT stream, done FROM steps ORDER BY stream") == kept != []


def test_a_value_that_the_server_cannot_hold_is_refused(store: PostgresEventStore) -> None:
    with pytest.raises(EventStoreError):
        store.append("a", [event("\0")], expected_version=NO_STREAM)

    assert store.head().position == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda url: url.replace(PASSWORD, "wr0ng-pa55"), "authentication failed"),
        (lambda url: url.rpartition("/")[0] + "/no_such_database", "does not exist"),
        (lambda url: url.replace("127.0.0.1:", "127.0.0.1:1"), "cannot be reached|expected postgresql"),
        (lambda url: f"{url}?nonsense=1", "expected postgresql"),
        (lambda url: url.replace("postgresql+psycopg", "postgresql"), "expected postgresql.psycopg"),
    ],
)
def test_says_why_it_cannot_be_opened_and_never_the_password(postgres_url: str, change: Any, message: str) -> None:
    url = change(postgres_url)

    with pytest.raises(StoreUnavailable, match=message) as caught:
        PostgresEventStore(url)

    assert PASSWORD not in str(caught.value)
    assert "wr0ng-pa55" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://ann:a@b:c@db/x", "postgresql+psycopg://ann:***@db/x"),
        ("postgresql+psycopg://db/x?user=ann&password=s3cret", "postgresql+psycopg://db/x?user=ann&password=***"),
        ("postgresql+psycopg:///x?host=/run", "postgresql+psycopg:///x?host=/run"),
        ("postgresql+psycopg://ann@db/x", "postgresql+psycopg://ann@db/x"),
    ],
)
def test_shows_a_url_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_refuses_a_pooler_whose_sessions_are_shared() -> None:
    pooled = SimpleNamespace(
        info=SimpleNamespace(server_version=150_000, backend_pid=17),
        execute=lambda statement: SimpleNamespace(fetchone=lambda: (4711,)),
    )

    with pytest.raises(StoreUnavailable, match="connection pooler"):
        _check(pooled, "postgresql+psycopg://db/x")  # type: ignore[arg-type]
