"""Names of deployments and of the streams that hold their events. Imports nothing: every command comes through here."""

from __future__ import annotations

IMPORT_STREAM = "import"
"""Stream of the history records that were written by somebody else."""

AUDIT_STREAM = "audit"
"""Stream of what concerns the evidence itself: heads that were not delivered."""

_ID = "deploy-"
_STREAM = "deployment-"
_CONFIGURATION = "configuration-"


def stream_of(deployment_id: str) -> str:
    """``deploy-20260318-143022-k3f9`` -> ``deployment-20260318-143022-k3f9``."""
    return _STREAM + deployment_id.removeprefix(_ID)


def id_of(stream: str) -> str:
    """``deployment-20260318-143022-k3f9`` -> ``deploy-20260318-143022-k3f9``."""
    return _ID + stream.removeprefix(_STREAM)


def validation_stream(validation_id: str) -> str:
    """``validate-20260318-143022-k3f9`` -> ``validation-20260318-143022-k3f9``."""
    return "validation-" + validation_id.removeprefix("validate-")


def configuration_stream(project: str) -> str:
    """Stream of the edits of the project's deploy.json."""
    return _CONFIGURATION + project


def notifications_stream(project: str) -> str:
    """Stream of what the receivers of the project were told."""
    return f"notifications-{project}"


def decisions_of(deployment_id: str) -> str:
    """Stream of the answers that others gave while a process was at work on the deployment."""
    return f"decisions-{deployment_id}"
