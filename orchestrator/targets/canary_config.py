"""How a canary goes forward and what judges it: the ``canary`` of a target's configuration, the same for every kind that has one.

The judge is in `canary.py`, its steps in `canary_plans.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal
from urllib.parse import urlsplit

_COUNT = {"minimum": 0, "maximum": 10_000}
_SOME = {"minimum": 1, "maximum": 10_000}
_PERCENT = {"minimum": 1, "maximum": 99}
_DAY_S = 86_400
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

READINESS = "readiness"
"""Name of the check that is always asked: whether the canary's tasks or pods are ready, and how often they began again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A canary step: *weight* percent of the replicas, or of the requests where an ingress can split them."""

    weight: float = field(metadata=_PERCENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A canary step: watch for *pause_s* seconds, or until somebody decides when it is None."""

    pause_s: float | None = field(metadata={"minimum": 0, "maximum": _DAY_S})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """A question to a Prometheus server: an instant query with one value as its answer.

    Attributes:
        query: ``{{canary}}`` and ``{{stable}}`` are filled in with the names of the two sides, as a pattern; ``{{window}}`` with
            the time since the canary's first weight (``45s``).
    """

    url: str
    query: str

    def __post_init__(self) -> None:
        if not _can_be_asked(self.url):
            raise ValueError("url: expected an http or https URL without a user or password in it: it is recorded")
        if not self.query.strip():
            raise ValueError("query: expected one, got an empty text")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSample:
    """Requests to the canary's own endpoints, past what spreads requests over both sides. The value is the slowest one's time
    in milliseconds; another status than expected is a failed sample.

    Attributes:
        path: Of the request, like ``/health``.
        port: Of the container, where it serves several.
    """

    path: str = "/"
    port: int | None = field(default=None, metadata={"minimum": 1, "maximum": 65_535})
    expect_status: int = field(default=200, metadata={"minimum": 100, "maximum": 599})
    timeout_s: float = field(default=5.0, metadata={"minimum": 0.1, "maximum": 60})

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or any(not " " < char < "\x7f" for char in self.path):
            raise ValueError(f"path: expected a path that begins with /, like /health, got {self.path!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryCheck:
    """One measurement that judges a canary; one of *http*, *command* and *prometheus* is set.

    Attributes:
        command: Prints one number; ``{{canary}}`` and ``{{stable}}`` are filled in as for a query.
        min: Lowest value that passes.
        max: Highest value that passes.
        max_ratio_to_stable: Highest value that passes as a multiple of the stable side's, measured at the same time.
        interval_s: From one sample to the next.
        failure_limit: So many failed samples are let pass; one more ends the canary.
        consecutive_error_limit: So many samples in a row that could not be taken are let pass.
        min_samples: Fewer that passed or failed prove nothing: the canary waits for them, and for one that passed.
        no_data: What a sample without a value, and one error more than let pass, leads to: a failed canary, or a pause for a
            person.
    """

    name: str
    prometheus: Prometheus | None = None
    http: HttpSample | None = None
    command: tuple[str, ...] | None = None
    min: float | None = None
    max: float | None = None
    max_ratio_to_stable: float | None = field(default=None, metadata={"minimum": 0, "maximum": 1_000_000})
    interval_s: float = field(default=1.0, metadata={"minimum": 0.1, "maximum": 3600})
    failure_limit: int = field(default=0, metadata=_COUNT)
    consecutive_error_limit: int = field(default=4, metadata=_COUNT)
    min_samples: int = field(default=1, metadata=_SOME)
    no_data: Literal["fail", "pause"] = "fail"

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None or self.name == READINESS:
            raise ValueError(
                f"name: expected lower-case letters, digits, dashes and underscores, not {READINESS}, got {self.name!r}"
            )
        given = [name for name in ("prometheus", "http", "command") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of prometheus, http and command, got {' and '.join(given) or 'none'}")
        limits = (self.min, self.max, self.max_ratio_to_stable)
        if self.http is None and all(limit is None for limit in limits):
            raise ValueError("expected min, max or max_ratio_to_stable, got none of them")
        if self.command is not None and not self.command:
            raise ValueError("command: expected an argument list, got an empty one")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min: nothing is at least {self.min:g} and at most {self.max:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """How a canary goes forward and what judges it.

    Attributes:
        steps: Weights and pauses, a weight first; 10 percent for a minute when there are none. After the last one the new release
            replaces the stable one.
        deadline_s: From the first weight to the promotion, pauses for a decision included.
        on_deadline: What ends a forgotten canary: the way back, or a pause without one.
    """

    steps: tuple[Weight | Pause, ...] = ()
    checks: tuple[CanaryCheck, ...] = ()
    deadline_s: float = field(default=600.0, metadata={"minimum": 1, "maximum": 7 * _DAY_S})
    on_deadline: Literal["rollback", "pause"] = "rollback"

    def __post_init__(self) -> None:
        begins = isinstance(self.road[0], Weight)
        if not begins:
            raise ValueError('steps: expected a weight first, like [{"weight": 10}, {"pause_s": 60}]')
        _require_rising([step.weight for step in self.road if isinstance(step, Weight)])
        names = [check.name for check in self.checks]
        if len(set(names)) < len(names):
            raise ValueError("checks: expected a name of its own for each")
        if self.planned_s >= self.deadline_s:
            raise ValueError(f"deadline_s: expected more than {self.planned_s:g}, which the pauses alone take")

    @property
    def road(self) -> tuple[Weight | Pause, ...]:
        """`steps`, or what stands for none."""
        return self.steps or (Weight(weight=10), Pause(pause_s=60))

    @property
    def planned_s(self) -> float:
        """All timed pauses together: the shortest time from the first weight to the promotion."""
        return sum(step.pause_s or 0.0 for step in self.road if isinstance(step, Pause))


def _require_rising(weights: Sequence[float]) -> None:
    shown = [f"{weight:g}" for weight in weights]  # as the steps are named: two of one name cannot be told apart
    if any(later <= earlier for earlier, later in pairwise(weights)) or len(set(shown)) < len(shown):
        raise ValueError(f"steps: expected rising weights, got {', '.join(shown)}")


def _can_be_asked(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return (
        bool(usable) and url.isprintable() and " " not in url and parts.username is None and not (parts.query or parts.fragment)
    )
