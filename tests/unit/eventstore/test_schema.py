"""A fresh store is made in one go, an older one by migrations: both must end the same."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from eventstore import NO_STREAM, Guard
from eventstore.revisions import APPLICATION_ID, REVISIONS
from eventstore.sqlite import SqliteEventStore
from eventstore.upgrade import migrations, upgrade
from tests.contract.event_store_examples import event


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    SqliteEventStore(f"sqlite:///{tmp_path}/fresh.db").close()
    connection = sqlite3.connect(tmp_path / "fresh.db")
    yield connection
    connection.close()


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    engine = create_engine(f"sqlite:///{tmp_path}/migrated.db", connect_args={"isolation_level": None})
    upgrade(engine)
    engine.dispose()
    connection = sqlite3.connect(tmp_path / "migrated.db")
    yield connection
    connection.close()


def test_a_fresh_store_equals_one_made_by_all_migrations(fresh: sqlite3.Connection, migrated: sqlite3.Connection) -> None:
    assert _schema(fresh) == _schema(migrated)
    assert len(_schema(fresh)) > 10
    for question in ("PRAGMA application_id", "SELECT version_num FROM alembic_version"):
        assert fresh.execute(question).fetchall() == migrated.execute(question).fetchall()


def test_a_fresh_store_carries_its_mark_and_the_newest_revision(fresh: sqlite3.Connection) -> None:
    assert fresh.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert APPLICATION_ID.to_bytes(4) == b"popd"
    assert fresh.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISIONS[-1],)]


def test_the_program_knows_every_migration_and_its_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    scripts = ScriptDirectory.from_config(config)

    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == REVISIONS
    assert scripts.get_heads() == [REVISIONS[-1]]


def test_the_table_of_events_has_the_columns_that_are_promised(fresh: sqlite3.Connection) -> None:
    columns = [row[1] for row in fresh.execute("PRAGMA table_info(events)")]

    promised = "position stream version type schema_version time data metadata previous_hash hash"
    assert " ".join(columns) == promised


def test_every_question_of_an_append_is_answered_by_an_index(tmp_path: Path) -> None:
    store = SqliteEventStore(f"sqlite:///{tmp_path}/events.db")
    asked: list[str] = []
    store._connection.set_trace_callback(asked.append)

    store.append("a", [event()], expected_version=NO_STREAM, guard=Guard("slot", NO_STREAM))

    plans = [
        row[-1] for statement in asked if statement.startswith("SELECT") for row in store.query(f"EXPLAIN QUERY PLAN {statement}")
    ]
    store.close()
    # The newest event is found by walking the primary key backwards, one row; read models are a handful.
    assert sorted(set(plans)) == [
        "SCAN events",
        "SCAN projections",
        "SEARCH events USING COVERING INDEX sqlite_autoindex_events_1 (stream=?)",
    ]
    assert plans.count("SCAN events") == 1


def _schema(connection: sqlite3.Connection) -> set[tuple[str, str, str, str]]:
    rows = connection.execute("SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_master").fetchall()
    return {(kind, name, table, re.sub(r"\s+", " ", sql).strip()) for kind, name, table, sql in rows}
