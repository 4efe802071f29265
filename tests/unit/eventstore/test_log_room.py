"""The write-ahead log is given room for many frames at once: never over anybody's frames, and never needed."""

import os
from pathlib import Path

import pytest

from eventstore.chain import verify
from eventstore.events import NewEvent
from eventstore.reading import open_read_only
from eventstore.sqlite import SqliteEventStore

EVENT = NewEvent("Done", b"{}")


def test_the_log_does_not_grow_with_each_append(tmp_path: Path) -> None:
    store, log = SqliteEventStore(f"sqlite:///{tmp_path}/events.db"), tmp_path / "events.db-wal"
    store.append("stream", [EVENT], expected_version=-1)
    size = log.stat().st_size

    for version in range(20):
        store.append("stream", [EVENT], expected_version=version)

    assert log.stat().st_size == size
    store.close()


def test_a_log_that_is_used_up_grows_by_much_at_once(tmp_path: Path) -> None:
    store, log = SqliteEventStore(f"sqlite:///{tmp_path}/events.db"), tmp_path / "events.db-wal"
    sizes = set()

    for version in range(200):
        store.append("stream", [NewEvent("Done", bytes(8_000))], expected_version=version - 1)
        sizes.add(log.stat().st_size)

    assert len(sizes) < 20
    assert verify(store.read_all()).position == 200
    store.close()


def test_two_who_take_turns_do_not_each_make_room(tmp_path: Path) -> None:
    stores = [SqliteEventStore(f"sqlite:///{tmp_path}/events.db") for _ in range(2)]

    for version in range(200):
        stores[version % 2].append("stream", [NewEvent("Done", bytes(8_000))], expected_version=version - 1)

    assert (tmp_path / "events.db-wal").stat().st_size < 6_000_000
    for store in stores:
        assert verify(store.read_all()).position == 200
        store.close()


def test_a_log_with_frames_is_left_as_it_is(tmp_path: Path) -> None:
    first, second = (SqliteEventStore(f"sqlite:///{tmp_path}/events.db") for _ in range(2))
    first.append("stream", [EVENT], expected_version=-1)

    second.append("stream", [EVENT], expected_version=0)
    first.append("stream", [EVENT], expected_version=1)

    assert [event.version for event in second.read_stream("stream")] == [0, 1, 2]
    first.close()
    assert verify(second.read_all()).position == 3
    second.close()


def test_what_is_left_of_a_log_after_a_kill_before_its_first_frame_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    store = SqliteEventStore(f"sqlite:///{path}")
    store.append("stream", [EVENT], expected_version=-1)
    store.close()
    (tmp_path / "events.db-wal").write_bytes(bytes(100_000))

    reader = open_read_only(str(path))
    assert [event.version for event in reader.read_all()] == [0]
    reader.close()
    again = SqliteEventStore(f"sqlite:///{path}")
    again.append("stream", [EVENT], expected_version=0)

    assert verify(again.read_all()).position == 2
    again.close()


def test_appends_without_room_when_the_disk_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteEventStore(f"sqlite:///{tmp_path}/events.db")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    store.append("stream", [EVENT], expected_version=-1)

    assert store.version("stream") == 0
    store.close()
