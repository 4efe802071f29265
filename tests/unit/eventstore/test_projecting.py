"""Read models keep in step: across new versions of their folds, older programs, and writers who do not know them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from eventstore import NO_STREAM, EventStore, RecordedEvent, Rows, StoreOutdated, StoreTooNew, Table
from eventstore.reading import open_read_only
from eventstore.revisions import FOLLOWING
from eventstore.sqlite import SqliteEventStore
from tests.contract.event_store_examples import PoisonedError, Steps, Versions, event, events


@dataclass(frozen=True)
class Doubled(Steps):
    """The same read model in the next version of the program: another fold, and another column."""

    version: int = 2

    @property
    def tables(self) -> tuple[Table, ...]:
        return (Table("steps", {"stream": "text", "done": "integer", "doubled": "integer"}, ("stream",)),)

    def apply(self, event: RecordedEvent, rows: Rows) -> None:
        row = rows.get(self.tables[0], event.stream) or {"stream": event.stream, "done": 0}
        done = row["done"] + 1
        rows.put(self.tables[0], {"stream": event.stream, "done": done, "doubled": 2 * done})


class Places:
    """Opens the same store any number of times, and closes all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: list[SqliteEventStore] = []

    def open(self, *projections: Steps | Versions, catch_up: tuple[Steps, ...] = ()) -> EventStore:
        self._opened.append(SqliteEventStore(f"sqlite:///{self.path}", projections=projections, catch_up=catch_up))
        return self._opened[-1]

    def read(self, *projections: Steps | Versions) -> list[tuple[object, ...]]:
        reader = open_read_only(str(self.path), [(item.name, item.version) for item in projections])
        try:
            return reader.query("SELECT stream, done FROM steps ORDER BY stream")
        finally:
            reader.close()

    def close(self) -> None:
        for store in self._opened:
            store.close()


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    places = Places(tmp_path / "events.db")
    yield places
    places.close()


def _checkpoints(store: EventStore) -> dict[str, tuple[int, int]]:
    rows = store.query("SELECT name, version, position FROM projections")
    return {name: (version, position) for name, version, position in rows}


# a new version of the program


def test_a_new_version_of_a_fold_is_rebuilt_at_the_next_opening(places: Places) -> None:
    before = places.open(Steps(), Versions())
    before.append("a", events(3), expected_version=NO_STREAM)
    before.close()

    store = places.open(Doubled(), Versions())

    assert store.query("SELECT * FROM steps") == [("a", 3, 6)]
    assert _checkpoints(store) == {"steps": (2, FOLLOWING), "versions": (1, FOLLOWING)}


def test_a_read_model_that_is_new_is_built_at_the_next_opening(places: Places) -> None:
    before = places.open(Versions())
    before.append("a", events(3), expected_version=NO_STREAM)
    before.close()

    store = places.open(Steps(), Versions())

    assert store.query("SELECT stream, done FROM steps") == [("a", 3)]


def test_only_what_changed_is_rebuilt(places: Places) -> None:
    before = places.open(Steps(), Versions())
    before.append("a", [*events(2), event("StepFailed")], expected_version=NO_STREAM)
    before.query("DELETE FROM versions WHERE version = 0")
    before.close()

    store = places.open(Doubled(), Versions())

    assert store.query("SELECT count(*) FROM versions") == [(2,)]


def test_an_older_program_is_refused_and_changes_nothing(places: Places) -> None:
    store = places.open(Doubled())
    store.append("a", events(3), expected_version=NO_STREAM)
    store.close()
    before = places.path.read_bytes()

    with pytest.raises(StoreTooNew, match="read model steps is of version 2, this program's is 1: use the newer pop-deploy"):
        places.open(Steps(), Versions())
    with pytest.raises(StoreOutdated, match="read model steps must be built first"):
        places.read(Steps())

    assert places.path.read_bytes() == before


def test_a_fold_that_fails_refuses_the_opening_and_keeps_the_old_read_model(places: Places) -> None:
    class Poisoned(Steps):
        def apply(self, event: RecordedEvent, rows: Rows) -> None:
            raise PoisonedError

    before = places.open(Steps())
    before.append("a", events(3), expected_version=NO_STREAM)
    before.close()

    with pytest.raises(PoisonedError):
        places.open(Poisoned(version=2))

    assert places.read(Steps()) == [("a", 3)]


def test_a_program_that_is_running_leaves_a_read_model_to_the_newer_one_that_took_it_over(places: Places) -> None:
    older = places.open(Steps(), Versions())
    older.append("a", events(2), expected_version=NO_STREAM)
    newer = places.open(Doubled(), Versions())

    older.append("a", events(1), expected_version=1)

    assert newer.query("SELECT * FROM steps") == [("a", 2, 4)]
    assert _checkpoints(newer) == {"steps": (2, 2), "versions": (1, FOLLOWING)}
    newer.append("b", events(1), expected_version=NO_STREAM)
    assert newer.query("SELECT * FROM steps ORDER BY stream") == [("a", 3, 6), ("b", 1, 2)]
    assert _checkpoints(newer) == {"steps": (2, FOLLOWING), "versions": (1, FOLLOWING)}


def test_catching_up_is_refused_when_a_newer_program_took_the_read_model_over(places: Places) -> None:
    older = places.open(catch_up=(Steps(),))
    older.append("a", events(2), expected_version=NO_STREAM)
    newer = places.open(catch_up=(Doubled(),))

    with pytest.raises(StoreTooNew, match="steps was taken over by another version"):
        older.catch_up("steps")

    assert newer.query("SELECT * FROM steps") == [("a", 2, 4)]


# writers who do not know a read model


def test_catches_up_at_opening_with_what_others_left_out(places: Places) -> None:
    places.open(Steps()).append("a", events(2), expected_version=NO_STREAM)
    places.open().append("a", events(3), expected_version=1)

    store = places.open(Steps())

    assert store.query("SELECT stream, done FROM steps") == [("a", 5)]
    assert _checkpoints(store) == {"steps": (1, FOLLOWING)}


def test_catches_up_in_the_next_append_with_what_others_left_out(places: Places) -> None:
    knowing, ignorant = places.open(Steps(), Versions()), places.open(Versions())
    knowing.append("a", events(2), expected_version=NO_STREAM)
    ignorant.append("b", events(1), expected_version=NO_STREAM)
    ignorant.append("a", [event("StepFailed")], expected_version=1)

    knowing.append("a", events(1), expected_version=2)

    inline = knowing.query("SELECT * FROM steps ORDER BY stream")
    assert [row[:2] for row in inline] == [("a", 1), ("b", 1)]
    assert _checkpoints(knowing) == {"steps": (1, FOLLOWING), "versions": (1, FOLLOWING)}
    knowing.rebuild()
    assert knowing.query("SELECT * FROM steps ORDER BY stream") == inline


def test_a_reader_does_not_take_a_read_model_that_is_behind(places: Places) -> None:
    places.open(Steps()).append("a", events(2), expected_version=NO_STREAM)
    current = places.read(Steps())
    places.open().append("a", events(1), expected_version=1)

    with pytest.raises(StoreOutdated, match="read model steps has not followed the last events"):
        places.read(Steps())

    places.open(Steps())
    assert (current, places.read(Steps())) == ([("a", 2)], [("a", 3)])


def test_a_reader_takes_a_catch_up_read_model_as_far_as_it_has_come(places: Places) -> None:
    store = places.open(catch_up=(Steps(),))
    store.append("a", events(2), expected_version=NO_STREAM)
    store.catch_up("steps")
    store.append("a", events(2), expected_version=1)

    reader = open_read_only(str(places.path), catch_up=[("steps", 1)])

    assert reader.query("SELECT stream, done FROM steps") == [("a", 2)]
    reader.close()
    with pytest.raises(StoreOutdated, match="read model steps must be built first"):
        open_read_only(str(places.path), catch_up=[("steps", 2)])


def test_a_read_model_that_follows_needs_no_checkpoint_of_its_own(places: Places) -> None:
    store = places.open(Steps())

    store.append("a", [event("Unrelated")], expected_version=NO_STREAM)

    assert _checkpoints(store) == {"steps": (1, FOLLOWING)}
    assert places.read(Steps()) == []


def test_a_writer_that_does_not_know_a_read_model_leaves_behind_where_it_stands(places: Places) -> None:
    knowing = places.open(Steps(), Versions())
    knowing.append("a", events(2), expected_version=NO_STREAM)
    ignorant = places.open(Versions())

    ignorant.append("a", events(1), expected_version=1)
    ignorant.append("a", events(1), expected_version=2)

    assert _checkpoints(knowing) == {"steps": (1, 2), "versions": (1, FOLLOWING)}


def test_a_running_program_leaves_a_read_model_that_was_taken_over_alone_however_often_it_writes(places: Places) -> None:
    older = places.open(Steps(), Versions())
    older.append("a", events(1), expected_version=NO_STREAM)
    newer = places.open(Doubled(), Versions())

    older.append("a", events(1), expected_version=0)
    older.append("a", events(1), expected_version=1)

    assert newer.query("SELECT * FROM steps") == [("a", 1, 2)]
    assert newer.query("SELECT count(*) FROM versions") == [(3,)]
