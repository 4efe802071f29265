"""Delivering what is in the outbox: `deliver`, in a process of its own beside or after the command, or when somebody asks for it.

Every attempt is on record: intent before, outcome after. Whoever dies in between leaves an intent without an outcome, and it is
sent again with the same ID: at least once. One process at a time may `deliver`; its caller holds the project's lock.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orchestrator.domain.errors import Interrupted
from orchestrator.domain.notification_events import DeliveryFailed, DeliveryStarted, DeliverySucceeded
from orchestrator.domain.notifications import GIVE_UP_AFTER_S, retry_delay_s, shortened
from orchestrator.domain.receivers import Receiver
from orchestrator.projections import notifications
from orchestrator.projections.notifications import Delivery
from orchestrator.services.outbox import Outbox, notification_of, queue
from orchestrator.services.ports import Courier, Sent

LOOK_EVERY_S = 1.0
"""While something waits for its next attempt: how often it is looked whether something else has happened."""
_ARCHIVED = "the event was moved to an archive before it could be sent"


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What a run of `deliver` came to.

    Attributes:
        delivered, failed: Notifications that arrived, and those that were given up.
        pending: How many still wait, for receivers that deploy.json names.
    """

    delivered: int
    failed: int
    pending: int


def deliver(box: Outbox, courier: Courier, *, timeout_s: float) -> Delivered:
    """Deliver what is due, and wait for what becomes due within *timeout_s*. The caller holds the project's lock.

    Everything that is due is tried, however little time there is; when it is over, nobody who failed is tried again. A signal
    ends it after the attempt that is under way.
    """
    run = _Run(box, courier)
    with suppress(Interrupted):
        _until(box.clock.monotonic() + timeout_s, run)
    return run.summary()


def _until(end: float, run: _Run) -> None:
    """Raises Interrupted between two attempts."""
    clock = run.box.clock
    while True:
        queue(run.box)
        while run.one(last=clock.monotonic() >= end):
            clock.sleep(0)
        wait_s = run.seconds_to_next()
        if wait_s is None or clock.monotonic() + max(0.0, wait_s) >= end:
            return
        clock.sleep(min(max(wait_s, 0.01), LOOK_EVERY_S))


def pending(box: Outbox) -> int:
    """How many notifications wait for receivers that deploy.json names."""
    return len(_pending(box))


@dataclass
class _Run:
    """One run of `deliver`.

    Attributes:
        resting: Receivers that could not be reached, and until when they are left alone.
    """

    box: Outbox
    courier: Courier
    delivered: int = 0
    failed: int = 0
    resting: dict[str, str] = field(default_factory=dict)

    def one(self, *, last: bool) -> bool:
        """Try one that is due, the least often tried first. False when there is none; *last*: nor one to try again."""
        now = self.box.clock.now()
        usable = {each.name: each for each in self.box.receivers if not (last and each.name in self.resting)}
        for delivery in notifications.due(self.box.store, self.box.project, now):
            if delivery.receiver in usable and self._when(delivery) <= now:
                receiver = usable[delivery.receiver]
                self._count(receiver, _attempt(self.box, self.courier, receiver, delivery))
                return True
        return False

    def seconds_to_next(self) -> float | None:
        """Until something is due; None when nothing waits."""
        moments = [self._when(each) for each in _pending(self.box)]
        return (_moment(min(moments)) - _moment(self.box.clock.now())).total_seconds() if moments else None

    def summary(self) -> Delivered:
        return Delivered(delivered=self.delivered, failed=self.failed, pending=pending(self.box))

    def _count(self, receiver: Receiver, outcome: DeliverySucceeded | DeliveryFailed) -> None:
        if isinstance(outcome, DeliverySucceeded):
            self.delivered += 1
        elif outcome.retry_at is None:
            self.failed += 1
        else:
            self.resting[receiver.name] = outcome.retry_at

    def _when(self, delivery: Delivery) -> str:
        # Times of the store and of the clock are written alike, so that texts sort as times do.
        return max(delivery.due_at or "", self.resting.get(delivery.receiver, ""))


def _pending(box: Outbox) -> list[Delivery]:
    names = {each.name for each in box.receivers}
    return [each for each in notifications.waiting(box.store, box.project) if each.receiver in names]


def _attempt(box: Outbox, courier: Courier, receiver: Receiver, delivery: Delivery) -> DeliverySucceeded | DeliveryFailed:
    """Intent, effect, outcome."""
    attempt = delivery.attempts + 1
    about: dict[str, Any] = {"project": box.project, "receiver": receiver.name, "position": delivery.position, "attempt": attempt}
    box.record(DeliveryStarted(**about, retry_at=_later(box, retry_delay_s(attempt, box.chance()))))
    notification = notification_of(box, delivery.position)
    sent = courier.send(receiver, notification) if notification else Sent(delivered=False, message=_ARCHIVED, final=True)
    # Masked before it is shortened: half a secret is not recognized.
    about["message"] = shortened(" ".join(box.mask.mask(sent.message).split()))
    outcome: DeliverySucceeded | DeliveryFailed
    if sent.delivered:
        outcome = DeliverySucceeded(**about)
    else:
        outcome = DeliveryFailed(**about, retry_at=_retry_at(box, delivery, sent, attempt))
    box.record(outcome)
    return outcome


def _retry_at(box: Outbox, delivery: Delivery, sent: Sent, attempt: int) -> str | None:
    given_up = _moment(box.clock.now()) - _moment(delivery.queued_at) > timedelta(seconds=GIVE_UP_AFTER_S)
    return None if sent.final or given_up else _later(box, retry_delay_s(attempt, box.chance(), sent.retry_after_s))


def _later(box: Outbox, seconds: float) -> str:
    return (_moment(box.clock.now()) + timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
