"""An incident as Markdown: `markdown`, and its file's name. The same incident gives the same bytes: nothing else is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from orchestrator.projections.details import DecisionDetail
from orchestrator.projections.incident import CommitsInQuestion, FailureDetail, Incident, IncidentResult, LogTail, WayBack
from orchestrator.projections.timeline import Moment
from orchestrator.rendering.markdown import code, fenced, words
from orchestrator.rendering.report import next_line
from orchestrator.rendering.text import one_line


def filename(deployment_id: str) -> str:
    return f"incident-{deployment_id}.md"


def markdown(incident: Incident) -> str:
    """The whole report, ending with a line feed."""
    sections = (
        ("Summary", [words(incident.summary)]),
        (None, _facts(incident)),
        ("Timeline", [_moment(moment) for moment in incident.timeline]),
        ("Failure", [part for failure in incident.failures for part in _failure(failure)] or ["No failure is on record."]),
        ("Log", [part for log in incident.logs for part in _log(log)] or ["No failed step has printed anything."]),
        ("Who and why", _who(incident)),
        ("Commits in question", _commits(incident.commits)),
        ("Actions", _actions(incident)),
    )
    parts = [f"# Incident: {words(incident.version)} in {words(_place(incident))}\n"]
    for title, lines in sections:
        parts += [f"## {title}\n"] if title else []
        parts.append("\n".join(lines).rstrip("\n") + "\n")
    return "\n".join(parts)


def written(result: IncidentResult) -> str:
    """What a command says of a report that it has written."""
    found = result.incident
    lines = [
        f"Incident report: {one_line(result.report_path)}",
        one_line(found.summary),
        f"Severity: {found.severity} ({one_line(found.severity_rule)})",
        f"Outage: {one_line(found.outage_words)}",
        f"Live now: {one_line(found.live_now or 'unknown')}",
    ]
    return "\n".join(lines) + "\n" + next_line(found.next)


def _place(incident: Incident) -> str:
    return f"{incident.environment}/{incident.target or '?'}"


def _facts(incident: Incident) -> list[str]:
    return [
        f"- Severity: **{incident.severity}** ({words(incident.severity_rule)})",
        f"- Outage: {words(incident.outage_words)}",
        f"- Live now: {words(incident.live_now or 'unknown')}",
        f"- Result: {words(incident.result)}",
        f"- Deployment: {code(incident.deployment_id)}",
        f"- Project: {words(incident.project)}",
    ]


def _moment(moment: Moment) -> str:
    by = f" ({words(moment.by)})" if moment.by else ""
    return f"- {time(moment.at)} {words(moment.what)}{by}"


def time(at: str) -> str:
    """To the millisecond, with its offset."""
    return datetime.fromisoformat(at).isoformat(timespec="milliseconds")


def _failure(failure: FailureDetail) -> Iterable[str]:
    yield f"The {failure.what} failed at {code(failure.step)}:"
    yield ""
    yield fenced(failure.message)
    for title, text in (("What the target said:", "\n".join(failure.diagnostics)), ("Where in the program:", failure.trace)):
        if text:
            yield title
            yield ""
            yield fenced(text)


def _log(log: LogTail) -> Iterable[str]:
    cut = "the end of it; all of it" if log.cut else "all of it; again"
    yield f"{code(log.name)} ({log.status}), {cut} with {code(log.command)}:"
    yield ""
    yield fenced(log.text)


def _who(incident: Incident) -> list[str]:
    ci = f" in {words(incident.ci)}" if incident.ci else ""
    lines = [f"- Requested by {words(incident.requested_by)}{ci}{_why(incident.reason)}"]
    if incident.rollback is not None:
        lines.append(_way(incident.rollback))
    return [*lines, *map(_decision, incident.decisions)]


def _way(way: WayBack) -> str:
    ended = f", ended at {time(way.finished_at)}" if way.finished_at else ", not finished"
    success = {True: "succeeded", False: "failed", None: "is open"}[way.success]
    return (
        f"- Rollback to {words(way.to)} by {words(way.by)}{_why(way.reason)}; begun at {time(way.started_at)}{ended}: {success}"
    )


def _decision(decision: DecisionDetail) -> str:
    if decision.answer is None:
        return f"- {code(decision.decision_id)} stands open"
    made = f"{code(decision.decision_id)} answered {code(decision.answer)} ({words(decision.how or '?')})"
    when = f" at {time(decision.answered_at)}" if decision.answered_at else ""
    return f"- {made} by {words(decision.by or '?')}{when}{_why(decision.reason or '')}"


def _why(reason: str) -> str:
    return f", because: {words(reason)}" if reason else ""


def _commits(commits: CommitsInQuestion) -> list[str]:
    good = f"{code(commits.good or 'unknown')} (version {words(commits.good_version)})" if commits.good_version else "unknown"
    dirty = ", with changes that are in no commit" if commits.dirty else ""
    lines = [
        f"- Last good: {good}",
        f"- Deployed: {code(commits.bad or 'unknown')} (version {words(commits.bad_version)}){dirty}",
    ]
    said = f"- What lies between: {code(commits.command)}" if commits.command else "- What lies between is unknown: see above"
    return [*lines, said]


def _actions(incident: Incident) -> list[str]:
    todo = [f"- [ ] {words(item)}" for item in incident.checklist]
    return [*todo, "", "Commands:", "", fenced("\n".join(incident.next))] if incident.next else todo
