"""Percentiles of durations from counts in buckets on a logarithmic scale, at most 2 % off.

With the error a = 0.02 and g = (1 + a) / (1 - a), a duration of x >= 1 ms counts in bucket i = ceil(log x / log g), which holds
g**(i-1) < x <= g**i. Every duration of bucket i is taken for 2 * g**i / (g + 1): x * (1 + a) at the bucket's lower end and
x * (1 - a) at its upper one. A duration of 0 has a bucket of its own. A percentile p is the duration at rank
ceil(p / 100 * n) of n (nearest rank), rounded to 0.1 ms. A week is in bucket 506: nothing needs more rows than that. (The sketch
is DDSketch's.)
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log

ERROR = 0.02
ZERO = -1

_BASE = (1 + ERROR) / (1 - ERROR)
_LOG_BASE = log(_BASE)


def bucket_of(duration_ms: int) -> int:
    """The bucket of a duration, `ZERO` or from 0."""
    return ceil(log(duration_ms) / _LOG_BASE) if duration_ms > 0 else ZERO


def duration_of(bucket: int) -> float:
    """The duration, in milliseconds, that all of *bucket* are taken for."""
    return 2 * _BASE**bucket / (_BASE + 1) if bucket != ZERO else 0.0


def percentile(counts: Mapping[int, int], percent: float) -> float | None:
    """The duration at *percent*, in milliseconds to a tenth; None when nothing was counted."""
    rank = ceil(percent / 100 * sum(counts.values()))
    if rank == 0:
        return None
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0:
            return round(duration_of(bucket), 1)
    return None
