"""A store that was moved, removed or replaced while it was open."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from eventstore import NO_STREAM, StoreMoved
from eventstore.reading import open_read_only
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


# moved away while open


def _rename(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def _replace(path: Path) -> None:
    shutil.copy2(path, path.with_name("copy.db"))
    path.with_name("copy.db").replace(path)


def _rename_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


def _remove_log(path: Path) -> None:
    path.with_name("events.db-wal").unlink()


@pytest.mark.parametrize("move", [_rename, Path.unlink, _replace, _rename_directory, _remove_log])
def test_refuses_to_append_to_a_store_that_is_not_there_any_more(tmp_path: Path, move: Callable[[Path], None]) -> None:
    path = tmp_path / "data" / "events.db"
    path.parent.mkdir()
    store = SqliteEventStore(f"sqlite:///{path}")
    store.append("a", [event()], expected_version=NO_STREAM)
    move(path)

    with pytest.raises(StoreMoved, match=r"events\.db(-wal)? (is gone|was replaced).*nothing was written"):
        store.append("a", [event()], expected_version=0)

    assert store.version("a") == 0
    store.close()


def test_goes_on_when_the_store_is_back(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    store = SqliteEventStore(f"sqlite:///{path}")
    path.rename(tmp_path / "elsewhere.db")
    with pytest.raises(StoreMoved):
        store.append("a", [event()], expected_version=NO_STREAM)

    (tmp_path / "elsewhere.db").rename(path)

    assert store.append("a", [event()], expected_version=NO_STREAM).version == 0
    store.close()
