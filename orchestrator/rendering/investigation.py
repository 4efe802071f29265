"""What `rollback` shows before anybody decides: `assessed` (a few lines above the question), `investigated` (all there is)."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.projections.assessment import Assessment
from orchestrator.projections.incident import FailureDetail, LogTail
from orchestrator.projections.investigation import ChangedCommits, Investigation
from orchestrator.rendering.command_reports import decision
from orchestrator.rendering.history import when
from orchestrator.rendering.progress import check_line
from orchestrator.rendering.report import closing, heading, next_line, section
from orchestrator.rendering.text import indented, one_line, tail


def assessed(assessment: Assessment) -> str:
    """What is live, where a rollback leads to, and why there."""
    current = assessment.current_version or "nothing"
    status = f" ({assessment.current_status.replace('_', ' ')})" if assessment.current_status else ""
    lines = [f"Current: {one_line(current)}{f' {one_line(status)}' if status else ''}"]
    if assessment.rollback_version is not None:
        since = f", verified {assessment.rollback_timestamp}" if assessment.rollback_timestamp else ""
        commit = f", commit {assessment.rollback_commit}" if assessment.rollback_commit else ""
        lines.append(f"Rollback to: {one_line(assessment.rollback_version)}{one_line(commit)}{one_line(since)}")
    lines.append(f"Why: {one_line(assessment.reason)}")
    if assessment.last_failed is not None:
        failed = assessment.last_failed
        lines.append(f"Last failure: {one_line(failed.version or '?')}: {one_line(failed.error or 'no reason given')[:200]}")
    return "\n".join(lines) + "\n"


def investigated(found: Investigation) -> str:
    """All of it, what failed first."""
    return (
        heading("Rollback Investigation", _Head(found))
        + f"Deployment ID: {found.deployment_id}\n"
        + assessed(found.assessment)
        + (f"Live now: {one_line(found.live_now)}\n" if found.live_now else "")
        + section("Failures", (line for failure in found.failures for line in _failure(failure)))
        + section(
            "Checks", (f"  {when(check.at)}{check_line(check.name, check.status, check.message)}" for check in found.checks)
        )
        + section("Logs", (line for log in found.logs for line in _log(log)))
        + section("Changed commits", _commits(found.commits))
        + section("What the target says", (f"  {line}" for each in found.diagnostics for line in tail(each, 20)))
        + closing(decision(found.decision) if found.decision is not None else next_line(found.next))
    )


class _Head:
    """As `report.heading` wants it."""

    primary = False

    def __init__(self, found: Investigation) -> None:
        self.target, self.environment, self.version = found.target, found.environment, found.version


def _failure(failure: FailureDetail) -> Iterable[str]:
    first, *rest = tail(failure.message, 40) or ["no message"]
    yield f"  {failure.what} failed at {one_line(failure.step)}: {first}"
    yield from indented([*rest, *(line for each in failure.diagnostics for line in tail(each, 20))], "    ").splitlines()


def _log(log: LogTail) -> Iterable[str]:
    yield f"  {log.name} ({log.status}), all of it with {log.command}:"
    yield from indented(tail(log.text, 40), "    ").splitlines()


def _commits(changed: ChangedCommits) -> Iterable[str]:
    if not changed.known:
        yield f"  {one_line(changed.message)}"
        return
    for commit in changed.commits:
        yield f"  {commit.sha[:12]} {commit.time} {one_line(commit.author)}: {one_line(commit.subject)}"
    if not changed.commits:
        yield "  none: it is the same commit, or an older one"
    if changed.cut:
        yield f"  ... and more: {changed.between.command}"
