"""The outbox: what happened, for whom, derived from the events. `note_receivers` at a command's start, `anything_due` at its end.

A receiver's position in the store, what it is to be told of, and every attempt are events themselves, in the stream
``notifications-PROJECT``; `projections.notifications` folds them. Delivering is in `notifying.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from eventstore import EventReader, EventStore, RecordedEvent, WrongExpectedVersion
from orchestrator.domain.events import DecisionMade, Event
from orchestrator.domain.ids import id_of, notifications_stream
from orchestrator.domain.notification_events import NotificationsQueued, ReceiverAdded
from orchestrator.domain.notifications import KINDS, Notification, detail_of, shortened, wanted
from orchestrator.domain.receivers import Receiver
from orchestrator.projections import deployments, notifications
from orchestrator.projections.deployments_table import DeploymentRow
from orchestrator.services.codec import CODEC
from orchestrator.services.ports import Here, Mask
from orchestrator.targets.base import Clock

_SCANNED = 500
"""So many events that nobody wants may be looked at in vain before the position is recorded."""
_TRIES = 20


@dataclass(frozen=True, kw_only=True)
class Outbox:
    """What this needs of a project and its store.

    Attributes:
        receivers: Those of deploy.json.
        chance: From 0 to 1, each time another.
    """

    project: str
    receivers: tuple[Receiver, ...]
    store: EventStore
    mask: Mask
    clock: Clock
    here: Here
    tool_version: str
    chance: Callable[[], float]

    @property
    def stream(self) -> str:
        return notifications_stream(self.project)

    def record(self, *events: Event) -> None:
        """Append to the project's stream of notifications.

        The fold does not mind what came between; only who lost a race for the version has to look again.
        """
        metadata = {"actor": f"pop-deploy@{self.here.host}", "host": self.here.host, "pid": self.here.pid}
        new = [CODEC.encode(event, {**metadata, "tool_version": self.tool_version}) for event in events]
        for left in reversed(range(_TRIES)):
            try:
                self.store.append(self.stream, new, expected_version=self.store.version(self.stream))
                return
            except WrongExpectedVersion:
                if not left:
                    raise


def note_receivers(box: Outbox) -> None:
    """Put on record whom deploy.json names for the first time: they are told what happens from here on."""
    known = {each.name for each in notifications.known_receivers(box.store, box.project)}
    new = [each for each in box.receivers if each.name not in known]
    if new:
        box.record(*(ReceiverAdded(project=box.project, receiver=each.name, kind=each.kind) for each in new))


def anything_due(box: Outbox) -> bool:
    """Whether `deliver` has something to do now."""
    names = {each.name for each in box.receivers}
    if any(each.receiver in names for each in notifications.due(box.store, box.project, box.clock.now())):
        return True
    return next(unqueued(box.store, box.project, box.receivers), None) is not None


def queue(box: Outbox) -> None:
    """Look at the events that came since, and put on record what each receiver is to be told of them."""
    if new := list(unqueued(box.store, box.project, box.receivers)):
        box.record(*new)


def unqueued(reader: EventReader, project: str, receivers: Sequence[Receiver]) -> Iterator[NotificationsQueued]:
    """What happened since it was last looked at, for each receiver that is to be told of it."""
    known = {each.name: each.through for each in notifications.known_receivers(reader, project)}
    receivers = [each for each in receivers if each.name in known]
    if not receivers:
        return
    head = reader.head().position
    happened = list(_happened(reader, project, min(known[each.name] for each in receivers), head))
    for receiver in receivers:
        positions = [
            position
            for position, kind, environment in happened
            if position > known[receiver.name] and wanted(receiver, kind, environment)
        ]
        if positions or head - known[receiver.name] > _SCANNED:
            yield NotificationsQueued(project=project, receiver=receiver.name, through=head, positions=positions)


def _happened(reader: EventReader, project: str, after: int, head: int) -> Iterator[tuple[int, str, str]]:
    """(Position, kind, environment) of what somebody may want to know, up to *head*."""
    for event in reader.read_all(after, set(KINDS)):
        if event.position > head:
            return
        row = _row(reader, event)
        if row is not None and row.project == project and not _answered(reader, event):
            yield event.position, KINDS[event.type], row.environment


def _answered(reader: EventReader, event: RecordedEvent) -> bool:
    """A question that somebody at the terminal has answered already: nobody has to be called."""
    if KINDS[event.type] != "waiting":
        return False
    question = orjson.loads(event.data)["decision_id"]
    since = reader.read_stream(event.stream, event.version)
    return any(each.type == DecisionMade.__name__ and orjson.loads(each.data)["decision_id"] == question for each in since)


def notification_of(box: Outbox, position: int) -> Notification | None:
    """What is told about the event at *position*; None when it cannot be read any more."""
    event = next(iter(box.store.read_all(position - 1)), None)
    row = _row(box.store, event) if event is not None and event.type in KINDS else None
    if event is None or row is None:
        return None
    said = box.mask.mask_json(
        {
            "project": row.project,
            "environment": row.environment,
            "target": row.target,
            "version": row.version,
            "commit_sha": row.commit_sha,
            "actor": orjson.loads(event.metadata).get("actor") or row.actor,
            "detail": detail_of(KINDS[event.type], orjson.loads(event.data)),
        }
    )
    said["detail"] = shortened(said["detail"])
    identity = f"{box.store.store_id}-{position}"
    return Notification(id=identity, event=KINDS[event.type], time=event.time, deployment_id=row.id, **said)


def _row(reader: EventReader, event: RecordedEvent) -> DeploymentRow | None:
    return next(iter(deployments.get(reader, id_of(event.stream))), None)


def trial(identity: str, project: str, now: str, host: str) -> Notification:
    """A message that says only that it is one."""
    return Notification(
        id=identity,
        event="test",
        time=now,
        project=project,
        environment="nowhere",
        target=None,
        deployment_id="",
        version="0.0.0",
        commit_sha=None,
        actor=f"pop-deploy@{host}",
        detail="this is only a test, nothing has happened",
    )
