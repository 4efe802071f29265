"""What the drop-in scripts print: our reports, with the keys of the scripts that they replace. `SCRIPTS`, by ``operation``.

A document is one of our results, less a few of its keys, and what a TypedDict here adds. Made in `cli/dropin`; whatever a script
prints in a test is held against its schema, ``script_OPERATION``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from orchestrator.projections.assessment import Assessment
from orchestrator.projections.command_results import RollbackResult, VerifyResult
from orchestrator.projections.deployment_result import DeploymentResult
from orchestrator.projections.incident import IncidentResult
from orchestrator.projections.init_result import InitResult, TargetFound
from orchestrator.projections.validation_result import ValidationResult


@dataclass(frozen=True, kw_only=True)
class Script:
    """What one operation prints: the keys of *of* less *without*, and those of *adds*, which count where both have one.

    Attributes:
        partly: Where nothing could be asked, only some of the keys of *of* are there.
    """

    adds: type
    of: type | None = None
    without: frozenset[str] = frozenset()
    partly: bool = False


class Head(TypedDict):
    """How each answer begins.

    Attributes:
        directory: The project, absolute.
        timestamp: UTC, ISO 8601 with offset.
    """

    operation: str
    directory: str
    timestamp: str


class Failed(TypedDict):
    """Why there is no answer: on stderr with exit 1; on stdout where the script before said it there.

    Attributes:
        deployment_id: Of what was refused, or waits for a decision; *next* are the commands that make sense now.
    """

    success: NotRequired[bool]
    error: str
    operation: NotRequired[str]
    directory: NotRequired[str]
    timestamp: NotRequired[str]
    deployment_id: NotRequired[str]
    next: NotRequired[list[str]]


class Loaded(Head):
    """deploy.json without its history.

    Attributes:
        target_config: Of the target that was named.
    """

    success: bool
    project_name: str
    config: dict[str, Any]
    target: NotRequired[str]
    target_config: NotRequired[dict[str, Any]]


class Prepared(Head):
    """What is known before a deployment.

    Attributes:
        last_deployment: The newest record of the target in the history.
        rollback_version: What a rollback would bring back.
    """

    success: bool
    target: str
    environment: str
    target_config: dict[str, Any]
    version: str | None
    commit_sha: str | None
    last_deployment: dict[str, Any] | None
    rollback_version: str | None
    project_name: str
    ci_provider: str | None


class Said(TypedDict):
    """Either what was done, or what went wrong.

    Attributes:
        error_step: Where it failed; *trace* is the failure's.
    """

    message: NotRequired[str]
    error: NotRequired[str]
    error_step: NotRequired[str]
    trace: NotRequired[str]


class Executed(Head, Said):
    """One deployment.

    Attributes:
        image: Without its tag.
    """

    image: NotRequired[str]
    tags: NotRequired[list[str]]


class AskedCheck(TypedDict):
    """One check. *status*: pass, fail, warn or skip."""

    name: str
    status: str
    message: str
    phase: NotRequired[str]
    duration_s: NotRequired[float]


class Verified(Head):
    """Checks of what is live; where nothing is, why they could not be asked."""

    target: str
    checks: list[AskedCheck]
    passed: int
    total: int
    healthy: bool


class Assessed(Head):
    """What could be brought back."""

    success: bool


class Diagnostic(TypedDict):
    """One kind of knowledge. *data* has the shape of its source."""

    source: str
    data: Any


class Investigated(Head):
    """All that is known of what went wrong."""

    success: bool
    target: str
    environment: str
    diagnostics: list[Diagnostic]
    diagnostic_count: int


class RolledBack(Head, Said):
    """One way back, or what it would be."""

    from_version: str
    to_version: str
    duration_ms: int


class RollbackVerified(Head):
    """Checks of what is live after a rollback.

    Attributes:
        rollback_verified: A rollback has put there what is live, and its checks passed.
    """

    target: str
    environment: str
    checks: list[AskedCheck]
    passed: int
    failed: int
    healthy: bool
    rollback_verified: bool
    message: str


class Reported(Head):
    """An incident report that was written."""

    success: bool
    target: str


class Created(Head):
    """A deploy.json that was written.

    Attributes:
        path: Absolute, as *config_path*.
        config: What is in it now.
        targets: The names that are switched on; *detail* has all of them.
    """

    success: bool
    path: str
    config_path: str
    config: dict[str, Any]
    targets: list[str]
    detail: list[TargetFound]
    primary: str | None
    ci: Any
    message: str
    warnings: list[str]


FAILED = "script_error"
SCRIPTS: Mapping[str, Script] = {
    "load_config": Script(adds=Loaded),
    "validate_deployment": Script(adds=Head, of=ValidationResult),
    "prepare_deployment": Script(adds=Prepared),
    "execute_deployment": Script(adds=Executed, of=DeploymentResult, without=frozenset({"error", "image"})),
    "verify_deployment": Script(adds=Verified, of=VerifyResult, partly=True),
    "assess_rollback": Script(adds=Assessed, of=Assessment),
    "investigate_failure": Script(adds=Investigated),
    "execute_rollback": Script(adds=RolledBack, of=RollbackResult, without=frozenset({"error"})),
    "verify_rollback": Script(adds=RollbackVerified),
    "generate_incident_report": Script(adds=Reported, of=IncidentResult),
    "create_deploy_config": Script(adds=Created, of=InitResult),
}
"""``operation`` to what is printed. Everything that fails prints `Failed` instead."""


def script_schema_of(printed: Mapping[str, Any]) -> str:
    """Name of the schema that fits what a script has *printed*."""
    failed = {*Failed.__annotations__} >= printed.keys() and "error" in printed
    return FAILED if failed else f"script_{printed['operation']}"
