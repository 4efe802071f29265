"""What every event store does, whatever keeps its bytes. `test_event_stores.py` applies it to each backend.

Reading is in `event_reader_contract`, read models in `read_model_contract`.
"""

import pytest

from eventstore import (
    NO_STREAM,
    Attachment,
    ChainBroken,
    EventStore,
    EventStoreError,
    Guard,
    GuardFailed,
    Head,
    RecordedEvent,
    Rows,
    StoreUnavailable,
    WrongExpectedVersion,
)
from eventstore.chain import link, tombstone, verify
from tests.contract.event_reader_contract import EventReaderContract
from tests.contract.event_store_examples import NOON, PoisonedError, Steps, event, events, names, noon
from tests.contract.read_model_contract import MakeStore, ReadModelContract


class EventStoreContract(ReadModelContract, EventReaderContract):
    """The whole, with what is written. `make` takes the arguments that all backends share, and gives an empty store."""

    @pytest.fixture
    def make(self) -> MakeStore:
        raise NotImplementedError

    @pytest.fixture
    def writer(self, make: MakeStore) -> EventStore:
        return make(projections=[Steps()], now=noon)

    @pytest.fixture
    def store(self, writer: EventStore) -> EventStore:
        return writer

    # appending

    def test_returns_the_version_of_the_last_event(self, store: EventStore) -> None:
        first = store.append("a", [event(), event()], expected_version=NO_STREAM).version
        second = store.append("a", [event()], expected_version=first).version

        assert (first, second) == (1, 2)

    def test_numbers_and_chains_events_without_a_gap(self, store: EventStore) -> None:
        for version in range(5):
            store.append("a", [event()], expected_version=version - 1)
            store.append(f"b-{version}", events(2), expected_version=NO_STREAM)

        assert [item.position for item in store.read_all()] == list(range(1, 16))
        assert verify(store.read_all()) == store.head()

    @pytest.mark.parametrize("expected", [-2, -1, 0, 2, 99])
    def test_refuses_a_writer_who_has_seen_another_version(self, store: EventStore, expected: int) -> None:
        store.append("a", events(2), expected_version=NO_STREAM)
        before = store.head()

        with pytest.raises(WrongExpectedVersion, match="a is at version 1, not") as caught:
            store.append("a", [event()], expected_version=expected)

        assert (caught.value.stream, caught.value.expected, caught.value.actual) == ("a", expected, 1)
        assert store.head() == before

    def test_refuses_a_stream_that_should_exist_but_does_not(self, store: EventStore) -> None:
        with pytest.raises(WrongExpectedVersion):
            store.append("a", [event()], expected_version=0)

        assert store.head().position == 0

    def test_refuses_an_append_of_nothing(self, store: EventStore) -> None:
        with pytest.raises(EventStoreError, match="a: an append needs at least one event"):
            store.append("a", [], expected_version=NO_STREAM)

    @pytest.mark.parametrize("name", ["", "new\nline", "nul\0", "tab\t", "\x7f", "x" * 513, "lone \ud800 surrogate"])
    def test_refuses_names_that_would_be_ambiguous(self, store: EventStore, name: str) -> None:
        with pytest.raises(EventStoreError, match="1 to 512 characters"):
            store.append(name, [event()], expected_version=NO_STREAM)
        with pytest.raises(EventStoreError, match="1 to 512 characters"):
            store.append("a", [event(name)], expected_version=NO_STREAM)
        with pytest.raises(EventStoreError, match="1 to 512 characters"):
            store.append("a", [event()], expected_version=NO_STREAM, attachments=[Attachment(name, (b"",))])

        assert store.head().position == 0

    def test_takes_names_of_512_characters(self, store: EventStore) -> None:
        store.append("ß" * 512, [event("é" * 512)], expected_version=NO_STREAM)

        assert names(store.read_stream("ß" * 512)) == ["é" * 512]

    # guards

    def test_appends_while_the_guard_holds(self, store: EventStore) -> None:
        store.append("slot", [event("SlotTaken")], expected_version=NO_STREAM)

        store.append("a", [event()], expected_version=NO_STREAM, guard=Guard("slot", 0))
        store.append("a", [event()], expected_version=0, guard=Guard("free", NO_STREAM))

        assert store.version("a") == 1

    @pytest.mark.parametrize("held", [-1, 0, 2])
    def test_refuses_a_writer_whose_guard_has_moved_on(self, store: EventStore, held: int) -> None:
        store.append("slot", [event("SlotTaken"), event("SlotTaken")], expected_version=NO_STREAM)
        before = store.head()

        with pytest.raises(GuardFailed, match="slot has moved on to version 1") as caught:
            store.append("a", [event()], expected_version=NO_STREAM, guard=Guard("slot", held))

        assert (caught.value.stream, caught.value.expected, caught.value.actual) == ("slot", held, 1)
        assert (store.head(), store.version("a")) == (before, NO_STREAM)

    def test_names_the_version_first_when_both_are_wrong(self, store: EventStore) -> None:
        with pytest.raises(WrongExpectedVersion):
            store.append("a", [event()], expected_version=5, guard=Guard("slot", 5))

    # attachments

    def test_never_replaces_an_attachment(self, store: EventStore) -> None:
        store.append("a", [event()], expected_version=NO_STREAM, attachments=[Attachment("output", (b"kept",))])
        before = store.head()

        with pytest.raises(EventStoreError, match="a has an attachment output already"):
            store.append("a", [event()], expected_version=0, attachments=[Attachment("output", (b"new",))])

        assert list(store.attachments("a", "output")) == [b"kept"]
        assert store.head() == before

    def test_refuses_two_attachments_of_the_same_name(self, store: EventStore) -> None:
        twice = [Attachment("output", (b"1",)), Attachment("output", (b"2",))]

        with pytest.raises(EventStoreError, match="two attachments of one append have the same name"):
            store.append("a", [event()], expected_version=NO_STREAM, attachments=twice)

        assert list(store.attachments("a", "output")) == []

    def test_keeps_attachments_of_the_same_name_in_two_streams_apart(self, store: EventStore) -> None:
        for stream in ("a", "b"):
            store.append(stream, [event()], expected_version=NO_STREAM, attachments=[Attachment("output", (stream.encode(),))])

        assert [list(store.attachments(stream, "output")) for stream in ("a", "b")] == [[b"a"], [b"b"]]

    # taking over another store's events

    def test_adopts_events_and_attachments_as_they_are(self, make: MakeStore) -> None:
        source, target = make(projections=[Steps()], now=noon), make(projections=[Steps()])
        source.append("a", events(3), expected_version=NO_STREAM, attachments=[Attachment("output", (b"1", b"2"))])
        source.append("b", [event("Unrelated")], expected_version=NO_STREAM)
        source.append("a", [event()], expected_version=2)
        everything = list(source.read_all())

        first = target.adopt(source.store_id, everything[:2], [("a", Attachment("output", (b"1", b"2")))])
        last = target.adopt(source.store_id, everything[2:])

        assert (first.position, last) == (2, source.head())
        assert list(target.read_all()) == everything
        assert (target.head(), target.store_id) == (source.head(), source.store_id)
        assert list(target.attachments("a", "output")) == [b"1", b"2"]
        assert target.query("SELECT * FROM steps") == source.query("SELECT * FROM steps")
        assert target.query("SELECT * FROM projections") == source.query("SELECT * FROM projections")
        assert target.append("a", [event()], expected_version=3).version == 4
        assert verify(target.read_all()) == target.head()

    def test_adopts_attachments_ahead_of_their_events(self, make: MakeStore) -> None:
        target = make()

        head = target.adopt("c" * 32, [], [("b", Attachment("output", (b"1",))), ("a", Attachment("other", (b"2",)))])

        assert head == Head(0, bytes(32))
        assert list(target.attached()) == [("a", "other"), ("b", "output")]

    def test_adopts_what_is_left_of_an_archived_event(self, make: MakeStore) -> None:
        source, target = make(), make(projections=[Steps()])
        source.append("a", events(2), expected_version=NO_STREAM)
        left, other = source.read_all()

        target.adopt(source.store_id, [tombstone(left), other])

        assert list(target.read_all()) == [tombstone(left), other]
        assert target.rebuild("steps") == 1

    @pytest.mark.parametrize("changed", ["data", "hash", "previous_hash", "position", "version"])
    def test_refuses_to_adopt_what_does_not_come_next(self, make: MakeStore, changed: str) -> None:
        source, target = make(), make(projections=[Steps()])
        source.append("a", events(4), expected_version=NO_STREAM)
        first, second, third, _ = source.read_all()
        target.adopt(source.store_id, [first])
        wrong = {"data": b"{}", "hash": bytes(32), "previous_hash": bytes(32), "position": 9, "version": 7}[changed]
        behind = Head(second.position, second.hash)
        bad = second._replace(**{changed: wrong}) if changed != "version" else link(behind, "a", 7, NOON, event())
        good = [] if changed != "version" else [second]

        with pytest.raises(ChainBroken):
            target.adopt(source.store_id, [*good, bad, third], [("a", Attachment("output", (b"1",)))])

        assert target.head() == Head(1, first.hash)
        assert list(target.attached()) == []
        assert target.query("SELECT done FROM steps") == [(1,)]

    def test_refuses_to_adopt_what_it_has_already(self, make: MakeStore) -> None:
        source, target = make(), make()
        source.append("a", events(2), expected_version=NO_STREAM)
        target.adopt(source.store_id, list(source.read_all()), [("a", Attachment("output", (b"1",)))])

        with pytest.raises(ChainBroken, match="event 3: missing, the next one found is 1"):
            target.adopt(source.store_id, list(source.read_all()))
        with pytest.raises(EventStoreError, match="a has an attachment output already"):
            target.adopt(source.store_id, [], [("a", Attachment("output", (b"2",)))])

        assert list(target.attachments("a", "output")) == [b"1"]

    def test_refuses_to_adopt_the_events_of_another_lineage(self, make: MakeStore) -> None:
        source, target = make(), make()
        source.append("a", events(1), expected_version=NO_STREAM)
        target.append("mine", events(1), expected_version=NO_STREAM)
        before = (target.store_id, target.head())

        with pytest.raises(EventStoreError, match="is not the one that those events belong to"):
            target.adopt(source.store_id, list(source.read_all()))

        assert (target.store_id, target.head()) == before

    # nothing half written

    def test_writes_nothing_when_a_read_model_fails(self, store: EventStore) -> None:
        store.append("a", [event()], expected_version=NO_STREAM)
        before = (store.head(), store.query("SELECT * FROM steps"), store.query("SELECT * FROM projections"))

        with pytest.raises(PoisonedError):
            store.append(
                "a",
                [event("StepSucceeded"), event("Poisoned"), event("StepSucceeded")],
                expected_version=0,
                attachments=[Attachment("output", (b"1", b"2"))],
            )

        assert (store.head(), store.query("SELECT * FROM steps"), store.query("SELECT * FROM projections")) == before
        assert list(store.attachments("a", "output")) == []
        assert store.append("a", [event()], expected_version=0).version == 1

    def test_refuses_an_append_from_inside_an_append(self, make: MakeStore) -> None:
        class Reentrant(Steps):
            def apply(self, event: RecordedEvent, rows: Rows) -> None:
                super().apply(event, rows)
                store.append("inner", events(1), expected_version=NO_STREAM)

        store = make(projections=[Reentrant()])

        with pytest.raises(EventStoreError, match="inside another one"):
            store.append("outer", events(2), expected_version=NO_STREAM)

        assert store.head().position == 0
        assert store.query("SELECT * FROM steps") == []

    def test_appends_while_its_own_events_are_being_read(self, store: EventStore) -> None:
        store.append("a", events(600), expected_version=NO_STREAM)

        for number, _ in enumerate(store.read_all()):
            if number % 100 == 0:
                store.append(f"copy-{number}", [event()], expected_version=NO_STREAM)

        assert store.head().position == 606
        assert verify(store.read_all()) == store.head()

    def test_refuses_to_append_when_it_is_closed(self, store: EventStore) -> None:
        store.close()

        with pytest.raises(StoreUnavailable):
            store.append("a", [event()], expected_version=NO_STREAM)
