"""Metrics as data and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.projections.buckets import ERROR
from orchestrator.projections.metrics import Durations, Metrics, SlotMetrics
from orchestrator.projections.metrics_tables import OUTCOMES
from orchestrator.rendering.text import duration, one_line

NONE_YET = "No deployments yet. Next: pop-deploy\n"


def document(metrics: Metrics) -> dict[str, Any]:
    """``{"total", "targets": [...], "percentile_error"}``: what was never seen is null, never 0."""
    return {
        "total": _slot(metrics.total),
        "targets": [_slot(slot) for slot in metrics.slots],
        "percentile_error": ERROR,
    }


def text(metrics: Metrics, *, projects: bool = False) -> str:
    """Two tables: attempts with their outcomes, then durations of deployments, rollbacks and steps.

    Args:
        projects: With a column for whose they are.
    """
    if not metrics.slots:
        return NONE_YET
    slots = [*metrics.slots, *([metrics.total] if len(metrics.slots) > 1 else [])]
    whose = _whose if projects else lambda _slot: ()
    first = ("PROJECT", "TARGET") if projects else ("TARGET",)
    outcomes = _aligned(
        [
            (*first, "ATTEMPTS", "SUCCESS RATE", *map(_words, OUTCOMES), "DRY RUNS"),
            *((*whose(slot), *_outcomes(slot)) for slot in slots),
        ]
    )
    times = _aligned(
        [
            (*first, "WHAT", "COUNT", "P50", "P95", "FAILED"),
            *((*whose(slot), *row) for slot in slots for row in _times(slot)),
        ]
    )
    return f"{outcomes}\n{times}\nPercentiles are at most {ERROR:.0%} off.\n"


def _slot(slot: SlotMetrics) -> dict[str, Any]:
    return {
        "project": slot.project,
        "environment": slot.environment,
        "target": slot.target,
        "attempts": slot.attempts,
        "outcomes": {name: getattr(slot, name) for name in OUTCOMES},
        "simulated": slot.simulated,
        "success_rate": slot.success_rate,
        "duration": _durations(slot.duration),
        "rollback": _durations(slot.rollback),
        "steps": [
            {"phase": step.phase, "step": step.step, "failed": step.failed, **_durations(step.duration)} for step in slot.steps
        ],
    }


def _durations(durations: Durations) -> dict[str, Any]:
    return {"count": durations.count, "p50_ms": durations.p50_ms, "p95_ms": durations.p95_ms}


def _outcomes(slot: SlotMetrics) -> tuple[str, ...]:
    rate = f"{slot.success_rate:.0%}" if slot.success_rate is not None else "-"
    return (_name(slot), str(slot.attempts), rate, *(str(getattr(slot, name)) for name in OUTCOMES), str(slot.simulated))


def _times(slot: SlotMetrics) -> Iterable[tuple[str, ...]]:
    rows = [("deployment", slot.duration, ""), ("rollback", slot.rollback, "")]
    rows += [
        (step.step if step.phase == "deploy" else f"{step.phase}/{step.step}", step.duration, str(step.failed or ""))
        for step in slot.steps
    ]
    for what, durations, failed in rows:
        if durations.count or failed:
            yield _name(slot), what, str(durations.count), _ms(durations.p50_ms), _ms(durations.p95_ms), failed


def _ms(milliseconds: float | None) -> str:
    return duration(milliseconds / 1000) if milliseconds is not None else "-"


def _whose(slot: SlotMetrics) -> tuple[str, ...]:
    return (one_line(slot.project or ""),)


def _name(slot: SlotMetrics) -> str:
    return f"{slot.environment}/{slot.target}" if slot.target is not None else "together"


def _words(name: str) -> str:
    return name.replace("_", " ").upper()


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"
