"""Folds events into the tables of deployments: one read and one write per event. Start at `DeploymentsProjection.apply`.

The other folds read from these rows what does not change after the plan (project, environment, target, version, commit, mode,
actor), `started_at` once it is set, and after the end what the steps touched; nothing else: a rebuild of one of them alone sees
the rows as they are today.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from eventstore.events import RecordedEvent
from eventstore.projection import Row, Rows
from orchestrator.domain.events import EVENTS
from orchestrator.domain.ids import id_of
from orchestrator.domain.lifecycle import EDGES, State
from orchestrator.projections import deployments_table as t
from orchestrator.projections.fields import empty, fields, milliseconds

Data = dict[str, Any]

_LEADS_TO = {trigger: str(state) for trigger, _, state, _ in EDGES}
_STATE_AFTER = {name: _LEADS_TO[event.trigger] for name, event in EVENTS.items() if event.trigger is not None}
_STATUS = {
    State.REQUESTED: t.WAITING,
    State.PREPARED: t.WAITING,
    State.CONFIRMED: t.WAITING,
    State.EXECUTING: t.RUNNING,
    State.PAUSED: t.RUNNING,
    State.ROLLING_BACK: t.RUNNING,
    State.DEPLOYED: t.SUCCESS,
    State.VERIFIED: t.SUCCESS,
    State.FAILED: t.FAILED,
    State.ROLLBACK_FAILED: t.FAILED,
    State.ROLLED_BACK: t.ROLLED_BACK,
}
_NO_STEP: Data = dict.fromkeys(("step", "step_title", "step_number", "step_total", "step_started_at"))
_NO_QUESTION: Data = {"decision_id": None, "question": None}
_NO_ERROR: Data = {"error_step": None, "error": None}


class DeploymentsProjection:
    """Keeps `deployments_table.DEPLOYMENTS`."""

    name = t.NAME
    version = t.VERSION
    tables = (t.DEPLOYMENTS, t.PROGRESS)

    @property
    def types(self) -> frozenset[str]:
        return frozenset({"DeploymentRequested", *_EVOLVE, *_PROGRESS})

    def apply(self, event: RecordedEvent, rows: Rows) -> None:
        data, deployment_id = fields(event), id_of(event.stream)
        if event.type == "DeploymentRequested":
            rows.put(t.DEPLOYMENTS, _requested(event, data))
        if event.type in _PROGRESS:
            # Only once is a deployment prepared, and nothing of this has happened before.
            row = rows.get(t.PROGRESS, deployment_id) if event.type != "DeploymentPrepared" else None
            _apply_progress(event, data, row, rows)
        if event.type in _EVOLVE or data.get("found"):
            row = rows.get(t.DEPLOYMENTS, deployment_id)
            if row is not None:  # a stream that does not begin with a request is no deployment's
                _apply(event, data, row, rows)


def _apply(event: RecordedEvent, data: Data, row: Row, rows: Rows) -> None:
    before = row["state"]
    row["state"] = _STATE_AFTER.get(event.type, before)
    row["updated_at"] = event.time
    _EVOLVE.get(event.type, _step_found)(row, data, event.time)
    row["status"] = _status(row, before, data)
    rows.put(t.DEPLOYMENTS, row)


def _apply_progress(event: RecordedEvent, data: Data, row: Row | None, rows: Rows) -> None:
    row = row or {**empty(t.PROGRESS), "id": id_of(event.stream), "effect": False, "touched_live": False, "steps": "{}"}
    row["updated_at"] = event.time
    _PROGRESS[event.type](row, data, event.time)
    rows.put(t.PROGRESS, row)


def _status(row: Row, before: str, data: Data) -> str:
    if row["dry_run"]:
        return t.SIMULATED
    if row["state"] != State.ABORTED:
        return _STATUS[State(row["state"])]
    return t.FAILED if data["effect"] or before == State.FAILED else t.ABORTED


def _requested(event: RecordedEvent, data: Data) -> Row:
    dry_run = data["simulate"] or data["mode"] == "dry_run"
    same = ("project", "environment", "mode", "simulate", "version", "commit_sha", "dirty", "actor", "reason", "caused_by")
    return {
        **empty(t.DEPLOYMENTS),
        **{name: data[name] for name in same},
        "id": id_of(event.stream),
        "position": event.position,
        "target": data["target"] or "",
        "dry_run": dry_run,
        "state": str(State.REQUESTED),
        "status": t.SIMULATED if dry_run else t.WAITING,
        "requested_at": event.time,
        "updated_at": event.time,
    }


def _target_selected(row: Row, data: Data, time: str) -> None:
    row["target"] = data["target"]


def _mode_selected(row: Row, data: Data, time: str) -> None:
    row["mode"] = data["mode"]
    row["dry_run"] = bool(row["simulate"]) or data["mode"] == "dry_run"


def _asked(row: Row, data: Data, time: str) -> None:
    row["decision_id"], row["question"] = data["decision_id"], data["question"]


def _answered(row: Row, data: Data, time: str) -> None:
    if row["decision_id"] == data["decision_id"]:
        row.update(_NO_QUESTION)


def _prepared(row: Row, data: Data, time: str) -> None:
    row["kind"], row["plan_digest"] = data["kind"], data["plan_digest"]


def _freeze_overridden(row: Row, data: Data, time: str) -> None:
    row["freeze_override"] = data["reason"]


def _confirmed(row: Row, data: Data, time: str) -> None:
    row.update(_NO_QUESTION)


def _execution_started(row: Row, data: Data, time: str) -> None:
    row["started_at"] = time


def _step_found(row: Row, data: Data, time: str) -> None:
    """The target was asked again and knew: whoever was asked instead need not answer any more."""
    if row["decision_id"] == "step_outcome":
        row.update(_NO_QUESTION)


def _moved(row: Row, data: Data, time: str) -> None:
    """Only the state changes."""


def _verified(row: Row, data: Data, time: str) -> None:
    row.update(_NO_ERROR)
    _finish(row, time)


def _doubted(row: Row, data: Data, time: str) -> None:
    row["error_step"], row["error"] = "health_check", data["message"]


def _simulated(row: Row, data: Data, time: str) -> None:
    row["simulated_ok"] = data["success"]
    _finish(row, time)


def _failed(row: Row, data: Data, time: str) -> None:
    row["error_step"], row["error"] = data["step"], data["message"]
    row["finished_at"] = None
    _finish(row, time)


def _aborted(row: Row, data: Data, time: str) -> None:
    row.update(_NO_QUESTION)
    _finish(row, time)


def _rollback_started(row: Row, data: Data, time: str) -> None:
    row["rollback_to"], row["rollback_started_at"], row["rollback_by"] = data["to"]["version"], time, data["by"]


def _rollback_failed(row: Row, data: Data, time: str) -> None:
    row["error_step"], row["error"] = data["step"], data["message"]


def _finish(row: Row, time: str) -> None:
    """The first end counts: verifying again or giving up later does not make a deployment longer."""
    if row["finished_at"] is None:
        row["finished_at"] = time
        began = row["requested_at"] if row["dry_run"] else row["started_at"]
        row["duration_ms"] = milliseconds(began, time) if began else None


# --- progress ---------------------------------------------------------------------


def _planned(row: Row, data: Data, time: str) -> None:
    known = {"deploy": data["plan"]["steps"], "on_failure": data["on_failure"]}
    row["steps"] = orjson.dumps({phase: _brief(steps) for phase, steps in known.items()}).decode()


def _planned_back(row: Row, data: Data, time: str) -> None:
    row.update(_NO_STEP)
    steps = {**orjson.loads(row["steps"]), "rollback": _brief(data["plan"]["steps"])}
    row["steps"] = orjson.dumps(steps).decode()


def _step_started(row: Row, data: Data, time: str) -> None:
    known = orjson.loads(row["steps"]).get(data["phase"], {})
    title, effect, live = known.get(data["step"], (data["step"], True, True))
    row["step"], row["step_title"], row["step_started_at"] = data["step"], title, time
    row["step_number"], row["step_total"] = data["number"], data["total"]
    if data["phase"] == "deploy":
        row["effect"] = bool(row["effect"] or effect)
        row["touched_live"] = bool(row["touched_live"] or (effect and live))
    row["interrupted_by"] = None


def _no_step(row: Row, data: Data, time: str) -> None:
    row.update(_NO_STEP)


def _interrupted(row: Row, data: Data, time: str) -> None:
    row["interrupted_by"] = data["signal"]


def _resumed(row: Row, data: Data, time: str) -> None:
    row["interrupted_by"] = None


def _brief(steps: list[Data]) -> Data:
    """Step name to title, effect and live."""
    return {step["name"]: [step["title"], step["effect"], step["live"]] for step in steps}


_EVOLVE: dict[str, Callable[[Row, Data, str], None]] = {
    "TargetSelected": _target_selected,
    "ModeSelected": _mode_selected,
    "DecisionRequested": _asked,
    "DecisionMade": _answered,
    "DeploymentPrepared": _prepared,
    "DeploymentSimulated": _simulated,
    "DeploymentConfirmed": _confirmed,
    "FreezeOverridden": _freeze_overridden,
    "ExecutionStarted": _execution_started,
    "DeploymentPaused": _moved,
    "DeploymentContinued": _moved,
    "DeploymentDeployed": _moved,
    "DeploymentVerified": _verified,
    "VerificationFailed": _doubted,
    "DeploymentFailed": _failed,
    "DeploymentAborted": _aborted,
    "RollbackStarted": _rollback_started,
    "RolledBack": _moved,
    "RollbackFailed": _rollback_failed,
}
_PROGRESS: dict[str, Callable[[Row, Data, str], None]] = {
    "DeploymentPrepared": _planned,
    "StepStarted": _step_started,
    "StepSucceeded": _no_step,
    "StepFailed": _no_step,
    "DeploymentInterrupted": _interrupted,
    "DeploymentResumed": _resumed,
    "DeploymentAborted": _no_step,
    "RollbackStarted": _planned_back,
}
