"""Preparing: the plan, its digest, the way back and what was live become one event. Changes nothing outside the store."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.lifecycle import Trigger
from orchestrator.services.planning import Planned, make_plan
from orchestrator.services.repository import Journal
from orchestrator.services.workspace import Workspace


def prepare(workspace: Workspace, journal: Journal) -> Planned:
    """Plan the requested deployment and record the plan. Target and mode must be known."""
    deployment = journal.deployment
    deployment.require(Trigger.PREPARE)
    journal.planned_at = workspace.store.version(deployment.slot.stream)
    with workspace.stop.breakable(1):
        planned = make_plan(workspace, deployment)
    journal.record(
        e.DeploymentPrepared(
            plan=planned.plan.to_json(),
            plan_digest=planned.plan.digest,
            on_failure=[step.to_json() for step in planned.on_failure],
            reference=planned.reference.to_json() if planned.reference else None,
            observed=planned.observed.to_json() if planned.observed else None,
            auto_rollback=planned.settings.auto_rollback,
            kind=planned.settings.kind,
            primary=planned.settings.primary,
            by=workspace.actor,
        )
    )
    return planned
