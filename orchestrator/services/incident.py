"""Reading what an incident report is made of: `incident_of` a deployment, `deployment_in_question` of a slot. Writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.errors import NothingToRollBack
from orchestrator.domain.ids import stream_of
from orchestrator.domain.plan import Slot
from orchestrator.projections import deployments, releases
from orchestrator.projections.deployments_table import FAILED, ROLLED_BACK
from orchestrator.projections.details import History
from orchestrator.projections.incident import Incident, incident, telling_logs
from orchestrator.projections.step_logs import step_logs
from orchestrator.services.codec import CODEC
from orchestrator.services.step_tails import tails

if TYPE_CHECKING:
    from eventstore import EventReader


def incident_of(reader: EventReader, deployment_id: str) -> Incident:
    """The incident of this deployment, whole ID.

    Raises:
        UsageProblem: Nothing has gone wrong in it.
    """
    history: History = [(CODEC.decode(recorded), recorded.time) for recorded in reader.read_stream(stream_of(deployment_id))]
    return incident(history, tails(reader, deployment_id, telling_logs(step_logs(history))))


def deployment_in_question(reader: EventReader, slot: Slot) -> str:
    """ID of the newest deployment of *slot* that failed or was rolled back.

    Raises:
        NothingToRollBack: None has.
    """
    found = next(iter(releases.live_slots(reader, slot)), None)
    if found is not None and found.in_doubt is not None:
        return found.in_doubt
    rows = [
        row
        for status in (FAILED, ROLLED_BACK)
        for row in deployments.newest(
            reader, limit=1, project=slot.project, environment=slot.environment, target=slot.target, status=status
        )
    ]
    if not rows:
        raise NothingToRollBack(f"{slot}: no deployment has failed or was rolled back there, so there is no incident to report")
    return max(rows, key=lambda row: row.position).id
