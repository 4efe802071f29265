"""The tables of deployments: one row each, columns and what they mean. Kept by `deployments_fold`, asked by `deployments`."""

from __future__ import annotations

from typing import NamedTuple

from eventstore.projection import Table

NAME, VERSION = "deployments", 2

WAITING = "waiting"
RUNNING = "running"
SUCCESS = "success"
FAILED = "failed"
ROLLED_BACK = "rolled_back"
ABORTED = "aborted"
SIMULATED = "simulated"
STATUSES = (WAITING, RUNNING, SUCCESS, FAILED, ROLLED_BACK, ABORTED, SIMULATED)
"""What became of a deployment, coarser than its state:

waiting: requested, prepared, confirmed; running: executing, paused, rolling_back, whether a process is at work on it or not;
success: deployed, verified; failed: failed, rollback_failed, aborted after an effect; aborted: before any effect; simulated:
every dry run, whatever its state.
"""
STARTED = (RUNNING, SUCCESS, FAILED, ROLLED_BACK)
"""Live deployments that began to run."""
LISTED = (WAITING, *STARTED)
"""All but dry runs and what was given up before it did anything."""

_COLUMNS = {
    "id": "text",
    "position": "integer",
    "project": "text",
    "environment": "text",
    "target": "text",
    "mode": "text",
    "dry_run": "integer",
    "simulate": "integer",
    "version": "text",
    "state": "text",
    "status": "text",
    "requested_at": "text",
    "started_at": "text",
    "finished_at": "text",
    "updated_at": "text",
    "duration_ms": "integer",
    "commit_sha": "text",
    "dirty": "integer",
    "actor": "text",
    "reason": "text",
    "caused_by": "text",
    "kind": "text",
    "plan_digest": "text",
    "simulated_ok": "integer",
    "decision_id": "text",
    "question": "text",
    "error_step": "text",
    "error": "text",
    "rollback_to": "text",
    "rollback_started_at": "text",
    "rollback_by": "text",
    "freeze_override": "text",
}

DEPLOYMENTS = Table(
    NAME,
    _COLUMNS,
    key=("id",),
    indexes=(("status", "position"), ("project", "environment", "target", "status", "position"), ("plan_digest", "position")),
)
# What steps change stands apart: they come often, and a write to the table above writes all of its indexes.
# steps: JSON, phase to step to [title, effect, live]: the events name the step only.
PROGRESS = Table(
    "deployments_progress",
    {
        "id": "text",
        "updated_at": "text",
        "effect": "integer",
        "touched_live": "integer",
        "step": "text",
        "step_title": "text",
        "step_number": "integer",
        "step_total": "integer",
        "step_started_at": "text",
        "interrupted_by": "text",
        "steps": "text",
    },
    key=("id",),
)


class DeploymentRow(NamedTuple):
    """One deployment as lists show it. Times are the store's: UTC, ISO 8601 with microseconds and offset.

    Attributes:
        position: Global position of its first event: orders deployments by age.
        target: None while the question which one is open.
        status: One of `STATUSES`.
        started_at: When the first step could start; None for a dry run.
        finished_at: When it was verified, failed, simulated or aborted; a later rollback leaves it.
        duration_ms: From `started_at` (a dry run: from the request) to `finished_at`.
        effect: A step that changes something may have started; *touched_live*: one that changes what is live.
        simulated_ok: No check of the dry run failed; None until it has ended.
        step: The step that is under way, with title, number, total (the verification counted) and start; else None.
        decision_id: The question that stands open, with its text; else None.
        interrupted_by: The signal that stopped it, until somebody goes on; a process that was killed leaves none.
        error_step: Where it failed: a step, ``health_check``; with *error*, the message.
        freeze_override: Why it ran although the environment was frozen; else None.
        rollback_to: Version that its latest rollback goes, or went, back to.
    """

    id: str
    position: int
    project: str
    environment: str
    target: str | None
    mode: str | None
    dry_run: bool
    simulate: bool
    version: str
    state: str
    status: str
    requested_at: str
    started_at: str | None
    finished_at: str | None
    updated_at: str
    duration_ms: int | None
    commit_sha: str | None
    dirty: bool
    actor: str
    reason: str
    caused_by: str | None
    kind: str | None
    plan_digest: str | None
    effect: bool
    touched_live: bool
    simulated_ok: bool | None
    step: str | None
    step_title: str | None
    step_number: int | None
    step_total: int | None
    step_started_at: str | None
    decision_id: str | None
    question: str | None
    interrupted_by: str | None
    error_step: str | None
    error: str | None
    rollback_to: str | None
    rollback_started_at: str | None
    rollback_by: str | None
    freeze_override: str | None
