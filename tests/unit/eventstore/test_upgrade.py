"""An older store is brought up to date at its first use: whole, once, and by alembic only then."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from eventstore import NO_STREAM, StoreOutdated, StoreUnavailable, reading, sqlite, sqlite_file, upgrade
from eventstore.chain import verify
from eventstore.reading import open_read_only
from eventstore.sqlite import SqliteEventStore
from tests.contract.event_store_examples import Steps, event, events

ROOT = Path(__file__).parents[3]

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    {body}
"""
NOTES = 'op.create_table("notes", sa.Column("stream", sa.Text, primary_key=True), sa.Column("note", sa.Text))'
COMMENT = 'op.add_column("store", sa.Column("comment", sa.Text)); op.execute("UPDATE store SET comment = \'moved here\'")'
BROKEN = 'op.create_table("half", sa.Column("x", sa.Text)); op.execute("INSERT INTO missing VALUES (1)")'

Later = Callable[..., None]


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A store as this program leaves it: the first revision, three events and a read model."""
    path = tmp_path / "events.db"
    store = SqliteEventStore(f"sqlite:///{path}", projections=[Steps()])
    store.append("a", events(3), expected_version=NO_STREAM)
    store.close()
    return path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Later:
    """Turns this program into a later one that has more migrations, each given by its body."""

    def turn(*bodies: str, directory: str = "migrations") -> None:
        place = tmp_path / directory
        shutil.copytree(ROOT / "alembic", place, ignore=shutil.ignore_patterns("__pycache__"))
        revisions = ["0001", *(f"{number:04}" for number in range(2, len(bodies) + 2))]
        for before, revision, body in zip(revisions, revisions[1:], bodies, strict=False):
            text = MIGRATION.format(revision=revision, before=before, body=body)
            (place / "versions" / f"{revision}_later.py").write_text(text, encoding="utf-8")
        monkeypatch.setattr(upgrade, "migrations", lambda: place)
        for module in (sqlite, reading, sqlite_file):
            monkeypatch.setattr(module, "REVISIONS", tuple(revisions))

    return turn


def test_upgrades_an_older_store_at_its_first_use(older: Path, later: Later) -> None:
    later(NOTES, COMMENT)

    store = SqliteEventStore(f"sqlite:///{older}", projections=[Steps()])

    assert store.query("SELECT version_num FROM alembic_version") == [("0003",)]
    assert store.query("SELECT comment FROM store") == [("moved here",)]
    assert store.query("SELECT count(*) FROM notes") == [(0,)]
    assert store.query("SELECT stream, done FROM steps") == [("a", 3)]
    assert store.append("a", [event()], expected_version=2).version == 3
    assert verify(store.read_all()) == store.head()
    store.close()


def test_upgrades_from_wherever_a_store_stands(older: Path, later: Later) -> None:
    later(NOTES)
    SqliteEventStore(f"sqlite:///{older}").close()
    later(NOTES, COMMENT, directory="more migrations")

    store = SqliteEventStore(f"sqlite:///{older}")

    assert store.query("SELECT version_num FROM alembic_version") == [("0003",)]
    store.close()


@pytest.mark.parametrize("bodies", [(BROKEN,), (NOTES, BROKEN), (NOTES, COMMENT, BROKEN)])
def test_a_failing_migration_leaves_the_store_as_it_was(
    older: Path, later: Later, monkeypatch: pytest.MonkeyPatch, bodies: tuple[str, ...]
) -> None:
    before = _dump(older)
    later(*bodies)

    with pytest.raises(StoreUnavailable, match="no such table: missing"):
        SqliteEventStore(f"sqlite:///{older}")

    assert _dump(older) == before
    monkeypatch.undo()  # Back to the program that wrote it.
    store = SqliteEventStore(f"sqlite:///{older}")
    assert store.append("a", [event()], expected_version=2).version == 3
    store.close()


def test_reading_alone_does_not_upgrade(older: Path, later: Later) -> None:
    later(NOTES)
    before = older.read_bytes()

    with pytest.raises(StoreOutdated, match="schema revision 0001 must be upgraded to 0002 first"):
        open_read_only(str(older))

    assert older.read_bytes() == before


def test_says_so_when_another_writer_is_in_the_way(older: Path, later: Later) -> None:
    later(NOTES)
    other = sqlite3.connect(older, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="is locked by another program"):
        SqliteEventStore(f"sqlite:///{older}", busy_timeout_s=0.05)

    other.execute("ROLLBACK")
    other.close()
    SqliteEventStore(f"sqlite:///{older}").close()


def test_finds_migrations_in_a_directory_with_a_percent_sign(older: Path, later: Later) -> None:
    later(NOTES, directory="100% of them: here")

    store = SqliteEventStore(f"sqlite:///{older}")

    assert store.query("SELECT version_num FROM alembic_version") == [("0002",)]
    store.close()


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())
