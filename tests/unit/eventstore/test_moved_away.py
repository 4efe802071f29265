"""A store that was moved, removed or replaced while it was open."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from eventstore import NO_STREAM, StoreMoved
from eventstore.sqlite import SqliteEventStore
from tests.contract.event_store_examples import event

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
