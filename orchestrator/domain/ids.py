"""Names of deployments and of the streams that hold their events. Imports nothing: every command comes through here."""

from __future__ import annotations

IMPORT_STREAM = "import"
"""Stream of the history records that were written by somebody else."""

AUDIT_STREAM = "audit"
"""Stream of what concerns the evidence itself: heads that were not delivered."""

_ID = "deploy-"
_STREAM = "deployment-"


def stream_of(deployment_id: str) -> str:
    """``deploy-20260318-143022-k3f9`` -> ``deployment-20260318-143022-k3f9``."""
    return _STREAM + deployment_id.removeprefix(_ID)


def id_of(stream: str) -> str:
    """``deployment-20260318-143022-k3f9`` -> ``deploy-20260318-143022-k3f9``."""
    return _ID + stream.removeprefix(_STREAM)
