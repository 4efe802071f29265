"""The history of deploy.json: `records`, as they stand there, newest first.

A deployment's own record says success (deployed, verified) or failed (failed, rollback_failed, aborted after an effect); a
rollback adds one more, `rolled_back`, and leaves the first as it is. What still runs, dry runs, and what was aborted before any
effect have none. Ours stand in the order of their events, whatever the clock said; those of other tools (`HistoryImported`) take
their place among them by time, with the keys they came with. Not here: writing the file.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from eventstore.events import RecordedEvent
from eventstore.projection import Row, Rows, Table
from orchestrator.domain.ids import id_of
from orchestrator.projections import configuration
from orchestrator.projections.deployments_table import DEPLOYMENTS
from orchestrator.projections.fields import empty, fields, milliseconds

if TYPE_CHECKING:
    from eventstore.store import EventReader

Data = dict[str, Any]

LONGEST_ERROR = 2000
"""Characters of a record's error: the file is for people. `show` has all of it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEFORE_ALL = -(2**62)
_LAST, _OWN = "", "own"

# moment: microseconds since 1970 that put the record in its place; position: of the event, for records of the same moment.
RECORDS = Table(
    "deploy_history",
    {
        "key": "text",
        "project": "text",
        "moment": "integer",
        "position": "integer",
        "record": "text",
        "settled": "integer",
        "succeeded": "integer",
    },
    key=("key",),
    indexes=(("project", "moment", "position"),),
)
# When the rollback of a deployment that is under way began, and who began it.
ROLLBACKS = Table("history_rollbacks", {"deployment_id": "text", "started_at": "text", "by": "text"}, key=("deployment_id",))
# How often a foreign record was taken in; the row with the identity "" holds the moment of the last one, "own" that of ours.
IMPORTS = Table(
    "history_imports",
    {"project": "text", "identity": "text", "count": "integer", "moment": "integer"},
    key=("project", "identity"),
)


def records(reader: EventReader, project: str, limit: int = 50) -> list[Data]:
    """The newest records as *project*'s deploy.json has them. A key without a value is left out; ours carry the store's ID."""
    statement = "SELECT key, record FROM deploy_history WHERE project = ? ORDER BY moment DESC, position DESC LIMIT ?"
    rows = reader.query(statement, (project, limit))
    ours = {"store_id": reader.store_id}
    return [orjson.loads(record) | ({} if key.startswith("import/") else ours) for key, record in rows]


def imported_counts(reader: EventReader, project: str) -> dict[str, int]:
    """Identity of each foreign record to how often it was taken in."""
    statement = "SELECT identity, count FROM history_imports WHERE project = ? AND identity NOT IN ('', 'own')"
    return dict(reader.query(statement, (project,)))


class HistoryProjection:
    """Keeps the records. Foreign ones must be appended oldest first, as `domain.outside_history` gives them."""

    name = "deploy_history"
    version = 4
    tables = (RECORDS, ROLLBACKS, IMPORTS, configuration.SEEN, configuration.CHANGES)

    @property
    def types(self) -> frozenset[str]:
        return frozenset(_FOLDS)

    def apply(self, event: RecordedEvent, rows: Rows) -> None:
        _FOLDS[event.type](event, fields(event), rows)


def _deployed(event: RecordedEvent, data: Data, rows: Rows) -> None:
    _put_own(event, rows, status="success", settled=False)


def _verified(event: RecordedEvent, data: Data, rows: Rows) -> None:
    own = rows.get(RECORDS, id_of(event.stream))
    if own is None or not own["settled"]:  # a later verification is no new deployment
        _put_own(event, rows, status="success")


def _failed(event: RecordedEvent, data: Data, rows: Rows) -> None:
    _put_own(event, rows, status="failed", error=data["message"])


def _aborted(event: RecordedEvent, data: Data, rows: Rows) -> None:
    if data["effect"] and rows.get(RECORDS, id_of(event.stream)) is None:
        reason = f": {data['reason']}" if data["reason"] else ""
        _put_own(event, rows, status="failed", error=f"aborted by {data['by']}{reason}")


def _rollback_started(event: RecordedEvent, data: Data, rows: Rows) -> None:
    rows.put(ROLLBACKS, {"deployment_id": id_of(event.stream), "started_at": event.time, "by": data["by"]})


def _rollback_failed(event: RecordedEvent, data: Data, rows: Rows) -> None:
    """A success that could not be left is none any more: nobody knows what is live."""
    own = rows.get(RECORDS, id_of(event.stream))
    message = f"rollback failed at {data['step']}: {data['message']}"
    if own is None:
        _put_own(event, rows, status="failed", error=message)
    elif own["succeeded"]:
        _amend(own, rows, status="failed", error=_shortened(message))


def _rolled_back(event: RecordedEvent, data: Data, rows: Rows) -> None:
    own = rows.get(RECORDS, id_of(event.stream))
    if own is not None and own["succeeded"]:
        _amend(own, rows, status="success", error=None)
    deployment, rollback = rows.get(DEPLOYMENTS, id_of(event.stream)), rows.get(ROLLBACKS, id_of(event.stream))
    if deployment is None or rollback is None:
        return
    record = _record(
        deployment,
        time=event.time,
        status="rolled_back",
        duration_ms=milliseconds(rollback["started_at"], event.time),
        rollback_to=data["release"]["version"],
        actor=rollback["by"],
    )
    _put(rows, f"{deployment['id']}/{event.position}", event, deployment["project"], record)


def _imported(event: RecordedEvent, data: Data, rows: Rows) -> None:
    record = orjson.loads(data["record"])
    project, moment = data["project"], moment_of(record.get("timestamp"))
    if moment is None:  # it keeps its place: right after the one that is next older in the file
        last = rows.get(IMPORTS, project, _LAST)
        moment = last["moment"] if last is not None else _BEFORE_ALL
    rows.put(IMPORTS, {"project": project, "identity": _LAST, "count": 0, "moment": moment})
    known = rows.get(IMPORTS, project, data["identity"])
    rows.put(IMPORTS, {"project": project, "identity": data["identity"], "count": known["count"] + 1 if known else 1})
    _put(rows, f"import/{event.position}", event, project, record, moment=moment)


def moment_of(timestamp: Any) -> int | None:
    """Microseconds since 1970, or None for what is no ISO 8601 time. A time without an offset counts as UTC."""
    try:
        time = datetime.fromisoformat(timestamp)
    except (TypeError, ValueError):
        return None
    return (time.replace(tzinfo=time.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)


def _put_own(event: RecordedEvent, rows: Rows, *, status: str, error: str | None = None, settled: bool = True) -> None:
    deployment = rows.get(DEPLOYMENTS, id_of(event.stream))
    if deployment is None:
        return
    began = deployment["started_at"]
    duration_ms = milliseconds(began, event.time) if began else None
    record = _record(deployment, time=event.time, status=status, duration_ms=duration_ms, error=_shortened(error))
    _put(rows, deployment["id"], event, deployment["project"], record, settled=settled, succeeded=status == "success")


def _record(
    deployment: Row,
    *,
    time: str,
    status: str,
    duration_ms: int | None,
    error: str | None = None,
    rollback_to: str | None = None,
    actor: str | None = None,
) -> Data:
    record = {
        "timestamp": time,
        "target": deployment["target"],
        "version": deployment["version"],
        "status": status,
        "commit_sha": deployment["commit_sha"],
        "duration_ms": duration_ms,
        "error": error,
        "rollback_to": rollback_to,
        "deployment_id": deployment["id"],
        "environment": deployment["environment"],
        "mode": deployment["mode"],
        "actor": actor or deployment["actor"],
        "freeze_override": deployment["freeze_override"] if rollback_to is None else None,
    }
    return {key: value for key, value in record.items() if value is not None and value != ""}


def _put(
    rows: Rows, key: str, event: RecordedEvent, project: str, record: Data, *, moment: int | None = None, **columns: Any
) -> None:
    row = {
        **empty(RECORDS),
        "key": key,
        "project": project,
        "position": event.position,
        "record": orjson.dumps(record).decode(),
        **columns,
    }
    rows.put(RECORDS, {**row, "moment": moment if moment is not None else _own_moment(event, project, rows)})


def _own_moment(event: RecordedEvent, project: str, rows: Rows) -> int:
    """The event's time; never before that of an earlier event: a clock may have been set back."""
    latest, moment = rows.get(IMPORTS, project, _OWN), moment_of(event.time) or 0
    moment = max(moment, latest["moment"]) if latest is not None else moment
    rows.put(IMPORTS, {"project": project, "identity": _OWN, "count": 0, "moment": moment})
    return moment


def _amend(own: Row, rows: Rows, *, status: str, error: str | None) -> None:
    """Change a record where it stands, its keys in their order."""
    record = orjson.loads(own["record"]) | {"status": status, "error": error}
    order = dict.fromkeys(("timestamp", "target", "version", "status", "commit_sha", "duration_ms", "error"))
    record = {key: value for key, value in {**order, **record}.items() if value is not None}
    rows.put(RECORDS, {**own, "record": orjson.dumps(record).decode()})


def _shortened(message: str | None) -> str | None:
    if message is None or len(message) <= LONGEST_ERROR:
        return message
    half = LONGEST_ERROR // 2
    return f"{message[:half]} [...] {message[-half:]}"


_FOLDS: dict[str, Callable[[RecordedEvent, Data, Rows], None]] = {
    "DeploymentDeployed": _deployed,
    "DeploymentVerified": _verified,
    "DeploymentFailed": _failed,
    "DeploymentAborted": _aborted,
    "RollbackStarted": _rollback_started,
    "RollbackFailed": _rollback_failed,
    "RolledBack": _rolled_back,
    "HistoryImported": _imported,
    "ConfigurationChanged": configuration.changed,
}
