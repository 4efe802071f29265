"""How often deployments succeed and how long they and their steps take: `read`.

Kept as counters and as counts of durations in buckets on a logarithmic scale (`buckets`), so that reading costs the same however
many events there are. The fold is `metrics_fold`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.projections.buckets import percentile
from orchestrator.projections.metrics_tables import COUNTERS, COUNTS, DEPLOYMENT, DURATIONS, FAILURES, OUTCOMES, ROLLBACK

if TYPE_CHECKING:
    from eventstore.projection import Table
    from eventstore.store import EventReader

Subject = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Durations:
    """Milliseconds, at most 2 % off (see `buckets`). *count* durations were seen; None where there was none."""

    count: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """Durations are those of successes. *phase* is deploy, on_failure or rollback; *failed* counts failures."""

    phase: str
    step: str
    failed: int
    duration: Durations


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotMetrics:
    """Of one slot, or of several together (then *project*, *environment* and *target* are None).

    Attributes:
        attempts: Live deployments that began to run; each is in one of the five outcomes once it has ended.
        simulated: Dry runs that ended; they are no attempts.
        success_rate: Successes among ended attempts, 0 to 1; None while none has ended.
        duration: Of deployments that were verified, from their first step to their verification.
        rollback: Of rollbacks that were verified.
        steps: The slowest (by p95) first.
    """

    project: str | None
    environment: str | None
    target: str | None
    attempts: int
    success: int
    failed: int
    rolled_back: int
    rollback_failed: int
    aborted: int
    simulated: int
    success_rate: float | None
    duration: Durations
    rollback: Durations
    steps: tuple[StepMetrics, ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    """*total* is that of all *slots* together."""

    total: SlotMetrics
    slots: tuple[SlotMetrics, ...]


def read(
    reader: EventReader, *, project: str | None = None, target: str | None = None, environment: str | None = None
) -> Metrics:
    """The metrics of the slots that the filters let pass."""
    wanted = {"project": project, "environment": environment, "target": target}
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for row in _select(reader, COUNTS, wanted):
        counts[row[:3]] = Counter(dict(zip(COUNTERS, row[3:], strict=True)))
    samples: dict[Subject, Counter[int]] = {}
    for *slot, subject, bucket, count in _select(reader, DURATIONS, wanted):
        samples.setdefault((*slot, subject), Counter())[bucket] = count
    slots = tuple(_slot(*slot, counts[slot], _of(samples, slot)) for slot in sorted(counts))
    total = sum(counts.values(), Counter())
    return Metrics(_slot(None, None, None, total, _together(samples)), slots)


def _select(reader: EventReader, table: Table, wanted: dict[str, str | None]) -> Iterator[tuple]:  # type: ignore[type-arg]
    given = {name: value for name, value in wanted.items() if value is not None}
    where = " AND ".join(["1 = 1", *(f"{name} = ?" for name in given)])
    columns = ", ".join(table.columns)
    return iter(reader.query(f"SELECT {columns} FROM {table.name} WHERE {where}", tuple(given.values())))  # noqa: S608 - constants


def _of(samples: dict[Subject, Counter[int]], slot: tuple[str, str, str]) -> dict[str, Counter[int]]:
    return {subject: counter for (*of, subject), counter in samples.items() if tuple(of) == slot}


def _together(samples: dict[Subject, Counter[int]]) -> dict[str, Counter[int]]:
    merged: dict[str, Counter[int]] = {}
    for (*_, subject), counter in samples.items():
        merged.setdefault(subject, Counter()).update(counter)
    return merged


def _slot(
    project: str | None, environment: str | None, target: str | None, counts: Counter[str], samples: dict[str, Counter[int]]
) -> SlotMetrics:
    ended = sum(counts[outcome] for outcome in OUTCOMES)
    return SlotMetrics(
        project=project,
        environment=environment,
        target=target,
        **{name: counts[name] for name in COUNTERS},
        success_rate=counts["success"] / ended if ended else None,
        duration=_durations(samples.get(DEPLOYMENT, Counter())),
        rollback=_durations(samples.get(ROLLBACK, Counter())),
        steps=tuple(sorted(_steps(samples), key=lambda step: (-(step.duration.p95_ms or 0), step.phase, step.step))),
    )


def _steps(samples: dict[str, Counter[int]]) -> Iterable[StepMetrics]:
    for subject, counter in samples.items():
        phase, slash, step = subject.partition("/")
        if slash:
            yield StepMetrics(phase, step, counter[FAILURES], _durations(counter))


def _durations(counter: Counter[int]) -> Durations:
    buckets = {bucket: count for bucket, count in counter.items() if bucket != FAILURES}
    return Durations(sum(buckets.values()), percentile(buckets, 50), percentile(buckets, 95))


NOTHING = Metrics(_slot(None, None, None, Counter(), {}), ())
"""The metrics of a project in which nothing was ever recorded."""
