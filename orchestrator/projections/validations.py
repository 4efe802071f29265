"""Validations that have ended, and what they found: `current` for exactly one candidate, `newest` for a slot.

A validation that was killed midway has no end on record, and is in neither answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from eventstore.events import RecordedEvent
from eventstore.projection import Rows, Table
from orchestrator.domain.readiness import CheckResult, Outcome, Readiness, Scope, ValidationReport
from orchestrator.projections.fields import fields

if TYPE_CHECKING:
    from eventstore.store import EventReader
    from orchestrator.domain.plan import Slot

_SLOT = ("project", "environment", "target")
_NAMES = {"stream": "text", "validation_id": "text", **dict.fromkeys(_SLOT, "text"), "version": "text", "scope": "text"}
_BOUND = {"commit_sha": "text", "config_digest": "text", "source_digest": "text", "dirty": "integer"}
_FOUND = {"names": "text", "checks": "text", "readiness": "text", "actor": "text", "finished_at": "text", "position": "integer"}

VALIDATIONS = Table("validations", _NAMES | _BOUND | _FOUND, key=("stream",), indexes=((*_SLOT, "position"),))

_MOST_CARRIED = 50
"""So many earlier reports about the same candidate are looked through for failures that nobody has looked at since."""


def current(
    reader: EventReader, slot: Slot, *, commit_sha: str | None, config_digest: str, version: str, source_digest: str | None = None
) -> ValidationReport | None:
    """The newest report that ended about exactly these, or None.

    A blocking check that failed in an earlier report about the same, and that no later one has looked at, still stands in it:
    a smaller scope does not make up for what a larger one has found.

    Args:
        source_digest: With it, reports about other files are left out.
    """
    found = [
        report
        for report in _reports(reader, slot, "AND version = ? AND config_digest = ?", (version, config_digest), _MOST_CARRIED)
        if report.commit_sha == commit_sha and (source_digest is None or report.source_digest in (None, source_digest))
    ]
    return _with_standing_failures([each for each in found if each.source_digest == found[0].source_digest]) if found else None


def newest(reader: EventReader, slot: Slot) -> ValidationReport | None:
    """The newest report about anything in *slot*, or None."""
    return next(iter(_reports(reader, slot, "", (), 1)), None)


def get(reader: EventReader, stream: str) -> ValidationReport | None:
    """The report of one validation, or None where it has not ended."""
    return next(iter(_read(reader, "stream = ? AND readiness IS NOT NULL", (stream,), 1)), None)


def _with_standing_failures(reports: list[ValidationReport]) -> ValidationReport:
    looked_at = {check.name for check in reports[0].checks if check.status is not Outcome.SKIP}
    standing = []
    for report in reports[1:]:
        standing += [
            replace(check, message=f"{check.message} (in {report.validation_id}; not looked at since)")
            for check in report.blocking
            if check.name not in looked_at
        ]
        looked_at |= {check.name for check in report.checks if check.status is not Outcome.SKIP}
    kept = tuple(check for check in reports[0].checks if check.name not in {each.name for each in standing})
    return replace(reports[0], checks=kept).with_more(*standing) if standing else reports[0]


def _reports(reader: EventReader, slot: Slot, more: str, values: tuple[Any, ...], limit: int) -> list[ValidationReport]:
    where = f"project = ? AND environment = ? AND target = ? AND readiness IS NOT NULL {more}"
    return _read(reader, where, (slot.project, slot.environment, slot.target, *values), limit)


def _read(reader: EventReader, where: str, values: tuple[Any, ...], limit: int) -> list[ValidationReport]:
    columns = [name for name in VALIDATIONS.columns if name not in {"stream", "names", "actor", "position"}]
    statement = f"SELECT {', '.join(columns)} FROM validations WHERE {where} ORDER BY position DESC LIMIT {limit}"  # noqa: S608 - constants
    return [_report(dict(zip(columns, row, strict=True))) for row in reader.query(statement, values)]


def _report(row: dict[str, Any]) -> ValidationReport:
    texts = ("validation_id", *_SLOT, "version", "commit_sha", "config_digest", "source_digest")
    return ValidationReport(
        checks=tuple(CheckResult.from_json(check) for check in orjson.loads(row["checks"])),
        readiness=Readiness.from_json(orjson.loads(row["readiness"])),
        scope=Scope(row["scope"]),
        created_at=row["finished_at"],
        dirty=bool(row["dirty"]),
        **{name: row[name] for name in texts},
    )


class ValidationsProjection:
    """Keeps the table."""

    name = "validations"
    version = 1
    tables = (VALIDATIONS,)
    types = frozenset({"ValidationStarted", "ValidationCheckRecorded", "ValidationFinished"})

    def apply(self, event: RecordedEvent, rows: Rows) -> None:
        data = fields(event)
        if event.type == "ValidationStarted":
            named = {name: data[name] for name in ("validation_id", *_SLOT, "version", "scope")}
            found = {"names": _json(data["checks"]), "checks": "{}", "actor": data["by"], "position": event.position}
            rows.put(VALIDATIONS, {"stream": event.stream, **named, **found})
            return
        row = rows.get(VALIDATIONS, event.stream)
        if row is None:
            return
        if event.type == "ValidationCheckRecorded":
            found = {**orjson.loads(row["checks"]), data["name"]: _check(data)}  # the latest look counts
            rows.put(VALIDATIONS, {**row, "checks": _json(found)})
            return
        bound = {name: data[name] for name in ("commit_sha", "config_digest", "source_digest")} | {"dirty": int(data["dirty"])}
        ended = {"readiness": _json(data["readiness"]), "finished_at": event.time, "position": event.position}
        rows.put(VALIDATIONS, {**row, **bound, **ended, "checks": _json(_ordered(row))})


def _ordered(row: dict[str, Any]) -> list[Any]:
    """The checks in the order they were announced in, whichever ended first; then those that were not announced."""
    names, checks = orjson.loads(row["names"]), orjson.loads(row["checks"])
    order = {name: number for number, name in enumerate(names)}
    return [checks[name] for name in sorted(checks, key=lambda name: (order.get(name, len(order)), name))]


def _check(data: dict[str, Any]) -> dict[str, Any]:
    kept = {name: data[name] for name in ("name", "status", "message", "blocking", "duration_ms", "fixed")}
    return {**kept, "log": (data.get("output") or {}).get("attachment")}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
