"""The reports of `audit verify` and `store check` as text."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.projections.audit import AuditReport, CheckedAnchor, CheckedArchive, CheckReport, Finding
from orchestrator.rendering.history import edit_line


def audit_text(report: AuditReport) -> str:
    """What was checked, what is wrong, what follows from it and what does not."""
    return "\n".join(_audit(report)) + "\n"


def check_text(report: CheckReport) -> str:
    """The same of the whole store."""
    return "\n".join(_check(report)) + "\n"


def _audit(report: AuditReport) -> Iterator[str]:
    archived = f", the content of {report.archived} in archives" if report.archived else ""
    yield f"Store {report.store_id}: {report.events} events{archived}, {report.attachments} attachments"
    if report.events:
        yield f"Newest event: {report.position}, hash {report.hash}"
    yield from map(_archive, report.archives)
    yield from map(_anchor, report.anchors)
    yield from map(_finding, report.problems)
    if report.more_problems:
        yield f"  ... and {report.more_problems} more"
    yield from _section("Proven:", report.proven)
    yield from _section("Not proven:", report.not_proven)
    yield from _section("Heads that were not delivered:", report.anchor_failures)
    yield from _section("Newest edits of deploy.json (UTC):", tuple(map(edit_line, report.configuration_edits)))
    yield ""
    yield f"Result: {_result(report)}"


def _check(report: CheckReport) -> Iterator[str]:
    yield f"File: {report.integrity or 'sound'}"
    if report.audit is not None:
        yield f"Chain: {report.audit.events} events, {len(report.audit.problems) + report.audit.more_problems or 'no'} problems"
        yield from map(_finding, report.audit.problems)
        yield from (f"  {words}" for words in report.audit.not_proven if words.startswith("The content of"))
    yield f"Read models that equal a rebuild: {', '.join(report.equal) or 'none'}"
    yield from (f"  not compared: {words} (the next command that writes sees to it)" for words in report.pending)
    for each in report.differences:
        key = ", ".join(map(str, each["key"]))
        yield f"  DIFFERS  {each['read_model']}: {each['table']} ({key}): {each['message']}"
    if report.differences:
        yield "Next: pop-deploy store rebuild"
    yield f"Result: {'SOUND' if report.success else 'NOT SOUND'}"


def _section(title: str, lines: tuple[str, ...]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  - {line}" for line in lines)


def _finding(finding: Finding) -> str:
    place = f" event {finding.position}" if finding.position is not None else ""
    where = f" ({finding.stream}, version {finding.version})" if finding.stream is not None else ""
    return f"  {finding.kind.upper()}{place}{where}: {finding.message}"


def _archive(archive: CheckedArchive) -> str:
    said = "not there" if archive.found is None else "as recorded" if archive.holds else "NOT as recorded"
    return f"Archive {archive.found or archive.file}: {archive.streams} streams, {archive.events} events: {said}"


def _anchor(anchor: CheckedAnchor) -> str:
    said = "holds" if anchor.holds else "DOES NOT HOLD"
    return f"Anchor of {anchor.time} at event {anchor.position}, signed by {anchor.fingerprint}: {said}"


def _result(report: AuditReport) -> str:
    if report.problems:
        return "BROKEN"
    return "INTACT" if report.success else "INCOMPLETE"
