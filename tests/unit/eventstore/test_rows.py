"""Both ways to a read model's rows behave alike, and the buffered one keeps its memory bounded."""

import sqlite3
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore import EventStoreError, Rows, Table
from eventstore.rows import BufferedRows, SqlRows

TABLE = Table("t", {"a": "text", "b": "integer", "note": "text", "share": "real", "raw": "blob"}, ("a", "b"))
OTHER = Table("other", {"b": "integer"}, ("b",))
COUNTED = Table("counted", {"a": "text", "b": "integer", "good": "integer", "bad": "integer"}, ("a", "b"))


def _cursor() -> sqlite3.Cursor:
    cursor = sqlite3.connect(":memory:", isolation_level=None).cursor()
    for table in (TABLE, OTHER, COUNTED):
        for statement in table.create_statements():
            cursor.execute(statement)
    return cursor


@pytest.fixture
def cursor() -> Iterator[sqlite3.Cursor]:
    cursor = _cursor()
    yield cursor
    cursor.connection.close()


@pytest.fixture(params=[SqlRows, BufferedRows])
def rows(request: pytest.FixtureRequest, cursor: sqlite3.Cursor) -> Rows:
    return request.param(cursor)  # type: ignore[no-any-return]


def _full(**values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(TABLE.columns), **values}


def test_gives_back_what_was_put(rows: Rows) -> None:
    rows.put(TABLE, {"a": "x", "b": 1, "note": "n", "share": 0.5, "raw": b"\0"})

    assert rows.get(TABLE, "x", 1) == {"a": "x", "b": 1, "note": "n", "share": 0.5, "raw": b"\0"}
    assert rows.get(TABLE, "x", 2) is None
    assert rows.get(OTHER, 1) is None


def test_columns_that_are_not_named_become_null(rows: Rows) -> None:
    rows.put(TABLE, {"a": "x", "b": 1, "note": "n"})
    rows.put(TABLE, {"b": 1, "a": "x", "share": 2})

    assert rows.get(TABLE, "x", 1) == _full(a="x", b=1, share=2.0)


def test_values_read_as_the_type_of_their_column(rows: Rows) -> None:
    rows.put(TABLE, {"a": "x", "b": True, "share": 3})

    row = rows.get(TABLE, "x", 1)

    assert row is not None
    assert [type(row["b"]), type(row["share"])] == [int, float]


def test_a_row_that_was_got_is_a_copy(rows: Rows) -> None:
    given_row = {"a": "x", "b": 1}
    rows.put(TABLE, given_row)
    given_row["note"] = "changed"
    got = rows.get(TABLE, "x", 1)
    assert got is not None
    got["note"] = "changed"

    assert rows.get(TABLE, "x", 1) == _full(a="x", b=1)


def test_deletes(rows: Rows) -> None:
    rows.put(TABLE, {"a": "x", "b": 1})
    rows.put(TABLE, {"a": "x", "b": 2})

    rows.delete(TABLE, "x", 1)
    rows.delete(TABLE, "x", 9)

    assert rows.get(TABLE, "x", 1) is None
    assert rows.get(TABLE, "x", 2) == _full(a="x", b=2)


def test_adds_to_a_row_and_to_none(rows: Rows) -> None:
    rows.put(COUNTED, {"a": "x", "b": 1, "good": 5, "bad": 1})

    rows.add(COUNTED, "x", 1, good=2)
    rows.add(COUNTED, "x", 1, good=-1, bad=1)
    rows.add(COUNTED, "y", 1, bad=3)

    assert rows.get(COUNTED, "x", 1) == {"a": "x", "b": 1, "good": 6, "bad": 2}
    assert rows.get(COUNTED, "y", 1) == {"a": "y", "b": 1, "good": 0, "bad": 3}


@pytest.mark.parametrize(("amounts", "said"), [({"ugly": 1}, "has no column ugly"), ({"good": "1"}, "expected integer, got str")])
def test_adds_numbers_to_columns_that_are_there(rows: Rows, amounts: dict[str, Any], said: str) -> None:
    with pytest.raises(EventStoreError, match=said):
        rows.add(COUNTED, "x", 1, **amounts)

    assert rows.get(COUNTED, "x", 1) is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"a": "x", "b": 1, "color": "red", "bolor": 1}, "table t has no column bolor, color"),
        ({"a": "x", "b": "1"}, "table t, column b: expected integer, got str"),
        ({"a": 1, "b": 1}, "table t, column a: expected text, got int"),
        ({"a": "x", "b": 1, "share": "0.5"}, "table t, column share: expected real, got str"),
        ({"a": "x", "b": 1, "raw": "text"}, "table t, column raw: expected blob, got str"),
        ({"a": "x", "b": 1, "note": ["list"]}, "table t, column note: expected text, got list"),
        ({"a": "x"}, "table t: b is part of the key and must have a value"),
        ({"a": None, "b": 1}, "table t: a is part of the key and must have a value"),
    ],
)
@pytest.mark.parametrize("kind", [SqlRows, BufferedRows])
def test_refuses_what_would_read_differently_later(
    cursor: sqlite3.Cursor, kind: type[SqlRows | BufferedRows], row: dict[str, Any], said: str
) -> None:
    rows = kind(cursor)

    with pytest.raises(EventStoreError, match=said):
        _put_and_flush(rows, row)

    assert cursor.execute("SELECT * FROM t").fetchall() == []


def _put_and_flush(rows: SqlRows | BufferedRows, row: dict[str, Any]) -> None:
    rows.put(TABLE, row)
    if isinstance(rows, BufferedRows):
        rows.flush()


# the buffered ones


def test_writes_nothing_before_it_is_flushed(cursor: sqlite3.Cursor) -> None:
    rows = BufferedRows(cursor)
    rows.put(TABLE, {"a": "x", "b": 1})
    before = cursor.execute("SELECT count(*) FROM t").fetchone()

    rows.flush()
    rows.flush()

    assert (before, cursor.execute("SELECT count(*) FROM t").fetchone()) == ((0,), (1,))


def test_sees_rows_that_were_there_before_until_they_are_deleted(cursor: sqlite3.Cursor) -> None:
    SqlRows(cursor).put(TABLE, {"a": "x", "b": 1, "note": "old"})
    rows = BufferedRows(cursor)
    before = rows.get(TABLE, "x", 1)

    rows.delete(TABLE, "x", 1)
    deleted = rows.get(TABLE, "x", 1)
    rows.put(TABLE, {"a": "x", "b": 1, "share": 1})
    again = rows.get(TABLE, "x", 1)
    rows.flush()

    assert (before, deleted) == (_full(a="x", b=1, note="old"), None)
    assert again == _full(a="x", b=1, share=1.0) == SqlRows(cursor).get(TABLE, "x", 1)


def test_a_deletion_reaches_the_table(cursor: sqlite3.Cursor) -> None:
    SqlRows(cursor).put(TABLE, {"a": "x", "b": 1})
    rows = BufferedRows(cursor)
    rows.put(TABLE, {"a": "x", "b": 1})
    rows.delete(TABLE, "x", 1)

    rows.flush()

    assert cursor.execute("SELECT * FROM t").fetchall() == []


def test_flushes_by_itself_when_enough_rows_have_changed(cursor: sqlite3.Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BufferedRows, "LIMIT", 3)
    rows = BufferedRows(cursor)
    written = []
    for number in (1, 1, 1, 2, 3, 4):
        rows.put(OTHER, {"b": number})
        written.append(cursor.execute("SELECT count(*) FROM other").fetchone()[0])

    assert written == [0, 0, 0, 0, 3, 3]
    assert rows.get(OTHER, 3) == {"b": 3}


def test_memory_stays_bounded_however_many_rows_are_folded(cursor: sqlite3.Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BufferedRows, "LIMIT", 100)
    rows = BufferedRows(cursor)
    tracemalloc.start()

    for number in range(5_000):
        rows.put(TABLE, {"a": "x", "b": number, "note": f"{number:01000}"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    rows.flush()
    assert cursor.execute("SELECT count(*) FROM t").fetchone() == (5_000,)
    assert peak < 1_000_000  # All of them would be 6 MB.


def test_asks_for_no_row_that_it_only_adds_to(cursor: sqlite3.Cursor) -> None:
    asked: list[str] = []
    cursor.connection.set_trace_callback(asked.append)
    rows = BufferedRows(cursor)

    rows.add(COUNTED, "x", 1, good=1)
    rows.add(COUNTED, "x", 1, good=1)
    rows.flush()

    assert len(asked) == 1
    assert asked[0].startswith("INSERT INTO counted")
    assert SqlRows(cursor).get(COUNTED, "x", 1) == {"a": "x", "b": 1, "good": 2, "bad": 0}


KEYS = st.tuples(st.sampled_from("xy"), st.integers(0, 2))
ACTIONS = st.lists(st.tuples(st.sampled_from(["get", "put", "delete", "add", "flush"]), KEYS, st.integers(-3, 3)), max_size=40)


@given(ACTIONS, st.integers(1, 4))
@settings(deadline=None)
def test_a_rebuild_sees_and_leaves_what_inline_folding_does(actions: list[tuple[str, tuple[str, int], int]], limit: int) -> None:
    direct, buffered = _cursor(), _cursor()
    rows, buffer = SqlRows(direct), BufferedRows(buffered)
    buffer.LIMIT = limit
    for action, key, number in actions:
        if action == "get":
            assert buffer.get(COUNTED, *key) == rows.get(COUNTED, *key)
        elif action == "flush":
            buffer.flush()
        else:
            for each in (rows, buffer):
                _change(each, action, key, number)

    buffer.flush()
    left = [cursor.execute("SELECT * FROM counted ORDER BY a, b").fetchall() for cursor in (direct, buffered)]
    for cursor in (direct, buffered):
        cursor.connection.close()
    assert left[0] == left[1]


def _change(rows: Rows, action: str, key: tuple[str, int], number: int) -> None:
    if action == "delete":
        rows.delete(COUNTED, *key)
    elif action == "add":
        rows.add(COUNTED, *key, good=number, bad=1)
    else:
        found = rows.get(COUNTED, *key) if number % 2 else None  # a fold changes what it has read, or writes a row of its own
        rows.put(COUNTED, {"a": key[0], "b": key[1], "bad": 0, **(found or {}), "good": None if number == 0 else number})
