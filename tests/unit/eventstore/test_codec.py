"""Event classes to bytes and back; what version 1 of a program wrote is read by version 3."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from eventstore import Codec, CodecError, NewEvent, RecordedEvent
from eventstore.memory import MemoryEventStore


@dataclass(frozen=True)
class StepSucceeded:
    """As it is today, version 3. Version 1 had its duration in seconds; version 2 had no attempt."""

    step: str
    duration_ms: int
    attempt: int
    artifacts: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def codec() -> Codec:
    """The program of today, which still reads everything that was ever written."""
    codec = Codec()
    codec.event("StepSucceeded", schema_version=3)(StepSucceeded)

    @codec.upcaster("StepSucceeded", from_version=1)
    def milliseconds(old: dict[str, Any]) -> dict[str, Any]:
        return {"step": old["step"], "duration_ms": round(old["duration_s"] * 1000)}

    @codec.upcaster("StepSucceeded", from_version=2)
    def attempt(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "attempt": 1}

    return codec


def recorded(type_: str, schema_version: int, data: bytes) -> RecordedEvent:
    store = MemoryEventStore()
    store.append("deployment-1", [NewEvent(type_, data, schema_version=schema_version)], expected_version=-1)
    return next(store.read_stream("deployment-1"))


def test_reads_back_what_it_wrote(codec: Codec) -> None:
    event = StepSucceeded("push", 1250, 2, {"image": "sha256:0a"})

    written = codec.encode(event, {"pid": 7, "actor": "ann"})

    assert written == NewEvent(
        "StepSucceeded",
        b'{"artifacts":{"image":"sha256:0a"},"attempt":2,"duration_ms":1250,"step":"push"}',
        b'{"actor":"ann","pid":7}',
        3,
    )
    assert codec.decode(recorded("StepSucceeded", 3, written.data)) == event


def test_sorts_the_keys_at_every_depth() -> None:
    @dataclass(frozen=True)
    class Image:
        tag: str
        digest: str

    @dataclass(frozen=True)
    class Pushed:
        images: list[Image]
        by: dict[str, int]

    codec = Codec()
    codec.event("Pushed")(Pushed)

    written = codec.encode(Pushed([Image("1.0", "0a")], {"z": 1, "a": 2}), {"z": {"y": 1, "x": 2}})

    assert written.data == b'{"by":{"a":2,"z":1},"images":[{"digest":"0a","tag":"1.0"}]}'
    assert written.metadata == b'{"z":{"x":2,"y":1}}'


def test_takes_metadata_that_is_bytes_already(codec: Codec) -> None:
    assert codec.encode(StepSucceeded("push", 1, 1), b'{"actor":"ann"}').metadata == b'{"actor":"ann"}'


@pytest.mark.parametrize(
    ("schema_version", "data"),
    [
        (1, b'{"step":"push","duration_s":1.25}'),
        (2, b'{"step":"push","duration_ms":1250}'),
        (3, b'{"step":"push","duration_ms":1250,"attempt":1}'),
    ],
)
def test_reads_every_schema_version_as_the_newest(codec: Codec, schema_version: int, data: bytes) -> None:
    stored = recorded("StepSucceeded", schema_version, data)

    assert codec.decode(stored) == StepSucceeded("push", 1250, 1)
    assert (stored.schema_version, stored.data) == (schema_version, data)


def test_a_class_may_be_renamed_without_touching_history() -> None:
    @dataclass(frozen=True)
    class StepDone:
        step: str

    codec = Codec()
    codec.event("StepSucceeded")(StepDone)

    assert codec.decode(recorded("StepSucceeded", 1, b'{"step":"push"}')) == StepDone("push")
    assert codec.names == {"StepSucceeded"}


def test_refuses_an_event_of_a_newer_program(codec: Codec) -> None:
    with pytest.raises(
        CodecError, match=r"^event 1 \(deployment-1\): StepSucceeded has schema version 4, .* up to 3: upgrade it"
    ):
        codec.decode(recorded("StepSucceeded", 4, b"{}"))


def test_refuses_an_unknown_type(codec: Codec) -> None:
    with pytest.raises(
        CodecError, match=r"^event 1 \(deployment-1\): unknown event type StepSkipped: written by another program"
    ):
        codec.decode(recorded("StepSkipped", 1, b"{}"))


@pytest.mark.parametrize(
    ("schema_version", "data", "said"),
    [
        (3, b'{"step":"push","duration_ms":1}', "attempt"),
        (3, b'{"step":"push","duration_ms":1,"attempt":1,"color":"red"}', "color"),
        (3, b'["push"]', "mapping"),
        (3, b"null", "mapping"),
        (3, b"{not json", "JSONDecodeError"),
        (1, b'{"step":"push"}', "duration_s"),
        (1, b"[]", "TypeError"),
        (2, b"7", "TypeError"),
    ],
)
def test_names_the_event_that_does_not_fit_its_class(codec: Codec, schema_version: int, data: bytes, said: str) -> None:
    expected = rf"^event 1 \(deployment-1\): StepSucceeded of schema version {schema_version} does not fit its class: .*{said}"

    with pytest.raises(CodecError, match=expected):
        codec.decode(recorded("StepSucceeded", schema_version, data))


def test_names_the_upcaster_that_is_missing() -> None:
    codec = Codec()
    codec.event("StepSucceeded", schema_version=3)(StepSucceeded)
    codec.upcaster("StepSucceeded", from_version=1)(lambda old: old)

    with pytest.raises(CodecError, match="StepSucceeded: no upcaster from schema version 2 to 3"):
        codec.from_json("StepSucceeded", 1, b"{}")


def test_refuses_to_write_a_class_it_does_not_know(codec: Codec) -> None:
    @dataclass
    class Unknown:
        step: str

    with pytest.raises(CodecError, match="Unknown is not a registered event"):
        codec.encode(Unknown("push"))


@pytest.mark.parametrize(
    "encode",
    [
        lambda codec: codec.encode(StepSucceeded("push", 1, 1, {"set": {1}})),  # type: ignore[dict-item]
        lambda codec: codec.encode(StepSucceeded("push", 2**64, 1)),
        lambda codec: codec.encode(StepSucceeded("push", 1, 1), {"actor": object()}),
    ],
    ids=["a set", "more than 64 bits", "metadata"],
)
def test_refuses_what_is_not_json(codec: Codec, encode: Callable[[Codec], NewEvent]) -> None:
    with pytest.raises(CodecError, match="StepSucceeded or its metadata cannot be written as JSON"):
        encode(codec)


def test_refuses_two_classes_of_one_name_and_two_upcasters_of_one_version(codec: Codec) -> None:
    with pytest.raises(CodecError, match="two event classes are named StepSucceeded"):
        codec.event("StepSucceeded")(StepSucceeded)
    with pytest.raises(CodecError, match="two upcasters for StepSucceeded from schema version 1"):
        codec.upcaster("StepSucceeded", from_version=1)(lambda old: old)
