"""Assessing a rollback: from the store and the history alone. Reads only; nothing is asked of the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.domain.errors import NothingToRollBack, Refused
from orchestrator.domain.lifecycle import Trigger
from orchestrator.domain.plan import Slot
from orchestrator.projections import releases
from orchestrator.projections.assessment import Assessment, Record, assessment
from orchestrator.services.repository import fold
from orchestrator.services.rollback import can_be_named, choose_from

if TYPE_CHECKING:
    from eventstore import EventReader

NEVER = "no deployment history, nothing to roll back"


def assess(reader: EventReader | None, slot: Slot, records: Sequence[Record]) -> Assessment:
    """Where *slot* could be rolled back to.

    Args:
        reader: None while nothing was ever recorded by us.
        records: deploy.json's history, newest first.
    """
    found = next(iter(releases.live_slots(reader, slot)), None) if reader is not None else None
    leaves = (found.in_doubt or found.made_by) if found is not None else None
    if reader is None or leaves is None:
        why = (
            f"{slot}: {NEVER}" if not records else f"{slot}: no release was verified by pop-deploy there, nothing to roll back to"
        )
        return assessment(slot, records, leaves=None, to=None, reason=why)
    return assess_leaving(reader, leaves, records)


def assess_leaving(reader: EventReader, deployment_id: str, records: Sequence[Record]) -> Assessment:
    """Where leaving this very deployment leads to."""
    deployment, _ = fold(reader, deployment_id)
    choices = can_be_named(reader, deployment)
    try:
        deployment.require(Trigger.ROLL_BACK)
        release = choose_from(reader, deployment)
    except (NothingToRollBack, Refused) as why:
        return assessment(deployment.slot, records, leaves=deployment_id, to=None, choices=choices, reason=str(why))
    to = next(choice for choice in choices if choice.release == release)
    reason = f"{release.version} of {to.deployment_id} is the last verified release before {deployment.requested.version}"
    return assessment(deployment.slot, records, leaves=deployment_id, to=to, choices=choices, reason=reason)
