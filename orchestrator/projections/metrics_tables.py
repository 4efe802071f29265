"""The tables of the read model `metrics`: `metrics_fold` keeps them, `metrics` reads them."""

from __future__ import annotations

from eventstore.projection import Table

NAME, VERSION = "metrics", 1
OUTCOMES = ("success", "failed", "rolled_back", "rollback_failed", "aborted")
"""What became of an attempt, each attempt counted in one: what was verified and rolled back later is `rolled_back`."""
COUNTERS = ("attempts", *OUTCOMES, "simulated")
DEPLOYMENT, ROLLBACK = "deployment", "rollback"
"""Subjects of durations beside the steps, which are ``PHASE/STEP``."""
FAILURES = -2
"""The "bucket" in which a step's failures are counted."""

_SLOT = dict.fromkeys(("project", "environment", "target"), "text")

COUNTS = Table("metrics_counts", _SLOT | dict.fromkeys(COUNTERS, "integer"), key=tuple(_SLOT))
DURATIONS = Table(
    "metrics_durations",
    _SLOT | {"subject": "text", "bucket": "integer", "count": "integer"},
    key=(*_SLOT, "subject", "bucket"),
)
ATTEMPTS = Table(
    "metrics_attempts",
    {"id": "text", **_SLOT, "outcome": "text", "started_at": "text", "verified": "integer", "rollback_started_at": "text"},
    key=("id",),
)
