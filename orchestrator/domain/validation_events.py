"""The events about validation: of a validation's own stream, and what the gate puts on a deployment's stream.

Like all in `events.py`, whose `EVENTS` they are in; whoever reads events imports both (`services/codec.py`).
"""

from __future__ import annotations

from dataclasses import field

from orchestrator.domain.events import Event, Json

# --- the validation gate ------------------------------------------------------


class ValidationTakenIn(Event):
    """A report that was made elsewhere was handed in (``--validation-report``). *report*: `ValidationReport.to_json`.

    *digest* is that of the file as it was.
    """

    report: Json
    digest: str
    by: str


class WarningsAccepted(Event):
    """Somebody accepted the warnings *checks* of the report with this *identity* (`ValidationReport.identity`)."""

    validation_id: str | None
    identity: str
    checks: list[str]
    by: str
    reason: str


class ValidationApplied(Event):
    """This report allowed the deployment to begin. *accepted*: the warnings that stood in it."""

    validation_id: str | None
    score: int
    recommendation: str
    created_at: str | None
    accepted: list[str] = field(default_factory=list)


# --- a validation's own stream ------------------------------------------------


class ValidationStarted(Event):
    """Checks begin. One without `ValidationFinished` was killed midway and counts for nothing.

    Attributes:
        checks: Names, in the order of the report.
        by: ``name@host``.
    """

    validation_id: str
    project: str
    environment: str
    target: str
    version: str
    scope: str
    checks: list[str]
    by: str
    fix: bool = False
    strict: bool = False
    ci: str = ""


class ValidationFixed(Event):
    """``--fix`` changed the project for a check. It is on record before the checks look again."""

    name: str
    message: str


class ValidationCheckRecorded(Event):
    """What a check has found. *output*: digest and size of its log."""

    name: str
    status: str
    message: str
    blocking: bool
    duration_ms: int = 0
    fixed: str = ""
    output: Json | None = None


class ValidationFinished(Event):
    """All checks have ended; what follows, and what exactly was validated (`ValidationReport`)."""

    readiness: Json
    commit_sha: str | None
    config_digest: str
    source_digest: str | None
    dirty: bool
