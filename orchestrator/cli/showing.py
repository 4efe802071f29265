"""What `pop-deploy show` shows: a deployment's own events, and what only other streams tell (who is at work, what came later)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator import bootstrap
from orchestrator.cli.reading import history_of
from orchestrator.domain.plan import Slot
from orchestrator.projections import deployments, slots
from orchestrator.projections.deployments_table import DeploymentRow
from orchestrator.projections.details import Details, details

if TYPE_CHECKING:
    from eventstore.store import EventReader


def details_of(reader: EventReader, text: str, options: Sequence[str]) -> Details:
    """Everything about the deployment that *text* means.

    Raises:
        UsageProblem: None, or more than one, is meant.
    """
    deployment_id, history = history_of(reader, text)
    (row,) = deployments.get(reader, deployment_id)
    return details(
        [(event, recorded.time) for event, recorded in history],
        running=_running(reader, row),
        latest=_latest(reader, row),
        options=options,
    )


def _running(reader: EventReader, row: DeploymentRow) -> bool | None:
    """Whether a process is at work on it; None when that cannot be told from here."""
    claims = [holder for holder in slots.holders(reader) if holder.deployment_id == row.id]
    if not claims:
        return False
    return bootstrap.at_work(claims[0].host, claims[0].boot_id, claims[0].pid, claims[0].start_ticks)


def _latest(reader: EventReader, row: DeploymentRow) -> bool:
    """Whether no later deployment of the slot began: only then do its events say what is live now."""
    found = deployments.latest(reader, Slot(row.project, row.environment, row.target or ""))
    return found is None or found.position <= row.position
