"""Everything about one deployment as text: `text`. Made of the same parts as the report of `execute`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestrator.projections.canary_result import CanaryResult
from orchestrator.projections.deployment_result import DeploymentResult
from orchestrator.projections.details import CheckDetail, ClaimDetail, DecisionDetail, Details, GivenDetail
from orchestrator.projections.step_logs import StepLog
from orchestrator.projections.validation_details import ValidationDetail
from orchestrator.rendering.history import when
from orchestrator.rendering.progress import check_line
from orchestrator.rendering.report import closing, error_text, failed_steps, mode_line, next_line, planned, ran, section
from orchestrator.rendering.text import duration, indented, one_line, tail

Paint = Callable[[str, str], str]

_COLOURS = {
    "SUCCESS": "green",
    "SIMULATED": "green",
    "FAILED": "red",
    "ROLLBACK": "red",
    "ROLLED": "yellow",
    "INTERRUPTED": "yellow",
}
_NOT_BEGUN = frozenset({"requested", "prepared", "confirmed"})


def text(details: Details, *, paint: Paint) -> str:
    """Head, decisions, steps with their results, checks, what went wrong, logs, and what can be typed next."""
    result = details.result
    title = f"Deployment {result.deployment_id}"
    head = "\n".join([title, "=" * len(title), *_head(details, paint)]) + "\n"
    back = result.rollback
    return (
        head
        + section("Decisions", map(_decision, details.decisions))
        + section("Given", map(_given, details.given))
        + section("Validation", map(_validation, details.validation))
        + section(
            "Refused", (f"  {when(refusal.at)}  {refusal.rule}: {one_line(refusal.message)}" for refusal in details.refusals)
        )
        + section("Slot", map(_claim, details.claims))
        + _steps(details)
        + section("Canary", _canary(result.canary))
        + section("On failure", ran(result.on_failure))
        + (
            section(f"Rolled back to {back.to}" if back.finished_at else f"Rolling back to {back.to}", ran(back.steps))
            if back
            else ""
        )
        + section("Checks", _checks(details.checks))
        + closing(_errors(details), _diagnostics(details), _logs(details.logs, result.deployment_id), next_line(result.next))
    )


def _head(details: Details, paint: Paint) -> Iterable[str]:
    result = details.result
    plan = details.plan
    target = f"{result.environment}/{result.target or 'not chosen yet'}" + (" (primary)" if result.primary else "")
    commit = f"commit {result.commit_sha}" if result.commit_sha else "no commit"
    facts: list[tuple[str, str | None]] = [
        ("Project", details.project),
        ("Target", target + (f", {plan.kind}" if plan else "")),
        (
            "Version",
            f"{result.version} ({details.version_source or 'unknown source'}), {commit}{', dirty' if details.dirty else ''}",
        ),
        ("Requested", f"{_time(details.requested_at)} by {details.actor}{f' ({details.ci})' if details.ci else ''}"),
        ("Reason", details.reason),
        ("Caused by", details.caused_by),
        ("Approved", _approved(result)),
        ("Confirmed", _confirmed(result)),
        ("Freeze overridden", _freezes(details)),
        ("Drift accepted", "; ".join(result.drift_accepted)),
        ("Superseded", f"the canary of {result.superseded}" if result.superseded else None),
        ("Finished", _time(result.finished_at) if result.finished_at else None),
        ("Took", duration(result.duration_ms / 1000) if result.duration_ms is not None else None),
        ("Plan", plan.digest if plan else None),
        ("Goes back to", _way_back(details)),
        ("Image", result.image),
        ("Digest", result.digest),
        ("Interrupted by", details.interrupted_by),
        ("Aborted by", " ".join(filter(None, (details.aborted_by, details.abort_reason))) if details.aborted_by else None),
        ("Live now", result.live_now),
    ]
    word = paint(result.result, _COLOURS.get(result.result.split()[0], "cyan"))
    yield f"Result: {word}{'' if details.running is not None else _unsure(details)}"
    yield mode_line(result.mode, dry_run=result.dry_run)
    yield from (f"{name}: {one_line(value)}" for name, value in facts if value)


def _canary(canary: CanaryResult | None) -> Iterable[str]:
    """What was measured."""
    for one in canary.checks if canary is not None else ():
        others = (("failed", one.failed), ("without a value", one.no_data), ("could not be taken", one.errors))
        bad = "".join(f", {count} {words}" for words, count in others if count)
        yield f"  {one.check}: {one.passed} passed{bad}; last: {one_line(one.last)}"


def _unsure(details: Details) -> str:
    """Said when nobody here can see whether the process that began it still lives."""
    return " (or running on another host)" if details.result.result == "INTERRUPTED" else ""


def _way_back(details: Details) -> str | None:
    if details.plan is None:
        return None
    back = details.plan.reference_version or "nothing: no release was verified before it"
    return f"{back}{' (by itself, if it fails)' if details.plan.auto_rollback and details.plan.reference_version else ''}"


def _steps(details: Details) -> str:
    result = details.result
    if result.state in _NOT_BEGUN or result.dry_run:
        return section("Plan", planned(result.steps, ""))
    return section("Steps", ran(result.steps))


def _decision(decision: DecisionDetail) -> str:
    if decision.answer is None:
        return f"  {decision.decision_id}: open since {_time(decision.asked_at or '')}: {one_line(decision.question)}"
    why = f": {one_line(decision.reason)}" if decision.reason else ""
    made = f"{decision.decision_id} = {decision.answer}"
    return f"  {made} by {one_line(decision.by or '?')} ({decision.how}), {_time(decision.answered_at or '')}{why}"


def _given(given: GivenDetail) -> str:
    why = f": {one_line(given.reason)}" if given.reason else ""
    what = "not read yet by the process at work" if given.message is None else f"not taken: {one_line(given.message)}"
    return f"  {when(given.at)}  {given.decision_id} = {given.answer} by {one_line(given.by)} ({given.how}){why}; {what}"


def _validation(found: ValidationDetail) -> str:
    """``applied: validate-20260318-143022-k3f9, GO, score 100``"""
    report = found.validation_id or "a report that was handed in"
    verdict = f", {found.recommendation}, score {found.score}" if found.recommendation else ""
    by = f" by {one_line(found.by)}" if found.by else ""
    checks = f"; warnings: {one_line(', '.join(found.checks))}" if found.checks else ""
    why = f": {one_line(found.reason)}" if found.reason else ""
    return f"  {when(found.at)}  {found.what.replace('_', ' ')}{by}: {report}{verdict}{checks}{why}"


def _confirmed(result: DeploymentResult) -> str | None:
    made = result.confirmation
    if made is None:
        return None
    others = f", approved by {', '.join(each.by for each in result.approvals)}" if result.approvals else ""
    return f"{_time(made.at)} by {made.by} ({made.how}){others}{': ' + made.reason if made.reason else ''}"


def _approved(result: DeploymentResult) -> str | None:
    """While others have still to approve."""
    return ", ".join(each.by for each in result.approvals) if result.confirmation is None else None


def _freezes(details: Details) -> str | None:
    said = (f"until {each.end} by {each.by}: {each.reason}" for each in details.freezes)
    return "; ".join(said)


def _claim(claim: ClaimDetail) -> str:
    why = f": {claim.reason}" if claim.reason else ""
    killed = ", which was killed" if claim.killed else ""
    what = claim.what.replace("_", " ")
    return f"  {when(claim.at)}  {what} by {one_line(claim.by)} from {one_line(claim.former_holder)}{killed}{one_line(why)}"


def _checks(checks: Iterable[CheckDetail]) -> Iterable[str]:
    for check in checks:
        yield f"  {when(check.at)}  {check.phase} {check.round}{check_line(check.name, check.status, check.message)}"


def _errors(details: Details) -> str:
    result = details.result
    steps = [*result.steps, *result.on_failure, *(result.rollback.steps if result.rollback else ())]
    # The health check's own words stand among the checks.
    text_ = failed_steps(step for step in steps if step.step != "health_check")
    told = {step.step for step in steps if step.status == "failed"}
    if result.error is not None and result.error.step not in told:
        text_ += error_text(result.error.step, result.error.message)
    return text_


def _diagnostics(details: Details) -> str:
    lines = [line for each in details.result.diagnostics for line in tail(each, 20)]
    return "What the target said:\n" + indented(lines, "  ") if lines else ""


def _logs(logs: Iterable[StepLog], deployment_id: str) -> str:
    lines = [
        f"  {log.step} (attempt {log.attempt}): {size(log.size_bytes)}, pop-deploy logs {deployment_id} {log.step}"
        for log in logs
        if log.has_output
    ]
    return "Logs:\n" + "\n".join(lines) + "\n" if lines else ""


def size(size_bytes: int) -> str:
    """``17 B``, ``1.2 kB``, ``5.0 MB``."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    return f"{size_bytes / 1000:.1f} kB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"


def _time(time: str) -> str:
    return f"{time[:10]} {time[11:19]} UTC"
