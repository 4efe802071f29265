"""What every reader of events gives, whatever kept the bytes: the reading half of the contract of event stores."""

from collections.abc import Iterator

import pytest

from eventstore import (
    NO_STREAM,
    Attachment,
    EventReader,
    EventStore,
    Head,
    NewEvent,
    RecordedEvent,
    StoreUnavailable,
)
from tests.contract.event_store_examples import NOON, event, events, names


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
