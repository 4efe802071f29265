"""What every event store does, whatever keeps its bytes. `test_event_stores.py` applies it to each backend."""

from collections.abc import Callable, Iterator

import pytest

from eventstore import (
    NO_STREAM,
    Attachment,
    ChainBroken,
    EventReader,
    EventStore,
    EventStoreError,
    Guard,
    GuardFailed,
    Head,
    NewEvent,
    RecordedEvent,
    Rows,
    StoreUnavailable,
    WrongExpectedVersion,
)
from eventstore.chain import link, tombstone, verify
from eventstore.revisions import FOLLOWING
from tests.contract.event_store_examples import NOON, PoisonedError, Steps, Versions, event, events, names, noon

MakeStore = Callable[..., EventStore]


class EventReaderContract:
    """The reading half. `writer` keeps the read model `steps` inline; what it wrote is asked of `reader`."""

    @pytest.fixture
    def writer(self) -> Iterator[EventStore]:
        raise NotImplementedError

    @pytest.fixture
    def reader(self, writer: EventStore) -> EventReader:
        return writer

    def test_gives_back_every_column_as_it_was_written(self, writer: EventStore, reader: EventReader) -> None:
        written = NewEvent("Grüße/☃", b"\x00not even JSON\xff", b'{"actor":"ann"}', 7)

        writer.append("stream 'with\" quotes", [written], expected_version=NO_STREAM)

        (read,) = reader.read_stream("stream 'with\" quotes")
        assert read[:5] == (1, "stream 'with\" quotes", 0, "Grüße/☃", 7)
        assert (read.data, read.metadata) == (b"\x00not even JSON\xff", b'{"actor":"ann"}')
        assert read.time == NOON
        assert read.previous_hash == bytes(32)
        assert [type(value) for value in read] == [int, str, int, str, int, str, bytes, bytes, bytes, bytes]
        assert isinstance(read, RecordedEvent)

    def test_reads_a_stream_in_order_and_from_a_version_on(self, writer: EventStore, reader: EventReader) -> None:
        writer.append("a", [event("One"), event("Two")], expected_version=NO_STREAM)
        writer.append("b", [event("Other")], expected_version=NO_STREAM)
        writer.append("a", [event("Three")], expected_version=1)

        assert names(reader.read_stream("a")) == ["One", "Two", "Three"]
        assert names(reader.read_stream("a", 0)) == ["Two", "Three"]
        assert names(reader.read_stream("a", 2)) == []
        assert names(reader.read_stream("a", -5)) == ["One", "Two", "Three"]

    def test_reads_all_streams_in_the_order_of_their_appends(self, writer: EventStore, reader: EventReader) -> None:
        writer.append("a", [event("One")], expected_version=NO_STREAM)
        writer.append("b", [event("Two"), event("Three")], expected_version=NO_STREAM)
        writer.append("a", [event("Four")], expected_version=0)

        assert [(item.position, item.stream, item.version, item.type) for item in reader.read_all()] == [
            (1, "a", 0, "One"),
            (2, "b", 0, "Two"),
            (3, "b", 1, "Three"),
            (4, "a", 1, "Four"),
        ]
        assert names(reader.read_all(2)) == ["Three", "Four"]
        assert names(reader.read_all(4)) == []
        assert names(reader.read_all(-3)) == ["One", "Two", "Three", "Four"]

    def test_reads_only_the_types_asked_for(self, writer: EventStore, reader: EventReader) -> None:
        writer.append("a", [event("One"), event("Two"), event("One"), event("Three")], expected_version=NO_STREAM)

        assert [item.position for item in reader.read_all(types={"One", "Three"})] == [1, 3, 4]
        assert [item.position for item in reader.read_all(1, {"One"})] == [3]
        assert list(reader.read_all(types=[])) == []
        assert list(reader.read_all(types=["one", "Nothing"])) == []

    @pytest.mark.parametrize("number", [255, 256, 257, 600])
    def test_reads_streams_of_any_length(self, writer: EventStore, reader: EventReader, number: int) -> None:
        writer.append("other", [event()], expected_version=NO_STREAM)
        writer.append("long", events(number), expected_version=NO_STREAM)

        assert [item.version for item in reader.read_stream("long")] == list(range(number))
        assert [item.position for item in reader.read_all()] == list(range(1, number + 2))
        assert [item.position for item in reader.read_all(1, {"StepSucceeded"})] == list(range(2, number + 2))

    def test_iterators_end_at_the_events_that_stood_when_they_were_asked_for(
        self, writer: EventStore, reader: EventReader
    ) -> None:
        writer.append("a", [event("One")], expected_version=NO_STREAM)
        stream, everything, some = reader.read_stream("a"), reader.read_all(), reader.read_all(types={"One"})
        writer.append("a", [event("One")], expected_version=0)

        assert [len(list(iterator)) for iterator in (stream, everything, some)] == [1, 1, 1]
        assert len(list(reader.read_stream("a"))) == 2

    def test_knows_versions_and_head(self, writer: EventStore, reader: EventReader) -> None:
        empty = (reader.version("a"), list(reader.read_stream("a")), list(reader.read_all()), reader.head())

        writer.append("a", events(3), expected_version=NO_STREAM)

        assert empty == (-1, [], [], Head(0, bytes(32)))
        assert (reader.version("a"), reader.version("A"), reader.version("b")) == (2, -1, -1)
        assert reader.head() == (3, list(reader.read_all())[-1].hash)

    def test_a_snapshot_stays_as_it_was_when_it_began(self, writer: EventStore, reader: EventReader) -> None:
        writer.append("a", events(2), expected_version=NO_STREAM)
        if reader is writer:
            pytest.skip("nobody else writes to a store that is read by its writer")

        with reader.snapshot():
            writer.append("a", events(1), expected_version=1)
            inside = (reader.head().position, reader.query("SELECT done FROM steps"))

        assert inside == (2, [(2,)])
        assert (reader.head().position, reader.query("SELECT done FROM steps")) == (3, [(3,)])

    def test_gives_attachments_back_part_by_part(self, writer: EventStore, reader: EventReader) -> None:
        output, empty = Attachment("step/output", (b"first\n", b"", b"\x00" * 70_000)), Attachment("nothing", ())

        writer.append("a", [event()], expected_version=NO_STREAM, attachments=[output, empty])

        assert list(reader.attachments("a", "step/output")) == [b"first\n", b"", b"\x00" * 70_000]
        assert list(reader.attachments("a", "nothing")) == []
        assert list(reader.attachments("a", "unknown")) == []
        assert list(reader.attachments("b", "step/output")) == []

    def test_names_the_attachments_in_order(self, writer: EventStore, reader: EventReader) -> None:
        many = [Attachment(f"output-{number:03}", (b"1", b"2")) for number in range(300)]

        writer.append("b", [event()], expected_version=NO_STREAM, attachments=[Attachment("output", (b"1",))])
        writer.append("a", [event()], expected_version=NO_STREAM, attachments=many)

        assert list(reader.attached()) == [*(("a", item.name) for item in many), ("b", "output")]
        assert list(reader.attached("a")) == [("a", item.name) for item in many]
        assert list(reader.attached("c")) == []

    def test_answers_queries_on_read_models(self, writer: EventStore, reader: EventReader) -> None:
        writer.append("a", events(2), expected_version=NO_STREAM)
        writer.append("b", events(1), expected_version=NO_STREAM)

        assert reader.query("SELECT stream, done FROM steps ORDER BY stream") == [("a", 2), ("b", 1)]
        assert reader.query("SELECT done FROM steps WHERE stream = ?", ["b"]) == [(1,)]
        assert reader.query("SELECT done FROM steps WHERE stream = ?", ("c",)) == []

    def test_says_what_is_wrong_with_a_query(self, reader: EventReader) -> None:
        with pytest.raises(StoreUnavailable, match=r'no such table: unknown|relation "unknown" does not exist'):
            reader.query("SELECT * FROM unknown")

    def test_has_an_identity(self, writer: EventStore, reader: EventReader) -> None:
        assert len(reader.store_id) == 32
        assert reader.store_id == reader.store_id == writer.store_id


class EventStoreContract(EventReaderContract):
    """The whole. `make` takes the arguments that all backends share, and gives an empty store."""

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

    # read models

    def test_read_models_follow_in_the_append_itself(self, store: EventStore) -> None:
        store.append("a", events(2), expected_version=NO_STREAM)
        store.append("b", events(1), expected_version=NO_STREAM)
        store.append("b", [event("StepFailed"), event("Unrelated")], expected_version=0)

        assert store.query("SELECT stream, done, share, last, note FROM steps") == [("a", 2, 1.0, NOON, None)]
        assert store.query("SELECT name, version, position FROM projections") == [("steps", 1, FOLLOWING)]

    def test_rebuilding_gives_what_inline_folding_gave(self, make: MakeStore) -> None:
        store = make(projections=[Steps(), Versions()])
        for version in range(0, 12, 2):
            for stream in ("a", "b", "c"):
                store.append(
                    stream, [event(), event("StepFailed" if version == 4 else "Unrelated")], expected_version=version - 1
                )
        inline = _read_models(store)

        folded = store.rebuild()

        assert folded == 18 + 3
        assert [len(rows) for rows in inline] == [3, 21, 2]
        assert _read_models(store) == inline

    def test_rebuilds_one_read_model_and_leaves_the_others(self, make: MakeStore) -> None:
        store = make(projections=[Steps(), Versions()])
        store.append("a", [*events(2), event("StepFailed"), event("Unrelated"), event()], expected_version=NO_STREAM)

        assert store.rebuild("versions") == 4
        assert store.rebuild("steps") == 4
        assert store.query("SELECT stream, done FROM steps") == [("a", 1)]

    def test_a_failing_rebuild_leaves_the_read_model_as_it_was(self, make: MakeStore) -> None:
        class Moody(Versions):
            moody = False

            def apply(self, event: RecordedEvent, rows: Rows) -> None:
                if Moody.moody:
                    raise PoisonedError
                super().apply(event, rows)

        store = make(projections=[Moody()])
        store.append("a", events(3), expected_version=NO_STREAM)
        Moody.moody = True

        with pytest.raises(PoisonedError):
            store.rebuild()

        assert store.query("SELECT count(*) FROM versions") == [(3,)]

    def test_catch_up_folds_what_it_has_not_seen(self, make: MakeStore) -> None:
        store = make(catch_up=[Steps()])
        store.append("a", [*events(2), event("Unrelated")], expected_version=NO_STREAM)
        before = store.query("SELECT count(*) FROM steps")

        first = store.catch_up("steps")
        again = store.catch_up("steps")
        store.append("a", events(1), expected_version=2)
        more = store.catch_up("steps")

        assert (before, first, again, more) == ([(0,)], 2, 0, 1)
        assert store.query("SELECT stream, done FROM steps") == [("a", 3)]
        assert store.query("SELECT position FROM projections") == [(4,)]

    def test_a_failing_catch_up_keeps_its_checkpoint(self, make: MakeStore) -> None:
        store = make(catch_up=[Steps()])
        store.append("a", events(2), expected_version=NO_STREAM)
        store.catch_up("steps")
        store.append("a", [event(), event("Poisoned")], expected_version=1)

        with pytest.raises(PoisonedError):
            store.catch_up("steps")

        assert store.query("SELECT done FROM steps") == [(2,)]
        assert store.query("SELECT position FROM projections") == [(2,)]

    def test_refuses_names_of_read_models_that_it_does_not_keep(self, make: MakeStore) -> None:
        store = make(projections=[Steps()], catch_up=[Versions()])

        with pytest.raises(EventStoreError, match=r"no such read model: stepz\. Known: steps, versions"):
            store.rebuild("stepz")
        with pytest.raises(EventStoreError, match=r"no such read model: steps\. Known: versions"):
            store.catch_up("steps")

    @pytest.mark.parametrize(
        ("projections", "catch_up"),
        [([Steps(), Steps()], []), ([Steps()], [Steps()]), ([Steps(name="events")], []), ([Steps(name="store")], [])],
        ids=["twice inline", "inline and later", "the events themselves", "the store's own"],
    )
    def test_refuses_read_models_that_share_a_name_or_table(
        self, make: MakeStore, projections: list[Steps], catch_up: list[Steps]
    ) -> None:
        with pytest.raises(EventStoreError, match="needs a name and tables of its own"):
            make(projections=projections, catch_up=catch_up)


def _read_models(store: EventStore) -> list[list[tuple[object, ...]]]:
    return [
        store.query("SELECT * FROM steps ORDER BY stream"),
        store.query("SELECT * FROM versions ORDER BY stream, version"),
        store.query("SELECT * FROM projections ORDER BY name"),
    ]
