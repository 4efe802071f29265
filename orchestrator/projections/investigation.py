"""What `rollback --investigate` shows, as one object: `Investigation`. Put together by `services/investigate.py`."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.projections.assessment import Assessment
from orchestrator.projections.decision_required import DecisionRequired
from orchestrator.projections.details import CheckDetail
from orchestrator.projections.incident import CommitsInQuestion, FailureDetail, LogTail


@dataclass(frozen=True, kw_only=True)
class Commit:
    """*time*: ISO 8601 with offset. *subject*: the first line of its message."""

    sha: str
    time: str
    author: str
    subject: str


@dataclass(frozen=True, kw_only=True)
class ChangedCommits:
    """What lies between the release to go back to and the one in question.

    Attributes:
        known: Git has said it; False with the reason in *message*.
        cut: There are more than these.
    """

    between: CommitsInQuestion
    known: bool
    message: str
    commits: tuple[Commit, ...]
    cut: bool


@dataclass(frozen=True, kw_only=True)
class Investigation:
    """All that is known of a deployment that may have to be left. Nothing was changed for it.

    Attributes:
        live_now: What is live, as far as the events show.
        failures: In the order they happened; none for a release that is live and well.
        failed_at: When it failed; None when it has not.
        logs: The ends of what failed steps have printed.
        checks: The newest verification.
        diagnostics: What the target says now.
        decision: The question that stands open.
    """

    deployment_id: str
    target: str
    environment: str
    version: str
    state: str
    live_now: str
    assessment: Assessment
    failures: tuple[FailureDetail, ...]
    failed_at: str | None
    logs: tuple[LogTail, ...]
    checks: tuple[CheckDetail, ...]
    commits: ChangedCommits
    diagnostics: tuple[str, ...]
    decision: DecisionRequired | None
    next: tuple[str, ...]
