"""What happens to a canary, in the stream of its deployment; see `events.py`."""

from __future__ import annotations

from orchestrator.domain.events import Event, Json


class CanarySampled(Event):
    """Measurements of a canary, in the order they were taken.

    Attributes:
        samples: ``{check, time, verdict, value, threshold, message, stable}``; what has no value is left out.
    """

    step: str
    attempt: int
    samples: list[Json]


class CanarySuperseded(Event):
    """Before this deployment began it had the canary of *deployment_id*, which was up in its slot, removed."""

    deployment_id: str
    by: str
    reason: str = ""
