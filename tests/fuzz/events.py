"""Bytes -> events -> a deployment and read models: strange events are refused as such, never followed into a traceback."""

from __future__ import annotations

import copy
from dataclasses import asdict
from functools import cache
from typing import Any

import orjson
from hypothesis import strategies as st

from eventstore import NewEvent
from eventstore.memory import MemoryEventStore
from orchestrator.domain.events import EVENTS
from orchestrator.domain.ids import id_of
from orchestrator.projections import deploy_history, deployments, releases, slots
from orchestrator.projections.deployment_result import deployment_result
from orchestrator.projections.registry import inline
from orchestrator.services.codec import CODEC
from orchestrator.services.repository import fold
from tests.fuzz.running import Fuzzer
from tests.fuzz.values import SMALL, flipped, spoiled
from tests.unit.orchestrator.histories import World

Event = tuple[str, int, Any]
"""Type, schema version and data."""


@cache
def stories() -> tuple[dict[str, list[Event]], ...]:
    """Streams of real deployments with their slots, each world as stream name to events."""
    verified, failed, back = World(), World(), World()
    verified.deployment().to_verified()
    verified.take_in({"version": "0.9.0", "timestamp": "2026-01-01T00:00:00Z", "target": "web", "status": "success"})
    failed.deployment().ask().choose(target="web", mode="deploy").to_executing().start("build").interrupt()
    failed.deployment(mode="dry_run", target="api").to_simulated()
    good = back.deployment(version="1.0.0").to_verified()
    back.deployment().to_failed(good.release).to_rolled_back(good.release)
    return tuple(_told(world) for world in (verified, failed, back))


def _told(world: World) -> dict[str, list[Event]]:
    told: dict[str, list[Event]] = {}
    for event in world.store.read_all():
        told.setdefault(event.stream, []).append((event.type, event.schema_version, orjson.loads(event.data)))
    return told


@cache
def texts() -> tuple[tuple[str, bytes], ...]:
    """Every kind of event with data that it may have."""
    found = {kind: data for world in stories() for events in world.values() for kind, _, data in events}
    return tuple((kind, orjson.dumps(data)) for kind, data in sorted(found.items()))


def decode(case: tuple[str, int, bytes]) -> None:
    """What is decoded can be written again, and reads the same."""
    kind, version, data = case
    event = CODEC.from_json(kind, version, data)
    written = CODEC.encode(event)
    assert asdict(CODEC.from_json(kind, written.schema_version, written.data)) == asdict(event)


def follow(world: dict[str, list[Event]]) -> None:
    """Append, as far as the read models can follow, then ask for everything that a command would."""
    store = MemoryEventStore(projections=inline())
    for stream, events in world.items():
        new = [NewEvent(kind, orjson.dumps(data), b"{}", version) for kind, version, data in events]
        for event in new:
            store.append(stream, [event], expected_version=store.version(stream))
    for stream, events in world.items():
        if stream.startswith("deployment-"):
            deployment, version = fold(store, id_of(stream))
            assert version == len(events) - 1
            deployment_result(deployment, history_path=None, deploy_url="")
    deploy_history.records(store, "shop")
    deployments.newest(store, limit=10, include_dry_runs=True)
    deployments.unfinished(store)
    releases.live_slots(store)
    slots.holders(store)
    store.rebuild()
    store.close()


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, int, bytes]:
    kind, data = draw(st.sampled_from(texts()))
    spoil = spoiled([orjson.loads(data)], SMALL.filter(_encodable), most=2).map(_dumped)
    return (
        kind if draw(st.integers(0, 9)) else draw(st.sampled_from((*EVENTS, "", "$archived"))),
        1 if draw(st.integers(0, 9)) else draw(st.sampled_from((0, 2, -1, 99))),
        draw(spoil | flipped([data]) | st.binary(max_size=32)),
    )


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, list[Event]]:
    world = copy.deepcopy(draw(st.sampled_from(stories())))
    for _ in range(draw(st.integers(1, 3))):
        events = world[draw(st.sampled_from(sorted(world)))]
        place = draw(st.integers(0, len(events) - 1))
        match draw(st.sampled_from(("data", "data", "data", "drop", "repeat", "swap"))):
            case "data":
                kind, version, data = events[place]
                events[place] = kind, version, draw(spoiled([data], SMALL.filter(_encodable), most=2))
            case "drop" if len(events) > 1:
                del events[place]
            case "repeat":
                events.append(events[place])
            case "swap":
                events[place], events[0] = events[0], events[place]
    return world


def _encodable(value: Any) -> bool:
    return _dumped(value) != b""


def _dumped(value: Any) -> bytes:
    """b"" for what orjson does not write: whole numbers beyond 64 bits, half characters."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return b""


def decode_bytes(raw: bytes) -> None:
    """For the coverage-guided fuzzer: the first byte chooses the kind, the second the schema version."""
    kinds = sorted(EVENTS)
    if len(raw) > 2:
        decode((kinds[raw[0] % len(kinds)], raw[1] % 4, raw[2:]))


def seeds() -> list[tuple[int, bytes]]:
    """Number of a kind, as `decode_bytes` takes it, and right data."""
    kinds = sorted(EVENTS)
    return [(kinds.index(kind), data) for kind, data in texts()]


FUZZERS = (
    Fuzzer("codec, nearly right events", 16, cases(), decode),
    Fuzzer("folds of strange events", 8, worlds().filter(_encodable), follow),
)
