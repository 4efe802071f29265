"""What `pop-deploy notify` and its subcommands show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.ids import id_of
from orchestrator.domain.notifications import KINDS
from orchestrator.projections import notifications
from orchestrator.projections.notifications import FAILED, PENDING, Delivery

if TYPE_CHECKING:
    from eventstore.store import EventReader

_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class ReceiverStatus:
    """One receiver.

    Attributes:
        kind: webhook, slack or command.
        configured: It stands in deploy.json; nothing is sent to one that does not.
        added_at: Since when it is told what happens; None until the next command that records.
        delivered: How many notifications it has got.
        delivered_at: When it got the last one.
        pending: How many it is still to get.
        failed: How many it will not get: refused by it, or given up.
    """

    name: str
    kind: str
    configured: bool
    added_at: str | None
    delivered: int
    delivered_at: str | None
    pending: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Undelivered:
    """A notification that was not delivered.

    Attributes:
        id: That the receiver gets with it.
        event: What happened; "" where it was moved to an archive.
        state: pending, or failed where it is not tried again.
        due_at: When it is tried next; None when it is not.
        tried_at: When the last attempt began.
        error: How the last attempt ended.
    """

    receiver: str
    id: str
    event: str
    deployment_id: str
    state: str
    attempts: int
    queued_at: str
    due_at: str | None
    tried_at: str | None
    error: str


@dataclass(frozen=True, kw_only=True)
class NotifyStatus:
    """The outbox.

    Attributes:
        undelivered: The newest of those in the outbox, pending ones first.
    """

    receivers: tuple[ReceiverStatus, ...]
    undelivered: tuple[Undelivered, ...]


@dataclass(frozen=True, kw_only=True)
class DeliverResult:
    """What `notify deliver` came to.

    Attributes:
        success: Nothing waits, and nothing was given up in this run.
        delivered: Notifications that arrived.
        failed: Notifications that were given up.
        pending: Notifications that wait for their next attempt.
    """

    success: bool
    delivered: int
    failed: int
    pending: int


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """What `notify test` came to.

    Attributes:
        success: The receiver took it.
        message: What it answered, or why it was not reached.
    """

    __test__ = False  # no test of ours, whatever its name says

    success: bool
    receiver: str
    message: str


def notify_status(
    reader: EventReader | None, project: str, configured: Mapping[str, str], new: Mapping[str, int]
) -> NotifyStatus:
    """The outbox of *project*.

    Args:
        reader: None while nothing was ever recorded.
        configured: Name of each receiver of deploy.json to its kind.
        new: Name to how many notifications are not even queued yet.
    """
    if reader is None:
        return NotifyStatus(receivers=tuple(_unknown(name, kind) for name, kind in configured.items()), undelivered=())
    counts = notifications.count(reader, project)
    known = {each.name: each for each in notifications.known_receivers(reader, project)}
    receivers = [
        ReceiverStatus(
            name=each.name,
            kind=configured.get(each.name, each.kind),
            configured=each.name in configured,
            added_at=each.added_at,
            delivered=each.delivered,
            delivered_at=each.delivered_at,
            pending=counts.get((each.name, PENDING), 0) + new.get(each.name, 0),
            failed=counts.get((each.name, FAILED), 0),
        )
        for each in known.values()
    ]
    receivers += [_unknown(name, kind) for name, kind in configured.items() if name not in known]
    found = [each for state in (PENDING, FAILED) for each in notifications.undelivered(reader, project, state, _SHOWN)]
    return NotifyStatus(receivers=tuple(receivers), undelivered=tuple(_undelivered(reader, each) for each in found))


def _unknown(name: str, kind: str) -> ReceiverStatus:
    return ReceiverStatus(
        name=name, kind=kind, configured=True, added_at=None, delivered=0, delivered_at=None, pending=0, failed=0
    )


def _undelivered(reader: EventReader, delivery: Delivery) -> Undelivered:
    event = next(iter(reader.read_all(delivery.position - 1)), None)
    readable = event is not None and event.type in KINDS
    return Undelivered(
        receiver=delivery.receiver,
        id=f"{reader.store_id}-{delivery.position}",
        event=KINDS[event.type] if event is not None and readable else "",
        deployment_id=id_of(event.stream) if event is not None and readable else "",
        state=delivery.state,
        attempts=delivery.attempts,
        queued_at=delivery.queued_at,
        due_at=delivery.due_at,
        tried_at=delivery.tried_at,
        error=delivery.error,
    )
