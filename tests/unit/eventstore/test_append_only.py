"""The triggers: no statement that anybody could run by accident changes what was recorded."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstore import NO_STREAM, Attachment
from eventstore.sqlite import SqliteEventStore
from tests.contract.event_store_examples import event


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody's own connection to a store with two events and an attachment of two parts."""
    store = SqliteEventStore(f"sqlite:///{tmp_path}/events.db")
    store.append("a", [event(), event()], expected_version=NO_STREAM, attachments=[Attachment("output", (b"1", b"2"))])
    store.close()
    connection = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE events SET type = 'StepFailed' WHERE position = 2", "events are never changed"),
        ("UPDATE events SET position = 9 WHERE position = 2", "events are never changed"),
        ("UPDATE OR REPLACE events SET position = 1 WHERE position = 2", "events are never changed"),
        ("DELETE FROM events WHERE position = 2", "events are never deleted"),
        ("DELETE FROM events", "events are never deleted"),
        ("INSERT OR REPLACE INTO events VALUES (2, 'b', 0, 'X', 1, '', '', '', '', '')", "events are never replaced"),
        ("INSERT OR REPLACE INTO events VALUES (9, 'a', 1, 'X', 1, '', '', '', '', '')", "events are never replaced"),
        ("REPLACE INTO events VALUES (1, 'a', 0, 'X', 1, '', '', '', '', '')", "events are never replaced"),
        (
            "INSERT INTO events VALUES (2, 'b', 0, 'X', 1, '', '', '', '', '') ON CONFLICT (position) DO UPDATE SET type = 'X'",
            "events are never replaced",
        ),
        ("UPDATE attachments SET data = '' WHERE part = 0", "attachments are never changed"),
        ("DELETE FROM attachments WHERE part = 1", "attachments are never deleted"),
        ("DELETE FROM attachments", "attachments are never deleted"),
        ("INSERT OR REPLACE INTO attachments VALUES ('a', 'output', 1, '')", "attachments are never replaced"),
    ],
)
def test_refuses_to_change_what_was_recorded(database: sqlite3.Connection, statement: str, said: str) -> None:
    before = _contents(database)

    with pytest.raises(sqlite3.IntegrityError, match=said):
        database.execute(statement)

    assert _contents(database) == before


def test_refuses_to_ignore_an_event_that_stands_already(database: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="events are never replaced"):
        database.execute("INSERT OR IGNORE INTO events VALUES (2, 'b', 0, 'X', 1, '', '', '', '', '')")


def test_lets_new_rows_in(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO events VALUES (3, 'a', 2, 'X', 1, '', '', '', '', '')")
    database.execute("INSERT INTO attachments VALUES ('a', 'output', 2, '3')")

    assert [len(rows) for rows in _contents(database)] == [3, 3]


def _contents(database: sqlite3.Connection) -> list[list[tuple[object, ...]]]:
    return [database.execute(f"SELECT rowid, * FROM {table}").fetchall() for table in ("events", "attachments")]  # noqa: S608
