"""The gate that a live deployment passes: which reports there are about it, and what was said of their warnings.

The rule itself is `domain.policy.check_validation`; here it is asked, and what follows is put on the deployment's record.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import config_digest, rules
from orchestrator.domain import validation_events as v
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.policy import Candidate, check_validation
from orchestrator.domain.readiness import ValidationReport
from orchestrator.projections import validations
from orchestrator.services.repository import Journal
from orchestrator.services.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the caller has to say about validation.

    Attributes:
        report: Handed in with ``--validation-report``.
        digest: Of that file as it was.
        accept_warnings: ``--accept-warnings``: *reason* says why.
    """

    report: ValidationReport | None = None
    digest: str = ""
    accept_warnings: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        if self.accept_warnings and not self.reason.strip():
            raise UsageProblem("--accept-warnings needs a --reason: it is recorded who accepted them, and why")


def take_in(workspace: Workspace, journal: Journal, evidence: Evidence) -> None:
    """Put a report that was handed in on the deployment's record, once."""
    report = evidence.report
    if report is None or journal.deployment.taken_in == report:
        return
    journal.record(v.ValidationTakenIn(report=report.to_json(), digest=evidence.digest, by=workspace.actor))


def require_validated(workspace: Workspace, journal: Journal, evidence: Evidence) -> v.ValidationApplied | None:
    """Refuse the deployment unless what is known about its version allows it here and now.

    Returns:
        The event that says which report allowed it, not recorded yet; None where none was needed and none was there.

    Raises:
        ValidationRequired: See `check_validation`.
    """
    if evidence.accept_warnings:
        _accept(workspace, journal, evidence)
    report = _asked(workspace, journal.deployment)
    if report is None:
        return None
    accepted = [check.name for check in report.warnings] if report.identity in journal.deployment.accepted else []
    return v.ValidationApplied(
        validation_id=report.validation_id,
        score=report.readiness.score,
        recommendation=str(report.readiness.recommendation),
        created_at=report.created_at,
        accepted=accepted,
    )


def _asked(workspace: Workspace, deployment: Deployment, *, accepts_all: bool = False) -> ValidationReport | None:
    candidate = _candidate(workspace, deployment, accepts_all=accepts_all)
    slot, store = deployment.slot, workspace.store
    current = validations.current(
        store,
        slot,
        commit_sha=candidate.commit_sha,
        config_digest=candidate.config_digest,
        version=candidate.version,
        source_digest=candidate.source_digest,
    )
    here = rules(workspace.config, slot.environment)
    return check_validation(
        candidate,
        here,
        workspace.clock.now(),
        current=current,
        taken_in=deployment.taken_in,
        newest=validations.newest(store, slot) if current is None and here.requires_validation else None,
    )


def _candidate(workspace: Workspace, deployment: Deployment, *, accepts_all: bool) -> Candidate:
    """The deployment as it was requested and, once it is planned, as it was planned."""
    request, slot = deployment.requested, deployment.slot
    inputs = deployment.plan.inputs if deployment.plan is not None else {}
    return Candidate(
        environment=slot.environment,
        target=slot.target,
        version=request.version,
        commit_sha=request.commit_sha,
        config_digest=config_digest(workspace.config, slot.target, slot.environment),
        source_digest=inputs.get("source"),
        dirty=request.dirty,
        given_version=deployment.given_version,
        accepted=tuple(deployment.accepted),
        accepts_all=accepts_all,
        scope=rules(workspace.config, slot.environment).validation_scope,
    )


def _accept(workspace: Workspace, journal: Journal, evidence: Evidence) -> None:
    """Record that the warnings of the report that counts were accepted, where there are any.

    Raises:
        ValidationRequired: To accept them would not suffice.
    """
    report = _asked(workspace, journal.deployment, accepts_all=True)
    if report is None or not report.warnings or report.identity in journal.deployment.accepted:
        return
    journal.record(
        v.WarningsAccepted(
            validation_id=report.validation_id,
            identity=report.identity,
            checks=[check.name for check in report.warnings],
            by=workspace.actor,
            reason=evidence.reason,
        )
    )
