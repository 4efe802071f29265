"""What `pop-deploy show` shows: a deployment's own events, and what only other streams tell (who is at work, what came later)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from orchestrator import bootstrap
from orchestrator.cli import urls
from orchestrator.cli.reading import history_of
from orchestrator.domain.events import DecisionMade, DecisionNotTaken, DeploymentApproved, Event, ExecutionStarted
from orchestrator.domain.ids import decisions_of, stream_of
from orchestrator.domain.lifecycle import UNDER_WAY
from orchestrator.domain.plan import Slot
from orchestrator.projections import deployments, slots
from orchestrator.projections.deployments_table import DeploymentRow
from orchestrator.projections.details import ClaimDetail, Details, claim_details, details
from orchestrator.services.codec import CODEC
from orchestrator.services.slot_holder import actor_of

if TYPE_CHECKING:
    from eventstore.store import EventReader


def details_of(reader: EventReader, text: str, options: Sequence[str], directory: str = ".") -> Details:
    """Everything about the deployment that *text* means.

    Raises:
        UsageProblem: None, or more than one, is meant.
    """
    deployment_id, history = history_of(reader, text, directory)
    (row,) = deployments.get(reader, deployment_id)
    return details(
        [(event, recorded.time) for event, recorded in history],
        running=_running(reader, row),
        latest=_latest(reader, row),
        claims=_claims(reader, row, [event for event, _ in history]),
        unread=_unread(reader, deployment_id, [event for event, _ in history]),
        deploy_url=urls.configured(directory, row.target, row.environment, row.version),
        options=options,
    )


def _running(reader: EventReader, row: DeploymentRow) -> bool | None:
    """Whether a process is at work on it; None when that cannot be told from here."""
    claims = [holder for holder in slots.holders(reader) if holder.deployment_id == row.id]
    if not claims:
        return False
    holder = claims[0]
    return bootstrap.at_work(holder.host, holder.boot_id, holder.pid, holder.start_ticks, holder.pid_namespace)


def _claims(reader: EventReader, row: DeploymentRow, history: Sequence[Event]) -> tuple[ClaimDetail, ...]:
    """How its claim changed hands. Looked for between its first claim and its end: a slot's stream may be long."""
    epoch = next((event.epoch for event in history if isinstance(event, ExecutionStarted)), None)
    if epoch is None or row.target is None:
        return ()
    stream, end = Slot(row.project, row.environment, row.target).stream, _last_change(reader, row)
    seen = takewhile(lambda recorded: end is None or recorded.position < end, reader.read_stream(stream, epoch - 1))
    return claim_details(row.id, ((CODEC.decode(recorded), recorded.time, actor_of(recorded)) for recorded in seen))


def _unread(reader: EventReader, deployment_id: str, history: Sequence[Event]) -> list[tuple[Event, str]]:
    """Answers that the process at work has not taken over yet, and those that none will: it was killed too early."""
    dealt_with = [event.given for event in history if isinstance(event, DecisionMade | DecisionNotTaken | DeploymentApproved)]
    last = max((version for version in dealt_with if version is not None), default=-1)
    return [(CODEC.decode(recorded), recorded.time) for recorded in reader.read_stream(decisions_of(deployment_id), last)]


def _last_change(reader: EventReader, row: DeploymentRow) -> int | None:
    """Position of the deployment's own newest event; None while it is under way: its claim may be released any time."""
    if row.state in UNDER_WAY:
        return None
    *_, last = reader.read_stream(stream_of(row.id))
    return last.position


def _latest(reader: EventReader, row: DeploymentRow) -> bool:
    """Whether no later deployment of the slot began: only then do its events say what is live now."""
    found = deployments.latest(reader, Slot(row.project, row.environment, row.target or ""))
    return found is None or found.position <= row.position
