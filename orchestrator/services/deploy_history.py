"""Keeping `history` in deploy.json in step with the store, and taking in what others wrote there or edited elsewhere in the file.

The file is written last, after the events; every writing command compares it with what it should show, so a crash in between
costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from orchestrator.domain.errors import Interrupted, PopDeployError
from orchestrator.domain.outside_history import outside_records
from orchestrator.domain.side_events import HistoryImported
from orchestrator.projections import deploy_history
from orchestrator.services import configuration
from orchestrator.services.codec import CODEC
from orchestrator.services.workspace import Workspace

IMPORT_STREAM = "import"
LIMIT = 50
EVENTS_SAFE = "The events are safe in the store; the next command writes the history again."


def publish_history(workspace: Workspace) -> str | None:
    """Bring deploy.json up to date.

    Returns:
        Why it could not be written, or None. The events are safe either way, and the outcome of a deployment does not
        depend on the file.
    """
    try:
        with workspace.stop.breakable(2):  # others may keep its lock for seconds
            workspace.history_file.publish(
                lambda existing: _render(workspace, existing), lambda document: _look(workspace, document)
            )
    except Interrupted as stopped:
        return f"{workspace.history_file.path}: not written: {stopped}. {EVENTS_SAFE}"
    except PopDeployError as error:
        return str(error)
    return None


def _look(workspace: Workspace, document: Mapping[str, Any]) -> None:
    with workspace.stop.breakable(0):
        configuration.take_in(
            workspace.store,
            workspace.config.project_name,
            document,
            actor=workspace.actor,
            host=workspace.here.host,
            mask=workspace.mask,
        )


def _render(workspace: Workspace, existing: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with workspace.stop.breakable(0):
        _take_in(workspace, existing)
    return deploy_history.records(workspace.store, workspace.config.project_name, limit=LIMIT)


def _take_in(workspace: Workspace, existing: list[dict[str, Any]]) -> None:
    """Records of others become events, once, all in one append. The file's lock keeps two processes from doing it at once."""
    store, project = workspace.store, workspace.config.project_name
    others = [record for record in existing if record.get("store_id") != store.store_id]
    if not others:
        return
    known = deploy_history.records(store, project, limit=LIMIT)
    outside = outside_records(
        # Masked first: the identity must be that of the record as it is kept and shown.
        workspace.mask.mask_json(others),
        store_id=store.store_id,
        ours=[record for record in known if record.get("store_id") == store.store_id],
        taken_in=deploy_history.imported_counts(store, project),
    )
    if not outside:
        return
    metadata = orjson.dumps({"actor": "outside", "host": workspace.here.host, "taken_in_by": workspace.actor})
    events = [
        CODEC.encode(
            HistoryImported(project=project, identity=found.identity, record=orjson.dumps(found.record).decode()), metadata
        )
        for found in outside
    ]
    store.append(IMPORT_STREAM, events, expected_version=store.version(IMPORT_STREAM))
