"""The outbox: which receivers are known, and what each still has to be told. Kept from the streams of notifications.

What was delivered leaves the table of deliveries, what was given up stays and is shown. Not here: whom deploy.json names now, and
what is sent (`services/notifying.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from eventstore.events import RecordedEvent
from eventstore.projection import Row, Rows, Table
from orchestrator.projections.fields import fields

if TYPE_CHECKING:
    from eventstore.store import EventReader

PENDING, FAILED = "pending", "failed"
NO_OUTCOME = "the process that sent it did not live to say how it ended"

RECEIVERS = Table(
    "notify_receivers",
    {
        "project": "text",
        "name": "text",
        "kind": "text",
        "added_at": "text",
        "through": "integer",
        "delivered": "integer",
        "delivered_at": "text",
    },
    key=("project", "name"),
)
DELIVERIES = Table(
    "notify_deliveries",
    {
        "project": "text",
        "receiver": "text",
        "position": "integer",
        "state": "text",
        "attempts": "integer",
        "queued_at": "text",
        "due_at": "text",
        "tried_at": "text",
        "error": "text",
    },
    key=("project", "receiver", "position"),
    indexes=(("project", "state", "due_at"),),
)


class KnownReceiver(NamedTuple):
    """A receiver that was in deploy.json once.

    Attributes:
        kind: Of `receivers.RECEIVER_KINDS`, when it was added.
        through: Position of the last event that was looked at for it.
        delivered: How many notifications it has got.
        delivered_at: When it got the last one, or None.
    """

    name: str
    kind: str
    added_at: str
    through: int
    delivered: int
    delivered_at: str | None


class Delivery(NamedTuple):
    """A notification that was not delivered.

    Attributes:
        position: Of the event.
        state: pending, or failed where it is not tried again.
        attempts: How often it was tried.
        due_at: When it is tried next; None when it is not.
        tried_at: When the last attempt began; None before the first.
        error: How the last attempt ended, or "".
    """

    receiver: str
    position: int
    state: str
    attempts: int
    queued_at: str
    due_at: str | None
    tried_at: str | None
    error: str


def known_receivers(reader: EventReader, project: str) -> list[KnownReceiver]:
    """By name."""
    columns = ", ".join(KnownReceiver._fields)
    statement = f"SELECT {columns} FROM notify_receivers WHERE project = ? ORDER BY name"  # noqa: S608 - constants
    return list(map(KnownReceiver._make, reader.query(statement, (project,))))


def due(reader: EventReader, project: str, now: str) -> list[Delivery]:
    """What may be tried at *now*: least often tried first, so that one that always fails holds up no other."""
    return _deliveries(reader, "state = ? AND due_at <= ? ORDER BY attempts, position, receiver", project, PENDING, now)


def waiting(reader: EventReader, project: str) -> list[Delivery]:
    """What is tried again, due or not."""
    return _deliveries(reader, "state = ? ORDER BY due_at, position, receiver", project, PENDING)


def undelivered(reader: EventReader, project: str, state: str, limit: int) -> list[Delivery]:
    """The newest *limit* in *state*, newest first."""
    return _deliveries(reader, f"state = ? ORDER BY position DESC, receiver LIMIT {limit:d}", project, state)


def count(reader: EventReader, project: str) -> dict[tuple[str, str], int]:
    """(Receiver, state) to how many deliveries there are in that state."""
    statement = "SELECT receiver, state, count(*) FROM notify_deliveries WHERE project = ? GROUP BY receiver, state"
    return {(receiver, state): int(number) for receiver, state, number in reader.query(statement, (project,))}


def _deliveries(reader: EventReader, condition: str, *parameters: str) -> list[Delivery]:
    columns = ", ".join(Delivery._fields)
    statement = f"SELECT {columns} FROM notify_deliveries WHERE project = ? AND {condition}"  # noqa: S608 - constants
    return list(map(Delivery._make, reader.query(statement, parameters)))


class NotificationsProjection:
    """Keeps the tables."""

    name = "notifications"
    version = 1
    tables = (RECEIVERS, DELIVERIES)
    types = frozenset({"ReceiverAdded", "NotificationsQueued", "DeliveryStarted", "DeliverySucceeded", "DeliveryFailed"})

    def apply(self, event: RecordedEvent, rows: Rows) -> None:
        data = fields(event)
        project, name = data["project"], data["receiver"]
        if event.type == "ReceiverAdded":
            if rows.get(RECEIVERS, project, name) is not None:
                return  # two commands saw it first: what happened between them is not to be lost
            added = {"kind": data["kind"], "added_at": event.time, "through": event.position, "delivered": 0}
            rows.put(RECEIVERS, {"project": project, "name": name, **added})
        elif event.type == "NotificationsQueued":
            _queued(event, data, rows)
        elif (row := rows.get(DELIVERIES, project, name, data["position"])) is not None:
            _tried(event, data, row, rows)


def _queued(event: RecordedEvent, data: Row, rows: Rows) -> None:
    project, name = data["project"], data["receiver"]
    receiver = rows.get(RECEIVERS, project, name)
    if receiver is None:
        return
    rows.put(RECEIVERS, {**receiver, "through": data["through"]})
    for position in data["positions"]:
        waiting = {"state": PENDING, "attempts": 0, "queued_at": event.time, "due_at": event.time, "error": ""}
        rows.put(DELIVERIES, {"project": project, "receiver": name, "position": position, **waiting})


def _tried(event: RecordedEvent, data: Row, row: Row, rows: Rows) -> None:
    if event.type == "DeliveryStarted":
        begun = {"attempts": data["attempt"], "due_at": data["retry_at"], "tried_at": event.time, "error": NO_OUTCOME}
        rows.put(DELIVERIES, {**row, **begun})
    elif event.type == "DeliveryFailed":
        again = data["retry_at"]
        rows.put(DELIVERIES, {**row, "state": FAILED if again is None else PENDING, "due_at": again, "error": data["message"]})
    else:
        rows.delete(DELIVERIES, data["project"], data["receiver"], data["position"])
        receiver = rows.get(RECEIVERS, data["project"], data["receiver"])
        if receiver is not None:
            rows.put(RECEIVERS, {**receiver, "delivered": receiver["delivered"] + 1, "delivered_at": event.time})
