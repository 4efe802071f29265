"""What must be true after a soak test, however often somebody was killed: `check` gives the figures and every problem found."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from eventstore import EventReader, EventStore, RecordedEvent, chain
from eventstore.errors import ChainBroken
from orchestrator import bootstrap
from orchestrator.domain.ids import id_of
from orchestrator.projections import deploy_history
from orchestrator.projections.registry import inline
from tests.soak.place import PROJECT, Place, lines
from tests.soak.worker import EXPECTED, digest, left_over

SHOWN = 10
"""Of each kind of problem."""


@dataclass(frozen=True)
class Figures:
    """What happened.

    Attributes:
        deployments: Those that began to run; *verified* and *rolled_back* of them ended so.
        takeovers: Claims that were taken from a dead process.
        refused: Commands that found the slot held.
        acknowledged: Events whose append had returned to a worker.
        effects: Made in the worlds of the fakes.
    """

    events: int
    deployments: int
    verified: int
    rolled_back: int
    takeovers: int
    refused: int
    acknowledged: int
    effects: int


def check(place: Place) -> tuple[Figures, list[str]]:
    """Look at everything. Rebuilds the read models, to compare them."""
    with closing(bootstrap.open_store(place.directory, place.store)) as store:
        events = list(store.read_all())
        problems = [
            *map(str, place.noted("violations")),
            *_chain_problems(store, events),
            *_lost(place, events),
            *_held_twice(place, events),
            *_wrong_effects(place, events),
            *_unexpected_ends(place),
            *_left(place, events),
            *_history_problems(place, store),
            *_wrong_read_models(store),
        ]
    return _figures(place, events), problems


def _chain_problems(store: EventReader, events: list[RecordedEvent]) -> Iterator[str]:
    """Positions and versions without gaps, every hash right."""
    try:
        head = chain.verify(events)
    except ChainBroken as broken:
        yield f"chain: {broken}"
        return
    if head != store.head():
        yield f"chain: ends at {head.position}, the store's head is {store.head().position}"
    versions: Counter[str] = Counter()
    for event in events:
        if event.version != versions[event.stream]:
            yield f"{event.stream}: version {event.version} follows {versions[event.stream] - 1}"
        versions[event.stream] += 1


def _lost(place: Place, events: list[RecordedEvent]) -> Iterator[str]:
    """What a worker was told to be durable is there, as it was given."""
    there = {(event.stream, event.version): digest(event.type, event.data) for event in events}
    for stream, first, digests in _acknowledged(place):
        for version, wanted in enumerate(digests, first):
            if there.get((stream, version)) != wanted:
                found = "another" if (stream, version) in there else "missing"
                yield f"lost: {stream}@{version} was acknowledged, and is {found}"


def _acknowledged(place: Place) -> list[tuple[str, int, list[str]]]:
    return [(stream, first, digests) for stream, first, digests in place.noted("acknowledged-*")]


def _held_twice(place: Place, events: list[RecordedEvent]) -> Iterator[str]:
    """By the events: only the holder's process writes steps. By the worlds: epochs only grow, each is one process's."""
    yield from _written_by_others(events)
    for target in place.targets:
        highest, owners = -1, dict[int, tuple[str, str]]()
        for line in lines(place.world(target) / "sections.log"):
            text, pid, deployment_id = line.split()
            epoch, owner = int(text), (pid, deployment_id)
            if epoch < highest or owners.setdefault(epoch, owner) != owner:
                yield f"{target}: epoch {epoch} of {owner} after epoch {highest} of {owners.get(highest)}"
            highest = max(highest, epoch)


def _written_by_others(events: list[RecordedEvent]) -> Iterator[str]:
    holders: dict[str, tuple[str, int]] = {}
    slots: dict[str, str] = {}
    for event in events:
        if event.type == "SlotTaken":
            data = json.loads(event.data)
            holders[event.stream] = (data["deployment_id"], data["pid"])
            slots[data["deployment_id"]] = event.stream
        elif event.type == "SlotReleased":
            holders.pop(event.stream, None)
        elif event.type.startswith("Step"):
            deployment_id, pid = id_of(event.stream), json.loads(event.metadata)["pid"]
            holder = holders.get(slots.get(deployment_id, ""))
            if holder != (deployment_id, pid):
                yield f"{event.stream}@{event.version}: {event.type} by pid {pid} while the slot was held by {holder}"


def _wrong_effects(place: Place, events: list[RecordedEvent]) -> Iterator[str]:
    """Each step that succeeded was made once, and nothing else was made."""
    recorded: Counter[tuple[str, str]] = Counter()
    for event in events:
        if event.type == "StepSucceeded":
            recorded[id_of(event.stream), json.loads(event.data)["step"]] += 1
    made = Counter((line[0], line[1]) for line in _effects(place))
    for key in sorted(recorded.keys() | made.keys()):
        if (recorded[key], made[key]) != (1, 1):
            yield f"{key[0]}: step {key[1]}: {recorded[key]} times on record as done, made {made[key]} times"


def _effects(place: Place) -> Iterator[list[str]]:
    for target in place.targets:
        yield from map(str.split, lines(place.world(target) / "effects.log"))


def _unexpected_ends(place: Place) -> Iterator[str]:
    for word, code, said in place.noted("ended-*"):
        if code not in EXPECTED:
            yield f"{word}: exit code {code}: {said}"


def _left(place: Place, events: list[RecordedEvent]) -> Iterator[str]:
    """Everything that began has ended, and no slot is claimed."""
    yield from (f"{deployment_id}: is still under way" for deployment_id, _ in left_over(place))
    last = {event.stream: event.type for event in events if event.stream.startswith("slot-")}
    yield from (f"{stream}: is still claimed" for stream, type_ in last.items() if type_ == "SlotTaken")


def _history_problems(place: Place, store: EventReader) -> Iterator[str]:
    """The checkout that was deployed from last shows what the store knows."""
    path = place.deploy_json(place.targets[-1])
    known = [record["deployment_id"] for record in deploy_history.records(store, PROJECT)]
    shown = [record["deployment_id"] for record in json.loads(path.read_text(encoding="utf-8"))["history"]]
    if known != shown:
        yield f"{path} shows {shown[:3]}..., the store's newest are {known[:3]}..."


def _wrong_read_models(store: EventStore) -> Iterator[str]:
    """What followed in each append is what a rebuild makes of the events."""
    followed = _rows(store)
    store.rebuild()
    for name, rows in _rows(store).items():
        if rows != followed[name]:
            yield f"read model table {name}: {len(rows ^ followed[name])} rows differ from a rebuild"


def _rows(store: EventReader) -> dict[str, set[tuple[Any, ...]]]:
    tables = [table for projection in inline() for table in projection.tables]
    select = {table.name: f"SELECT {', '.join(table.columns)} FROM {table.name}" for table in tables}  # noqa: S608 - constants
    return {name: set(store.query(statement)) for name, statement in select.items()}


def _figures(place: Place, events: list[RecordedEvent]) -> Figures:
    types = Counter(event.type for event in events)
    states: dict[str, set[str]] = defaultdict(set)
    for event in events:
        states[event.stream].add(event.type)
    took = [json.loads(event.data) for event in events if event.type == "SlotTaken"]
    return Figures(
        events=len(events),
        deployments=types["ExecutionStarted"],
        verified=sum("DeploymentVerified" in seen for seen in states.values()),
        rolled_back=sum("RolledBack" in seen for seen in states.values()),
        takeovers=sum(bool(taken["taken_over_from"]) for taken in took),
        refused=sum(line[1] == 4 for line in place.noted("ended-*")),
        acknowledged=sum(len(line[2]) for line in _acknowledged(place)),
        effects=len(list(_effects(place))),
    )
