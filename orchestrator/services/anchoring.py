"""Handing the signed head to whoever keeps it, after each deployment. A failure is said and recorded, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import orjson

from eventstore import EventReader, EventStoreError, RecordedEvent
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.ids import AUDIT_STREAM
from orchestrator.domain.lifecycle import ENDED
from orchestrator.domain.side_events import AnchorFailed
from orchestrator.services.codec import CODEC
from orchestrator.services.repository import Journal
from orchestrator.services.workspace import Workspace

_SHOWN = 5


def publish_anchor(workspace: Workspace, journal: Journal) -> str | None:
    """Sign the head and deliver it, where deploy.json says whereto and the deployment has ended.

    Returns:
        Why it was not delivered, or None. It is on record then; the outcome of the deployment does not depend on it.
    """
    if workspace.anchors is None or journal.deployment.state not in ENDED:
        return None
    store = workspace.store
    head = store.head()
    try:
        workspace.anchors.publish(store.store_id, head)
    except (PopDeployError, OSError) as problem:
        message = workspace.mask.mask(f"the signed head (event {head.position}) was not delivered: {problem}")
        return _recorded(workspace, head.position, message)
    return None


def failures(reader: EventReader) -> Iterator[str]:
    """What went wrong with the newest few, the newest first."""
    newest = reader.version(AUDIT_STREAM)
    recorded = list(islice(reader.read_stream(AUDIT_STREAM, newest - _SHOWN), _SHOWN))
    return (f"{event.time}: {_message(event)}" for event in reversed(recorded) if event.type == AnchorFailed.__name__)


def _recorded(workspace: Workspace, position: int, message: str) -> str:
    metadata = {"actor": workspace.actor, "host": workspace.here.host, "pid": workspace.here.pid}
    event = CODEC.encode(AnchorFailed(position=position, message=message), {**metadata, "tool_version": workspace.tool_version})
    try:
        workspace.store.append(AUDIT_STREAM, [event], expected_version=workspace.store.version(AUDIT_STREAM))
    except EventStoreError as error:
        return f"{message} (and that could not be recorded: {error})"
    return message


def _message(event: RecordedEvent) -> str:
    try:
        return str(orjson.loads(event.data)["message"])
    except (ValueError, TypeError, LookupError):
        return "cannot be read"  # the chain says what is wrong with it
