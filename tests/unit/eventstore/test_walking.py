"""Every kind of tampering with a real SQLite file is found and named: what was done, to which event."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventstore import NO_STREAM, EventReader
from eventstore.chain import link
from eventstore.events import Head, RecordedEvent
from eventstore.memory import MemoryEventStore
from eventstore.reading import open_read_only
from eventstore.sqlite import SqliteEventStore
from eventstore.walking import Walked, walk
from tests.contract.event_store_examples import NOON, event, events

LENGTH = 12
COLUMNS = ", ".join(RecordedEvent._fields)

Edit = Callable[..., None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = SqliteEventStore(f"sqlite:///{tmp_path}/events.db")
    for version in range(6):
        store.append("a", [event(number=version)], expected_version=version - 1)
        store.append(f"b-{version}", events(1), expected_version=NO_STREAM)
    store.close()
    return tmp_path / "events.db"


@pytest.fixture
def edit(path: Path) -> Edit:
    """Runs statements as somebody with a database browser and no scruples would."""

    def run(*statements: str | tuple[str, tuple[object, ...]]) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for trigger in ("events_no_update", "events_no_delete", "events_no_replace"):
                connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            for each in statements:
                connection.execute(*((each,) if isinstance(each, str) else each))

    return run


@pytest.fixture
def reader(path: Path) -> Iterator[EventReader]:
    opened = open_read_only(str(path))
    yield opened
    opened.close()


def found(reader: EventReader) -> list[tuple[str, int, str | None, int | None]]:
    return [problem[:4] for problem in walk(reader).problems]


def words(reader: EventReader) -> str:
    return "; ".join(problem.message for problem in walk(reader).problems)


def stored(reader: EventReader, position: int) -> RecordedEvent:
    return next(reader.read_all(position - 1))


def insert(row: RecordedEvent) -> tuple[str, tuple[object, ...]]:
    return f"INSERT INTO events ({COLUMNS}) VALUES ({', '.join('?' * 10)})", tuple(row)  # noqa: S608


def renumber(after: int, by: int) -> list[str]:
    """Move all later events; by way of negative numbers, because positions are unique."""
    return [
        f"UPDATE events SET position = -(position + {by}) WHERE position > {after}",  # noqa: S608
        "UPDATE events SET position = -position WHERE position < 0",
    ]


def test_an_untouched_chain_is_sound_up_to_its_head(reader: EventReader) -> None:
    assert walk(reader) == Walked(reader.head(), LENGTH, 0, (), 0)


def test_an_empty_store_is_sound() -> None:
    assert walk(MemoryEventStore()) == Walked(Head(0, bytes(32)), 0, 0, (), 0)


@pytest.mark.parametrize("position", [1, 5, LENGTH])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("stream", "'another'"),
        ("version", "77"),
        ("type", "'StepFailed'"),
        ("schema_version", "2"),
        ("time", "'2001-01-01T00:00:00.000000+00:00'"),
        ("data", "CAST('{}' AS BLOB)"),
        ("metadata", 'CAST(\'{"actor":"eve"}\' AS BLOB)'),
    ],
)
def test_finds_a_changed_column_of_content(reader: EventReader, edit: Edit, column: str, value: str, position: int) -> None:
    before = stored(reader, position)

    edit(f"UPDATE events SET {column} = {value} WHERE position = {position}")  # noqa: S608

    (problem,) = walk(reader).problems
    after = stored(reader, position)
    assert before != after
    assert problem[:4] == ("changed", position, after.stream, after.version)
    assert problem.message.startswith("its stream, version, type, schema_version, time, data or metadata")


@pytest.mark.parametrize("position", [1, 5, LENGTH])
@pytest.mark.parametrize("column", ["stream", "type", "time", "data", "metadata"])
def test_bytes_that_are_no_text_are_found_and_named(reader: EventReader, edit: Edit, column: str, position: int) -> None:
    edit(f"UPDATE events SET {column} = CAST(x'61ff62' AS TEXT) WHERE position = {position}")  # noqa: S608

    (problem,) = walk(reader).problems
    assert problem[:2] == ("changed", position)
    assert problem.message == f"its column {column} holds bytes that are no text (not UTF-8)"
    assert problem.stream == ("a\\udcffb" if column == "stream" else problem.stream)
    (problem.stream or "").encode()


def test_other_damage_beside_bytes_that_are_no_text_is_found_too(reader: EventReader, edit: Edit) -> None:
    edit("UPDATE events SET time = CAST(x'ff' AS TEXT) WHERE position IN (3, 9)", "DELETE FROM events WHERE position = 5")

    assert [(kind, position) for kind, position, *_ in found(reader)] == [("changed", 3), ("removed", 5), ("changed", 9)]


@pytest.mark.parametrize("position", [1, 5])
@pytest.mark.parametrize("column", ["previous_hash", "hash"])
def test_names_the_hash_that_was_changed(reader: EventReader, edit: Edit, column: str, position: int) -> None:
    before = stored(reader, position)

    edit(f"UPDATE events SET {column} = zeroblob(31) || x'01' WHERE position = {position}")  # noqa: S608
    edit(f"UPDATE events SET {column} = CAST({column} AS BLOB) WHERE position = {position}")  # noqa: S608

    assert found(reader) == [("changed", position, before.stream, before.version)]
    assert f"its column {column} is not what was recorded" in words(reader)


def test_a_changed_hash_of_the_newest_event_is_found(reader: EventReader, edit: Edit) -> None:
    edit((f"UPDATE events SET hash = ? WHERE position = {LENGTH}", (b"x" * 32,)))  # noqa: S608

    assert found(reader) == [("changed", LENGTH, "b-5", 0)]
    assert "or its hash" in words(reader)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("data", "CAST(data AS TEXT)"),
        ("metadata", "CAST(metadata AS TEXT)"),
        ("data", "7"),
        ("hash", "hex(hash)"),
        ("previous_hash", "hex(previous_hash)"),
        ("time", "CAST(time AS BLOB)"),
        ("stream", "CAST(stream AS BLOB)"),
        ("type", "CAST(type AS BLOB)"),
        ("version", "'one'"),
        ("schema_version", "'one'"),
    ],
)
def test_names_a_column_of_another_type(reader: EventReader, edit: Edit, column: str, value: str) -> None:
    edit(f"UPDATE events SET {column} = {value} WHERE position = 4")  # noqa: S608

    assert [problem[:2] for problem in walk(reader).problems] == [("changed", 4)]
    assert f"its column {column} holds another type" in words(reader)


@pytest.mark.parametrize("column", [("position", "40"), ("position", "0")])
def test_finds_an_event_that_was_moved_away(reader: EventReader, edit: Edit, column: tuple[str, str]) -> None:
    edit(f"UPDATE events SET {column[0]} = {column[1]} WHERE position = 5")  # noqa: S608

    assert ("removed", 5, None, None) in found(reader) or ("reordered", 0, "a", 2) in found(reader)


@pytest.mark.parametrize(("first", "last"), [(1, 1), (5, 5), (3, 7), (2, 11)])
def test_finds_removed_events(reader: EventReader, edit: Edit, first: int, last: int) -> None:
    edit(f"DELETE FROM events WHERE position BETWEEN {first} AND {last}")  # noqa: S608

    (problem,) = walk(reader).problems
    assert problem[:4] == ("removed", first, None, None)
    assert problem.events == last - first + 1
    assert "missing" in problem.message


@pytest.mark.parametrize(("first", "last"), [(1, 1), (5, 5), (3, 7)])
def test_finds_removed_events_although_the_later_ones_were_renumbered(
    reader: EventReader, edit: Edit, first: int, last: int
) -> None:
    count = last - first + 1
    edit(f"DELETE FROM events WHERE position BETWEEN {first} AND {last}", *renumber(last, -count))  # noqa: S608

    (problem,) = walk(reader).problems
    assert problem[:4] == ("removed", first, None, None)
    assert problem.events == count
    assert "removed, and the later ones renumbered" in problem.message


@pytest.mark.parametrize("position", [2, 7])
def test_finds_an_inserted_event_that_has_a_hash_of_its_own(reader: EventReader, edit: Edit, position: int) -> None:
    before = stored(reader, position - 1)
    forged = link(Head(before.position, before.hash), "forged", 0, NOON, event())

    edit(*renumber(position - 1, 1), insert(forged))

    assert found(reader) == [("inserted", position, "forged", 0)]


@pytest.mark.parametrize("position", [1, 2, 7])
def test_finds_an_inserted_event_with_any_hash(reader: EventReader, edit: Edit, position: int) -> None:
    forged = link(Head(position - 1, b"x" * 32), "forged", 0, NOON, event())._replace(hash=b"y" * 32)

    edit(*renumber(position - 1, 1), insert(forged))

    assert found(reader) == [("inserted", position, "forged", 0)]


def test_finds_an_event_that_was_put_behind_the_newest(reader: EventReader, edit: Edit) -> None:
    edit(insert(link(Head(LENGTH, b"x" * 32), "forged", 0, NOON, event())))

    assert found(reader)[0][0] == "changed"
    assert found(reader)[0][1] in {LENGTH, LENGTH + 1}


@pytest.mark.parametrize(("one", "other"), [(2, 3), (1, 2), (4, 9)])
def test_finds_two_events_that_changed_places(reader: EventReader, edit: Edit, one: int, other: int) -> None:
    first, second = stored(reader, one), stored(reader, other)

    edit(
        f"UPDATE events SET position = -1 WHERE position = {one}",  # noqa: S608
        f"UPDATE events SET position = {one} WHERE position = {other}",  # noqa: S608
        f"UPDATE events SET position = {other} WHERE position = -1",  # noqa: S608
    )

    assert found(reader) == [
        ("reordered", one, second.stream, second.version),
        ("reordered", other, first.stream, first.version),
    ]
    assert f"it was recorded as event {other}" in words(reader)


def test_finds_an_event_that_was_moved_behind_others(reader: EventReader, edit: Edit) -> None:
    edit(
        "UPDATE events SET position = -100 WHERE position = 3",
        "UPDATE events SET position = -(position - 1) WHERE position BETWEEN 4 AND 8",
        "UPDATE events SET position = 8 WHERE position = -100",
        "UPDATE events SET position = -position WHERE position < 0",
    )

    assert [problem[:2] for problem in found(reader)] == [("reordered", position) for position in range(3, 9)]


@pytest.mark.parametrize("position", [1, 5, LENGTH - 1])
def test_finds_an_event_replaced_together_with_its_hash(reader: EventReader, edit: Edit, position: int) -> None:
    before = stored(reader, position)
    forged = link(Head(position - 1, before.previous_hash), before.stream, before.version, NOON, event(number=999))

    edit(f"DELETE FROM events WHERE position = {position}", insert(forged))  # noqa: S608

    assert found(reader) == [("changed", position, before.stream, before.version)]
    assert "replaced, together with its hash" in words(reader)


def test_names_every_event_that_was_tampered_with(reader: EventReader, edit: Edit) -> None:
    edit(
        "UPDATE events SET type = 'X' WHERE position = 2",
        "DELETE FROM events WHERE position = 5",
        "UPDATE events SET time = 'x' WHERE position = 9",
    )

    assert [problem[:2] for problem in found(reader)] == [("changed", 2), ("removed", 5), ("changed", 9)]


def test_an_emptied_event_is_no_archived_one(reader: EventReader, edit: Edit) -> None:
    edit("UPDATE events SET type = '$archived', schema_version = 0, data = x'', metadata = x'' WHERE position = 5")

    assert found(reader) == [("changed", 5, "a", 2)]
    assert "no archive of its stream is on record" in words(reader)
    assert walk(reader, archived={"a"}).tombstones == 1
    assert walk(reader, archived={"a"}).problems == ()


def test_lists_a_bounded_number_of_problems_and_counts_the_rest(tmp_path: Path) -> None:
    store = SqliteEventStore(f"sqlite:///{tmp_path}/long.db")
    store.append("a", events(250), expected_version=NO_STREAM)
    with closing(sqlite3.connect(tmp_path / "long.db", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET type = 'X'")

    walked = walk(store)

    assert (len(walked.problems), walked.more, walked.events) == (100, 150, 250)
    store.close()


def test_does_not_claim_to_see_that_the_newest_events_were_cut_off(reader: EventReader, edit: Edit) -> None:
    edit(f"DELETE FROM events WHERE position > {LENGTH - 3}")  # noqa: S608

    assert walk(reader).problems == ()


def test_tells_how_far_it_has_come_and_what_was_asked_for() -> None:
    store = MemoryEventStore()
    store.append("a", [*events(5000), event("Wanted", output="here")], expected_version=NO_STREAM)
    told: list[int] = []
    seen: list[str] = []

    walk(store, progress=told.append, wanted=b'"output"', seen=lambda each: seen.append(each.type))

    assert told == [4096, 5001]
    assert seen == ["Wanted"]
