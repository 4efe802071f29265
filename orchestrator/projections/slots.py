"""Who claims which slot. Kept from the slots' own streams, whose version is the epoch. Not here: taking and releasing one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from eventstore.events import RecordedEvent
from eventstore.projection import Rows, Table
from orchestrator.projections.fields import fields

if TYPE_CHECKING:
    from eventstore.store import EventReader
    from orchestrator.domain.plan import Slot

_COLUMNS = {"stream": "text", "project": "text", "environment": "text", "target": "text", "deployment_id": "text", "host": "text"}
_PROCESS = {"pid": "integer", "start_ticks": "integer", "boot_id": "text", "pid_namespace": "text"}
_TAKEN = {"actor": "text", "taken_at": "text", "epoch": "integer"}

SLOTS = Table("slots", _COLUMNS | _PROCESS | _TAKEN, key=("stream",))


class Holder(NamedTuple):
    """The last to take a slot.

    Attributes:
        deployment_id: None once it was released; the rest then says who had it.
        pid: The process, with `start_ticks`, `boot_id` and `pid_namespace` of its host: it claims the slot, alive or not.
        actor: Who took it: ``name@host``.
        epoch: Version of the slot's stream.
    """

    project: str
    environment: str
    target: str
    deployment_id: str | None
    host: str
    pid: int
    start_ticks: int
    boot_id: str
    pid_namespace: str
    actor: str
    taken_at: str
    epoch: int


def holder(reader: EventReader, slot: Slot) -> Holder | None:
    """Who claims *slot*, or None."""
    return next((found for found in holders(reader, slot) if found.deployment_id is not None), None)


def holders(reader: EventReader, slot: Slot | None = None) -> list[Holder]:
    """Every slot that was ever taken, or only *slot*, claimed or not."""
    where = "WHERE stream = ? " if slot is not None else ""
    statement = f"SELECT {', '.join(Holder._fields)} FROM slots {where}ORDER BY stream"  # noqa: S608 - constants
    return list(map(Holder._make, reader.query(statement, (slot.stream,) if slot is not None else ())))


class SlotsProjection:
    """Keeps the table."""

    name = "slots"
    version = 2
    tables = (SLOTS,)
    types = frozenset({"SlotTaken", "SlotReleased"})

    def apply(self, event: RecordedEvent, rows: Rows) -> None:
        data = fields(event)
        if event.type == "SlotTaken":
            process = {name: data[name] for name in ("deployment_id", "host", "pid", "start_ticks", "boot_id")}
            namespace, actor = data.get("pid_namespace", ""), orjson.loads(event.metadata).get("actor", "")
            taken = {"pid_namespace": namespace, "actor": actor, "taken_at": event.time, "epoch": event.version}
            rows.put(SLOTS, {**_slot(event.stream), **process, **taken})
            return
        row = rows.get(SLOTS, event.stream)
        if row is not None:
            rows.put(SLOTS, {**row, "deployment_id": None, "epoch": event.version})


def _slot(stream: str) -> dict[str, str]:
    # Environments and targets have no slash in their names; a project's name may.
    project, environment, target = stream.removeprefix("slot-").rsplit("/", 2)
    return {"stream": stream, "project": project, "environment": environment, "target": target}
