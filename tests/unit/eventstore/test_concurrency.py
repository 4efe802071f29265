"""Real processes at the same store: one wins, the others are told, nothing is lost."""

import os
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from eventstore import NO_STREAM, EventStore
from eventstore.chain import verify
from eventstore.sqlite import SqliteEventStore
from tests.contract.event_store_examples import Steps, event, events
from tests.quick import part
from tests.unit.eventstore.stores import open_store
from tests.unit.eventstore.workers import ROOT, Workers, go, line

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table("notes", sa.Column("note", sa.Text))
    op.execute("INSERT INTO notes VALUES ('once')")
"""


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers() as workers:
        yield workers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def test_four_writers_lose_nothing_and_leave_no_gap(store_url: str, workers: Workers) -> None:
    url, each = store_url, 25

    said = workers.finish(*(["race", url, f"own-{number}", str(each)] for number in range(4)))

    store = open_store(url, projections=[Steps()])
    won = [int(version) for lines in said for version in lines]
    assert sorted(won) == list(range(1, 8 * each, 2))  # Two events each time: every append has a version of its own.
    assert [item.version for item in store.read_stream("shared")] == list(range(8 * each))
    assert [item.position for item in store.read_all()] == list(range(1, 12 * each + 1))
    assert Counter(item.stream for item in store.read_all()) == {"shared": 8 * each, **{f"own-{n}": each for n in range(4)}}
    assert verify(store.read_all()) == store.head()
    _assert_read_models_followed(store)
    store.close()


@pytest.mark.parametrize("attempt", range(part(2)))
def test_processes_that_create_the_same_store_at_once_share_it(store_url: str, workers: Workers, attempt: int) -> None:
    said = workers.finish(*(["create", store_url] for _ in range(4)))

    store = open_store(store_url)
    assert said == [[store.store_id]] * 4
    assert store.query("SELECT count(*) FROM store") == [(1,)]
    assert store.append("a", [event()], expected_version=NO_STREAM).version == 0
    store.close()


def test_threads_that_open_a_file_without_a_log_at_once_all_get_it(path: Path) -> None:
    """SQLite tells one of two that switch to the log at the same moment, at once, that the file is locked."""
    url = f"sqlite:///{path}"
    SqliteEventStore(url).close()
    together = Barrier(4)

    def open_and_close() -> None:
        together.wait(10)
        SqliteEventStore(url).close()

    with ThreadPoolExecutor(together.parties) as pool:
        for _ in range(part(120)):
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA journal_mode = DELETE")
            for opened in [pool.submit(open_and_close) for _ in range(together.parties)]:
                opened.result(10)


def test_processes_that_upgrade_the_same_store_at_once_do_it_once(path: Path, tmp_path: Path, workers: Workers) -> None:
    store = SqliteEventStore(f"sqlite:///{path}")
    store.append("a", events(3), expected_version=NO_STREAM)
    shutil.copytree(ROOT / "alembic", tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "migrations" / "versions" / "0002_notes.py").write_text(MIGRATION, encoding="utf-8")

    said = workers.finish(*(["upgrade", f"sqlite:///{path}", str(tmp_path / "migrations")] for _ in range(3)))

    assert said == [[store.store_id]] * 3
    assert store.query("SELECT version_num FROM alembic_version") == [("0002",)]
    assert store.query("SELECT note FROM notes") == [("once",)]
    store.close()


def test_a_holder_that_was_stopped_and_replaced_writes_nothing_when_it_wakes(store_url: str, workers: Workers) -> None:
    store = open_store(store_url)
    store.append("slot", [event("SlotTaken")], expected_version=NO_STREAM)
    (holder,) = workers.start_loaded(["stop", store_url])
    go(holder)
    _, status = os.waitpid(holder.pid, os.WUNTRACED)

    store.append("slot", [event("SlotTaken")], expected_version=0)
    holder.send_signal(signal.SIGCONT)

    assert os.WIFSTOPPED(status)
    assert line(holder) == "GuardFailed"
    assert store.version("deployment") == NO_STREAM
    store.close()


def test_a_holder_that_was_stopped_but_not_replaced_goes_on(store_url: str, workers: Workers) -> None:
    store = open_store(store_url)
    store.append("slot", [event("SlotTaken")], expected_version=NO_STREAM)
    (holder,) = workers.start_loaded(["stop", store_url])
    go(holder)
    os.waitpid(holder.pid, os.WUNTRACED)

    holder.send_signal(signal.SIGCONT)

    assert line(holder) == "appended 0"
    store.close()


def _assert_read_models_followed(store: EventStore) -> None:
    inline = store.query("SELECT stream, done, share FROM steps ORDER BY stream")
    store.rebuild()
    assert store.query("SELECT stream, done, share FROM steps ORDER BY stream") == inline
