"""What may be opened, what is refused and left as it was, and what opening costs."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventstore import NO_STREAM, NotAStore, StoreOutdated, StoreTooNew, StoreUnavailable
from eventstore.reading import open_read_only
from eventstore.revisions import APPLICATION_ID
from eventstore.sqlite import SqliteEventStore
from tests.contract.event_store_examples import event, events

ROOT = Path(__file__).parents[3]

OPENINGS: list[Callable[[Path], object]] = [
    lambda path: SqliteEventStore(f"sqlite:///{path}"),
    lambda path: open_read_only(str(path)),
]
both = pytest.mark.parametrize("opening", OPENINGS, ids=["for writing", "for reading"])


def _store(path: Path) -> Path:
    store = SqliteEventStore(f"sqlite:///{path}")
    store.append("a", events(3), expected_version=NO_STREAM)
    store.close()
    return path


def _edit(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def _around(path: Path) -> dict[str, tuple[bytes, int, int]]:
    """Name, content, mode and time of change of everything in the directory of *path*."""
    return {
        item.name: (item.read_bytes(), item.stat().st_mode, item.stat().st_mtime_ns)
        for item in path.parent.iterdir()
        if item.is_file()
    }


# stores of other programs, and other files


@both
@pytest.mark.parametrize("revision", ["9999", "0002_x"])
def test_refuses_a_newer_store_and_leaves_it_untouched(tmp_path: Path, opening: Callable[[Path], object], revision: str) -> None:
    path = _store(tmp_path / "events.db")
    _edit(path, f"UPDATE alembic_version SET version_num = '{revision}'")  # noqa: S608
    before = _around(path)

    with pytest.raises(StoreTooNew, match=rf"events\.db has schema revision {revision}; .* use the newer pop-deploy"):
        opening(path)

    assert _around(path) == before
    assert list(before) == ["events.db"]


@both
def test_refuses_a_store_without_a_revision(tmp_path: Path, opening: Callable[[Path], object]) -> None:
    path = _store(tmp_path / "events.db")
    _edit(path, "DELETE FROM alembic_version")
    before = _around(path)

    with pytest.raises(StoreTooNew, match="has schema revision none"):
        opening(path)

    assert _around(path) == before


@both
@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE customers (name)"],
        ["PRAGMA journal_mode = WAL", "CREATE TABLE customers (name)"],
        # Another program that uses alembic and has events of its own.
        ["CREATE TABLE events (x)", "CREATE TABLE alembic_version (version_num)", "INSERT INTO alembic_version VALUES ('0001')"],
        [f"PRAGMA application_id = {APPLICATION_ID}", "CREATE TABLE customers (name)"],
    ],
    ids=["foreign", "foreign with a log", "alike", "marked alike"],
)
def test_refuses_a_foreign_database_and_leaves_it_untouched(
    tmp_path: Path, opening: Callable[[Path], object], statements: list[str]
) -> None:
    path = tmp_path / "events.db"
    _edit(path, *statements)
    before = _around(path)

    with pytest.raises(NotAStore, match=r"is a SQLite database of something else\. It was not touched"):
        opening(path)

    assert _around(path) == before


@both
def test_refuses_a_foreign_database_whose_writer_was_killed(tmp_path: Path, opening: Callable[[Path], object]) -> None:
    _edit(tmp_path / "living.db", "PRAGMA journal_mode = WAL")
    path = tmp_path / "crashed" / "events.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(tmp_path / "living.db", isolation_level=None)) as writer:
        writer.execute("CREATE TABLE customers (name)")
        for suffix in ("", "-wal"):
            shutil.copy2(f"{tmp_path}/living.db{suffix}", f"{path}{suffix}")
    before = _around(path)

    with pytest.raises(NotAStore, match="a SQLite database of something else"):
        opening(path)

    # The index of the log (-shm) may appear, it holds nothing; the log itself must not be taken over.
    assert {name: kept for name, kept in _around(path).items() if not name.endswith("-shm")} == before


@both
@pytest.mark.parametrize(
    "content",
    [b"x", b"just a text\n" * 100, b"SQLite format 3\x00", b"SQLite format 3\x00" + b"\xff" * 8176, b"\x00" * 4096],
    ids=["one byte", "text", "only the magic", "garbage after the magic", "zeros"],
)
def test_refuses_a_file_that_is_no_database_and_leaves_it_untouched(
    tmp_path: Path, opening: Callable[[Path], object], content: bytes
) -> None:
    path = tmp_path / "events.db"
    path.write_bytes(content)
    before = _around(path)

    with pytest.raises(NotAStore, match=r"is not a SQLite database\. It was not touched"):
        opening(path)

    assert _around(path) == before


@both
def test_refuses_what_is_not_a_file(tmp_path: Path, opening: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(NotAStore, match="is not a file"):
        opening(tmp_path)
    with pytest.raises(NotAStore, match="is not a file"):
        opening(tmp_path / "pipe")


@both
def test_refuses_a_path_below_a_file(tmp_path: Path, opening: Callable[[Path], object]) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(StoreUnavailable, match=r"file/events\.db"):
        opening(tmp_path / "file" / "events.db")


def test_names_a_directory_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"missing/events\.db cannot be created: No such file or directory"):
        SqliteEventStore(f"sqlite:///{tmp_path}/missing/events.db")


def test_reading_does_not_create_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not exist: nothing was recorded there yet"):
        open_read_only(str(tmp_path / "events.db"))

    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    path.touch()

    with pytest.raises(StoreOutdated, match="an empty file, not a store yet"):
        open_read_only(str(path))
    size = path.stat().st_size
    store = SqliteEventStore(f"sqlite:///{path}")

    assert size == 0
    assert store.append("a", [event()], expected_version=NO_STREAM).version == 0
    store.close()


def test_a_creation_that_failed_half_way_leaves_an_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.db"
    statements = ["CREATE TABLE events (position integer)", "CREATE TABLE broken ("]
    with monkeypatch.context() as broken:
        broken.setattr("eventstore.schema.sqlite_ddl", lambda: statements)
        with pytest.raises(StoreUnavailable, match="incomplete input"):
            SqliteEventStore(f"sqlite:///{path}")

    assert path.read_bytes() == b""
    _store(path)


def test_takes_over_a_store_whose_creation_was_killed(tmp_path: Path) -> None:
    """A journal means that page 1 may be anything: SQLite's recovery decides, not what stands in the file."""
    path = _store(tmp_path / "events.db")
    journal = tmp_path / "events.db-journal"
    journal.write_bytes(b"\0" * 512)  # As left by a writer who had not yet said that it is valid.

    store = SqliteEventStore(f"sqlite:///{path}")

    assert store.version("a") == 2
    store.close()


# paths and addresses


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "qu'o\"te",
        "a?mode=memory",
        "a#b",
        "100%",
        "a%41b",
        "ünï☃",
        "semi;colon&x=1",
        "file:x",
        "-dash",
        "..dots",
        "new\nline",
    ],
)
def test_opens_any_path_as_it_is_written(tmp_path: Path, name: str) -> None:
    path = _store(tmp_path / name)

    reader = open_read_only(str(path))

    assert reader.version("a") == 2
    reader.close()
    SqliteEventStore(f"sqlite:///{path}").close()
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_opens_a_path_that_is_not_utf_8(tmp_path: Path) -> None:
    path = _store(tmp_path / os.fsdecode(b"\xff\xfe.db"))

    reader = open_read_only(str(path))

    assert reader.version("a") == 2
    reader.close()
    SqliteEventStore(f"sqlite:///{path}").close()
    assert [os.fsencode(item.name) for item in tmp_path.iterdir()] == [b"\xff\xfe.db"]


def test_opens_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = SqliteEventStore("sqlite:///events.db")
    reader = open_read_only("events.db")
    monkeypatch.chdir(tmp_path / "elsewhere")

    store.append("a", [event()], expected_version=NO_STREAM)

    assert reader.version("a") == 0
    assert not list((tmp_path / "elsewhere").iterdir())
    reader.close()
    store.close()


def test_follows_a_symbolic_link_also_to_a_file_that_is_still_to_be_made(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "events.db").symlink_to(tmp_path / "data" / "real.db")

    path = _store(tmp_path / "events.db")

    assert (tmp_path / "data" / "real.db").stat().st_mode & 0o777 == 0o600
    reader = open_read_only(str(path))
    assert reader.version("a") == 2
    reader.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:geheim@db/events", "--store postgresql://***@db/events: expected sqlite:////"),
        ("postgresql://ann:p@ss:geheim@db/events", "--store postgresql://***@db/events: expected"),
        ("/srv/events.db", "--store /srv/events.db: expected sqlite:////"),
        ("sqlite://", "expected sqlite:////"),
        ("sqlite:///", "expected sqlite:////"),
        ("sqlite:///:memory:", "expected sqlite:////"),
        ("sqlite:////srv/\0", "expected sqlite:////"),
        ("", "expected sqlite:////"),
    ],
)
def test_refuses_an_address_that_is_not_a_sqlite_file(url: str, shown: str) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        SqliteEventStore(url)

    assert shown in str(caught.value)
    assert "geheim" not in str(caught.value)


# the files


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_all_its_files_are_private(tmp_path: Path) -> None:
    store = SqliteEventStore(f"sqlite:///{tmp_path}/events.db")
    store.append("a", [event()], expected_version=NO_STREAM)

    modes = {item.name: item.stat().st_mode & 0o777 for item in tmp_path.iterdir()}

    assert modes == {"events.db": 0o600, "events.db-wal": 0o600, "events.db-shm": 0o600}
    store.close()


def test_one_file_is_left_after_closing(tmp_path: Path) -> None:
    _store(tmp_path / "events.db")

    assert [item.name for item in tmp_path.iterdir()] == ["events.db"]


def test_opening_twice_in_one_process_does_not_drop_the_locks_of_the_first(tmp_path: Path) -> None:
    """POSIX drops the locks of a process on a file when it closes any of its descriptors; then others would remove the log."""
    path = tmp_path / "events.db"
    first = SqliteEventStore(f"sqlite:///{path}")
    first.append("a", [event()], expected_version=NO_STREAM)

    SqliteEventStore(f"sqlite:///{path}").close()
    open_read_only(str(path)).close()
    passer_by = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM events').close()"
    subprocess.run([sys.executable, "-c", passer_by, path], check=True)

    assert first.append("a", [event()], expected_version=0).version == 1
    other = open_read_only(str(path))
    assert other.version("a") == 1
    other.close()
    first.close()


# what it costs

MODULES = """
import sys
{action}
print(*{{name.split(".")[0] for name in sys.modules}})
"""


@pytest.mark.parametrize(
    ("action", "unneeded"),
    [
        ("from eventstore.sqlite import SqliteEventStore; SqliteEventStore('sqlite:///{path}').close()", "alembic sqlalchemy"),
        ("from eventstore.sqlite import SqliteEventStore; SqliteEventStore('sqlite:///{path}-new').close()", "alembic"),
        (
            "from eventstore.reading import open_read_only; open_read_only('{path}').close()",
            "alembic sqlalchemy urllib pathlib asyncio",
        ),
    ],
    ids=["an up-to-date store", "a fresh store", "for reading"],
)
def test_opening_does_not_load_what_it_does_not_need(tmp_path: Path, action: str, unneeded: str) -> None:
    path = _store(tmp_path / "events.db")
    code = MODULES.format(action=action.format(path=path))

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) & {"eventstore", *unneeded.split()} == {"eventstore"}


def test_does_not_wait_for_ever_for_others_that_read_a_new_file(tmp_path: Path) -> None:
    path = _store(tmp_path / "events.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN")
        other.execute("SELECT * FROM store").fetchall()

        with pytest.raises(StoreUnavailable, match="is locked by another program and did not come free in time"):
            SqliteEventStore(f"sqlite:///{path}", busy_timeout_s=0.05)
