"""The events of a project's stream of notifications: who is told, of what, and what became of each attempt.

Like all in `events.py`, whose `EVENTS` they are in; whoever reads events imports both (`services/codec.py`).
"""

from __future__ import annotations

from orchestrator.domain.events import Event


class ReceiverAdded(Event):
    """deploy.json names a receiver that was not known: it is told what happens after this event."""

    project: str
    receiver: str
    kind: str


class NotificationsQueued(Event):
    """The receiver is to be told of the events at *positions*; all up to *through* have been looked at."""

    project: str
    receiver: str
    through: int
    positions: list[int]


class DeliveryStarted(Event):
    """Intent: from here on the receiver *may* have got the event at *position*.

    *retry_at*: when it is tried again should nobody say how this attempt ended.
    """

    project: str
    receiver: str
    position: int
    attempt: int
    retry_at: str


class DeliverySucceeded(Event):
    """The receiver has said that it got it."""

    project: str
    receiver: str
    position: int
    attempt: int
    message: str


class DeliveryFailed(Event):
    """It did not get it, or did not say so. *retry_at* is None when it is not tried again."""

    project: str
    receiver: str
    position: int
    attempt: int
    message: str
    retry_at: str | None
