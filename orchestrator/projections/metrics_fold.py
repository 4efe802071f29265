"""Folds events into the tables of `metrics`: attempts, what became of them, and durations. Start at `MetricsProjection.apply`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eventstore.events import RecordedEvent
from eventstore.projection import Row, Rows
from orchestrator.domain.ids import id_of
from orchestrator.projections import metrics_tables as m
from orchestrator.projections.buckets import bucket_of
from orchestrator.projections.deployments_table import DEPLOYMENTS
from orchestrator.projections.fields import empty, fields, milliseconds

Data = dict[str, Any]


class MetricsProjection:
    """Keeps the tables of `metrics`."""

    name = m.NAME
    version = m.VERSION
    tables = (m.COUNTS, m.DURATIONS, m.ATTEMPTS)

    @property
    def types(self) -> frozenset[str]:
        return frozenset({"ExecutionStarted", "DeploymentSimulated", *_FOLDS})

    def apply(self, event: RecordedEvent, rows: Rows) -> None:
        deployment_id = id_of(event.stream)
        if event.type in _FOLDS:
            attempt = rows.get(m.ATTEMPTS, deployment_id)
            if attempt is not None:  # None: it never began to run
                _FOLDS[event.type](event, fields(event), attempt, rows)
            return
        deployment = rows.get(DEPLOYMENTS, deployment_id)
        if deployment is None:
            return
        slot = _slot_of(deployment)
        if event.type == "ExecutionStarted":
            rows.put(m.ATTEMPTS, {**empty(m.ATTEMPTS), **slot, "id": deployment_id, "started_at": event.time})
            _count(rows, slot, attempts=1)
        else:
            _count(rows, slot, simulated=1)


def _step_succeeded(event: RecordedEvent, data: Data, attempt: Row, rows: Rows) -> None:
    if not data["found"]:  # how long a step took whose process died is not known
        _sample(rows, attempt, f"{data['phase']}/{data['step']}", bucket_of(data["duration_ms"]))


def _step_failed(event: RecordedEvent, data: Data, attempt: Row, rows: Rows) -> None:
    _sample(rows, attempt, f"{data['phase']}/{data['step']}", m.FAILURES)


def _deployed(event: RecordedEvent, data: Data, attempt: Row, rows: Rows) -> None:
    _ended(rows, attempt, "success")


def _verified(event: RecordedEvent, data: Data, attempt: Row, rows: Rows) -> None:
    if not attempt["verified"]:
        _sample(rows, attempt, m.DEPLOYMENT, bucket_of(milliseconds(attempt["started_at"], event.time)))
        rows.put(m.ATTEMPTS, {**attempt, "verified": True})


def _failed(event: RecordedEvent, data: Data, attempt: Row, rows: Rows) -> None:
    _ended(rows, attempt, "failed")


def _aborted(event: RecordedEvent, data: Data, attempt: Row, rows: Rows) -> None:
    if attempt["outcome"] is None:  # closing a failed one does not make it less failed
        _ended(rows, attempt, "aborted")


def _rollback_started(event: RecordedEvent, data: Data, attempt: Row, rows: Rows) -> None:
    rows.put(m.ATTEMPTS, {**attempt, "rollback_started_at": event.time})


def _rolled_back(event: RecordedEvent, data: Data, attempt: Row, rows: Rows) -> None:
    _sample(rows, attempt, m.ROLLBACK, bucket_of(milliseconds(attempt["rollback_started_at"], event.time)))
    _ended(rows, attempt, "rolled_back")


def _rollback_failed(event: RecordedEvent, data: Data, attempt: Row, rows: Rows) -> None:
    _ended(rows, attempt, "rollback_failed")


def _ended(rows: Rows, attempt: Row, outcome: str) -> None:
    changes = {attempt["outcome"]: -1, outcome: 1} if attempt["outcome"] else {outcome: 1}
    if attempt["outcome"] != outcome:
        _count(rows, _slot_of(attempt), **changes)
        rows.put(m.ATTEMPTS, {**attempt, "outcome": outcome})


def _count(rows: Rows, slot: Data, **changes: int) -> None:
    rows.add(m.COUNTS, *slot.values(), **changes)


def _sample(rows: Rows, attempt: Row, subject: str, bucket: int) -> None:
    rows.add(m.DURATIONS, *_slot_of(attempt).values(), subject, bucket, count=1)


def _slot_of(row: Row) -> Data:
    return {name: row[name] for name in ("project", "environment", "target")}


_FOLDS: dict[str, Callable[[RecordedEvent, Data, Row, Rows], None]] = {
    "StepSucceeded": _step_succeeded,
    "StepFailed": _step_failed,
    "DeploymentDeployed": _deployed,
    "DeploymentVerified": _verified,
    "DeploymentFailed": _failed,
    "DeploymentAborted": _aborted,
    "RollbackStarted": _rollback_started,
    "RolledBack": _rolled_back,
    "RollbackFailed": _rollback_failed,
}
