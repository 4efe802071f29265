"""The chain finds each event that was changed, removed, inserted or reordered, and names it."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from eventstore import NO_STREAM, ChainBroken, Head, RecordedEvent
from eventstore.chain import GENESIS, link, verify
from eventstore.memory import MemoryEventStore
from eventstore.sqlite import SqliteEventStore
from tests.contract.event_store_examples import event, events

TAMPERED: dict[str, Any] = {
    "stream": "another",
    "version": 7,
    "type": "StepFailed",
    "schema_version": 2,
    "time": "2001-01-01T00:00:00.000000+00:00",
    "data": b'{"number":999}',
    "metadata": b'{"actor":"eve"}',
    "previous_hash": bytes(32),
    "hash": bytes(32),
}


@pytest.fixture
def recorded() -> list[RecordedEvent]:
    store = MemoryEventStore()
    store.append("a", events(4), expected_version=NO_STREAM)
    store.append("b", events(2), expected_version=NO_STREAM)
    return list(store.read_all())


def test_an_untouched_chain_verifies_up_to_its_head(recorded: list[RecordedEvent]) -> None:
    assert verify(recorded) == Head(6, recorded[-1].hash)


def test_an_empty_chain_ends_where_it_begins() -> None:
    assert verify([]) == Head(0, GENESIS)
    assert verify([], Head(9, b"x" * 32)) == Head(9, b"x" * 32)


def test_verifies_from_a_known_head_on(recorded: list[RecordedEvent]) -> None:
    middle = verify(recorded[:3])

    assert verify(recorded[3:], middle) == verify(recorded)


def test_refuses_a_known_head_that_is_not_the_one_before(recorded: list[RecordedEvent]) -> None:
    with pytest.raises(ChainBroken, match="event 4: does not follow"):
        verify(recorded[3:], Head(3, bytes(32)))


@pytest.mark.parametrize("column", TAMPERED)
@pytest.mark.parametrize("position", [2, 4, 6])
def test_finds_a_changed_column(recorded: list[RecordedEvent], column: str, position: int) -> None:
    recorded[position - 1] = recorded[position - 1]._replace(**{column: TAMPERED[column]})

    with pytest.raises(ChainBroken, match=f"^event {position}: ") as caught:
        verify(recorded)

    assert caught.value.position == position


@pytest.mark.parametrize("position", [1, 3, 5])
def test_finds_a_removed_event(recorded: list[RecordedEvent], position: int) -> None:
    del recorded[position - 1]

    with pytest.raises(ChainBroken, match=f"^event {position}: missing, the next one found is {position + 1}"):
        verify(recorded)


def test_finds_a_removed_event_although_the_later_ones_were_renumbered(recorded: list[RecordedEvent]) -> None:
    renumbered = [item._replace(position=item.position - 1) for item in recorded[3:]]

    with pytest.raises(ChainBroken, match=r"^event 3: does not follow the event before it"):
        verify([*recorded[:2], *renumbered])


def test_finds_an_inserted_event(recorded: list[RecordedEvent]) -> None:
    inserted = link(Head(3, recorded[2].hash), "a", 3, recorded[2].time, event(number=3))
    shifted = [item._replace(position=item.position + 1) for item in recorded[3:]]

    with pytest.raises(ChainBroken, match=r"^event 5: does not follow the event before it"):
        verify([*recorded[:3], inserted, *shifted])


def test_finds_a_repeated_event(recorded: list[RecordedEvent]) -> None:
    with pytest.raises(ChainBroken, match=r"^event 3: missing, the next one found is 2"):
        verify([*recorded[:2], recorded[1], *recorded[2:]])


def test_finds_reordered_events(recorded: list[RecordedEvent]) -> None:
    swapped = [recorded[0], recorded[2]._replace(position=2), recorded[1]._replace(position=3), *recorded[3:]]

    with pytest.raises(ChainBroken, match=r"^event 2: does not follow the event before it"):
        verify(swapped)


def test_finds_an_event_replaced_together_with_its_hash(recorded: list[RecordedEvent]) -> None:
    recorded[2] = link(Head(2, recorded[1].hash), "a", 2, recorded[2].time, event(number=999))

    with pytest.raises(ChainBroken, match=r"^event 4: does not follow the event before it"):
        verify(recorded)


def test_moving_bytes_between_two_columns_changes_the_hash() -> None:
    head, time = Head(0, GENESIS), "2026-03-18T12:00:00.000000+00:00"
    one = link(head, "a", 0, time, event()._replace(data=b"12", metadata=b"3"))
    other = link(head, "a", 0, time, event()._replace(data=b"1", metadata=b"23"))

    assert one.hash != other.hash


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE events SET data = CAST(data AS TEXT) WHERE position = 2",
        "UPDATE events SET metadata = CAST(metadata AS TEXT) WHERE position = 2",
        "UPDATE events SET data = 7 WHERE position = 2",
        "UPDATE events SET hash = hex(hash) WHERE position = 2",
        "UPDATE events SET previous_hash = hex(previous_hash) WHERE position = 2",
        "UPDATE events SET time = CAST(time AS BLOB) WHERE position = 2",
        "UPDATE events SET version = 'one' WHERE position = 2",
    ],
)
def test_finds_an_edit_by_hand_that_left_another_type(tmp_path: Path, edit: str) -> None:
    store = SqliteEventStore(f"sqlite:///{tmp_path}/events.db")
    store.append("a", events(3), expected_version=NO_STREAM)
    editor = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    editor.execute("DROP TRIGGER events_no_update")
    editor.execute(edit)
    editor.close()

    with pytest.raises(ChainBroken) as caught:
        verify(store.read_all())

    assert caught.value.position == 2
    store.close()


def test_does_not_claim_to_see_that_the_newest_events_were_cut_off(recorded: list[RecordedEvent]) -> None:
    assert verify(recorded[:4]) == Head(4, recorded[3].hash)
