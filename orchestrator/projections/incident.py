"""What an incident report says, as one object: `incident`, from a deployment's own events and the ends of its logs alone.

The same events give the same object, whenever and wherever it is made: nothing is asked of the target, of git, of the clock or of
deploy.json. Markdown is made of it in `rendering/incident.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.incidents import Outage, SeenCheck, Severity, is_incident, outage, severity
from orchestrator.domain.lifecycle import State
from orchestrator.projections.details import DecisionDetail, Details, History, details
from orchestrator.projections.outcome import live_now
from orchestrator.projections.step_logs import FAILED, INTERRUPTED, StepLog
from orchestrator.projections.timeline import Moment, timeline

MOST_LOGS = 3
_LEFT = frozenset({State.ROLLING_BACK, State.ROLLED_BACK, State.ROLLBACK_FAILED})
_RESTORED = frozenset({State.ROLLED_BACK, State.VERIFIED})


@dataclass(frozen=True, kw_only=True)
class FailureDetail:
    """What failed first, or in the way back.

    Attributes:
        what: deployment, verification or rollback.
        diagnostics: What the target said then.
    """

    what: str
    step: str
    message: str
    trace: str
    diagnostics: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LogTail:
    """The end of what a step printed. *name*: ``PHASE/STEP/ATTEMPT``; *cut*: there was more before it."""

    name: str
    status: str
    text: str
    cut: bool
    command: str


@dataclass(frozen=True, kw_only=True)
class CommitsInQuestion:
    """From what was live to what was deployed.

    Attributes:
        good: Commit of the release that is the rollback reference; None when it is not on record.
        bad: Commit that was deployed.
        command: Lists what lies between; None when one of the two is unknown or they are the same.
    """

    good_version: str | None
    good: str | None
    bad_version: str
    bad: str | None
    dirty: bool
    command: str | None


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """The newest rollback. *success*: None while it is not finished."""

    to: str
    automatic: bool
    by: str
    reason: str
    started_at: str
    finished_at: str | None
    success: bool | None


@dataclass(frozen=True, kw_only=True)
class Incident:
    """See the module.

    Attributes:
        severity_rule: The line of the rule that gave the severity.
        live_now: What is live after it, as far as its own events show.
        outage: From the health checks; None when none failed on record.
        outage_words: The same for people, also what is not known.
        failures: In the order they happened.
        next: Commands that make sense now.
        checklist: What remains for people.
    """

    deployment_id: str
    project: str
    environment: str
    target: str | None
    version: str
    state: State
    result: str
    summary: str
    severity: Severity
    severity_rule: str
    live_now: str
    outage: Outage | None
    outage_words: str
    timeline: tuple[Moment, ...]
    failures: tuple[FailureDetail, ...]
    logs: tuple[LogTail, ...]
    requested_by: str
    reason: str
    ci: str
    rollback: WayBack | None
    decisions: tuple[DecisionDetail, ...]
    commits: CommitsInQuestion
    next: tuple[str, ...]
    checklist: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class IncidentResult:
    """A report that was written.

    Attributes:
        report_path: Where it is, absolute.
        filename: ``incident-<deployment id>.md``.
    """

    report_path: str
    filename: str
    incident: Incident


def incident(history: History, tails: Mapping[str, tuple[str, bool]]) -> Incident:
    """The incident of the deployment with this history.

    Args:
        tails: Name of an attempt's log (see `telling_logs`) to its end, and whether there was more before.

    Raises:
        UsageProblem: Nothing has gone wrong in it.
    """
    deployment = Deployment.replay(history)
    if not is_incident(deployment):
        raise UsageProblem(f"{deployment.id} has neither failed nor been rolled back: there is no incident to report")
    shown = details(history, running=False, latest=True)
    checks = [SeenCheck(check.phase, check.round, check.status, check.at) for check in shown.checks]
    seen, affected = outage(checks), _affected(deployment)
    grade, rule = severity(
        shown.result.environment, affected=affected, restored=deployment.state in _RESTORED or not affected, seen=seen
    )
    return Incident(
        deployment_id=deployment.id,
        project=shown.project,
        environment=shown.result.environment,
        target=deployment.target,
        version=shown.result.version,
        state=deployment.state,
        result=shown.result.result,
        summary=_summary(deployment, shown),
        severity=grade,
        severity_rule=rule,
        live_now=live_now(deployment),
        outage=seen,
        outage_words=_outage_words(seen, affected),
        timeline=timeline(history),
        failures=failures(deployment),
        logs=log_tails(deployment.id, shown.logs, tails),
        requested_by=shown.actor,
        reason=shown.reason,
        ci=shown.ci,
        rollback=_way_back(deployment),
        decisions=shown.decisions,
        commits=commits_in_question(deployment),
        next=tuple(command for command in shown.result.next if not _about_the_report(command)),
        checklist=_checklist(deployment),
    )


def _about_the_report(command: str) -> bool:
    """Whoever reads the report has it."""
    return command.startswith("pop-deploy incident ") or " incident_report=" in command


def telling_logs(logs: tuple[StepLog, ...]) -> tuple[StepLog, ...]:
    """The newest attempts that failed or were interrupted, and have printed something."""
    return tuple(log for log in logs if log.has_output and log.status in {FAILED, INTERRUPTED})[-MOST_LOGS:]


def log_tails(deployment_id: str, logs: tuple[StepLog, ...], tails: Mapping[str, tuple[str, bool]]) -> tuple[LogTail, ...]:
    """The `telling_logs` whose ends are in *tails*."""
    return tuple(_tail(deployment_id, log, tails[log.name]) for log in telling_logs(logs) if log.name in tails)


def commits_in_question(deployment: Deployment) -> CommitsInQuestion:
    """What changed between the release to go back to and this deployment."""
    before = deployment.rollback.to if deployment.rollback is not None else deployment.reference
    good, bad = (before.commit_sha if before is not None else None), deployment.requested.commit_sha
    return CommitsInQuestion(
        good_version=before.version if before is not None else None,
        good=good,
        bad_version=deployment.requested.version,
        bad=bad,
        dirty=deployment.requested.dirty,
        command=f"git log --oneline {good}..{bad}" if good and bad and good != bad else None,
    )


def _affected(deployment: Deployment) -> bool:
    touched = deployment.forward is not None and deployment.forward.touched_live
    return touched or deployment.rollback is not None or deployment.release is not None


def _summary(deployment: Deployment, shown: Details) -> str:
    result = shown.result
    where = f"{result.environment}/{result.target or '?'}"
    what = f"Version {result.version} of {shown.project} in {where}"
    if deployment.failure is not None:
        what += f" failed at {deployment.failure.step}"
    elif deployment.state in _LEFT:
        what += " was live and was left for another release"
    elif deployment.aborted is not None:
        what += " was given up after it had changed something"
    else:
        what += " was live and failed a later verification"
    return f"{what}{_after(deployment)}."


def _after(deployment: Deployment) -> str:
    if deployment.rollback is None:
        return ""
    how = "by itself" if deployment.rollback.automatic else f"by {deployment.rollback.by}"
    match deployment.state:
        case State.ROLLED_BACK:
            return f"; rolled back {how} to {deployment.rollback.to.version}, which is verified"
        case State.ROLLBACK_FAILED:
            return f"; the rollback ({how}) to {deployment.rollback.to.version} failed too"
    return f"; the rollback ({how}) to {deployment.rollback.to.version} is not finished"


def _outage_words(seen: Outage | None, affected: bool) -> str:
    if not affected:
        return "none: no step that changes what is live had started"
    if seen is None:
        return "unknown: no failed health check is on record"
    if seen.seconds is None:
        return f"unknown: it began at {seen.began_at}, and no verification on record has passed since"
    return f"{seen.seconds:g} s, from {seen.began_at} to {seen.ended_at}"


def failures(deployment: Deployment) -> tuple[FailureDetail, ...]:
    """What failed in it, in the order it did."""
    found = []
    if (failed := deployment.failure) is not None:
        found.append(_failure("deployment", failed))
    elif (last := _failed_checks(deployment)) is not None:
        found.append(last)
    if (failed_back := deployment.rollback_failure) is not None:
        found.append(_failure("rollback", failed_back))
    return tuple(found)


def _failure(what: str, event: Any) -> FailureDetail:
    return FailureDetail(
        what=what, step=event.step, message=event.message, trace=event.trace, diagnostics=tuple(event.diagnostics)
    )


def _failed_checks(deployment: Deployment) -> FailureDetail | None:
    """A later verification of what had been live."""
    failed = [check for check in deployment.checks if check.phase == "verify" and check.status == "fail"]
    if not failed:
        return None
    message = "; ".join(f"{check.name}: {check.message}" for check in failed if check.round == failed[-1].round)
    return FailureDetail(what="verification", step="health_check", message=message, trace="", diagnostics=())


def _tail(deployment_id: str, log: StepLog, found: tuple[str, bool]) -> LogTail:
    text, cut = found
    return LogTail(name=log.name, status=log.status, text=text, cut=cut, command=f"pop-deploy logs {deployment_id} {log.name}")


def _way_back(deployment: Deployment) -> WayBack | None:
    way = deployment.rollback
    if way is None:
        return None
    ended = {State.ROLLED_BACK: True, State.ROLLBACK_FAILED: False}
    return WayBack(
        to=way.to.version,
        automatic=way.automatic,
        by=way.by,
        reason=way.reason,
        started_at=way.started_at,
        finished_at=way.finished_at,
        success=ended.get(deployment.state),
    )


def _checklist(deployment: Deployment) -> tuple[str, ...]:
    """What no program can do; the urgent first."""
    look = f"Read what failed: pop-deploy show {deployment.id}"
    later = (
        "Find the cause among the commits in question, and write it into this list",
        "Add the test or check that would have found it",
        "Deploy the repaired version",
    )
    if deployment.state is State.ROLLBACK_FAILED:
        return (
            f"Find out what is live: pop-deploy rollback {deployment.id} --investigate",
            f"Repair what stopped the rollback, then: pop-deploy rollback {deployment.id}",
            *later,
        )
    if deployment.state in _RESTORED or not _affected(deployment):
        return (look, *later)
    return (f"Bring back a verified release, or deploy a repaired one: pop-deploy rollback {deployment.id}", look, *later)
