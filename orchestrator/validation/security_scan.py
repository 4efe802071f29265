"""Check `security-scan`: static analysis of the project's own sources finds nothing severe.

``validation.security_scan`` of deploy.json replaces all: it has to end with 0. Else bandit looks at Python sources but tests,
and semgrep at everything where the project has rules of its own for it (those of others would have to be fetched). A finding of
high severity and high confidence fails, any other warns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import QueryTimeout, ToolMissing
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.parts import counted, ended, shown, together
from orchestrator.validation.reading import TESTS, VENDORED, names, table
from orchestrator.validation.reports import reported
from orchestrator.validation.toolchains import pyproject

DEADLINE_S = 600.0
_NONE = "no Python sources, and no semgrep with rules of the project's own: a scanner can be set as validation.security_scan"
_RULES = (".semgrep.yml", ".semgrep.yaml", "semgrep.yml", "semgrep.yaml", ".semgrep")
_TEST_FILES = ("test_*.py", "*_test.py", "conftest.py")
_SEVERE = ("HIGH", "CRITICAL", "ERROR")


def look(subject: Subject) -> Found:
    """Raises `reading.Unreadable`: a tool's report, or pyproject.toml."""
    if argv := subject.config.validation.security_scan:
        return _configured(subject, argv)
    parts = [part for part in (_bandit(subject), _semgrep(subject)) if part is not None]
    return together(parts, none=_NONE)


def _configured(subject: Subject, argv: tuple[str, ...]) -> Found:
    try:
        result = subject.run(argv, timeout_s=DEADLINE_S)
    except (ToolMissing, QueryTimeout) as error:
        return Found(Outcome.SKIP, f"{error} (validation.security_scan)")
    if result.ok:
        return Found(Outcome.PASS, f"{' '.join(argv[:3])} found nothing (validation.security_scan)")
    return Found(Outcome.FAIL, f"{ended(result)} (validation.security_scan): see its log, correct what it names")


def _bandit(subject: Subject) -> Found | None:
    if not any(names(subject.project_dir, {".py"})):
        return None
    left_out = ",".join(f"*/{name}" for name in (*(f"{name}/*" for name in (*sorted(VENDORED | TESTS), ".*")), *_TEST_FILES))
    options: tuple[str, ...] = ("--exclude", left_out, "--format", "json", "--quiet")
    if table(pyproject(subject.project_dir), "tool", "bandit"):
        options = ("--configfile", "pyproject.toml", *options)
    report = _asked(subject, ("bandit", "--recursive", ".", *options, "--output"))
    if isinstance(report, Found):
        return report
    findings = [entry for entry in report.get("results") or [] if isinstance(entry, dict)]
    severe = [one for one in findings if one.get("issue_severity") == one.get("issue_confidence") == "HIGH"]
    if report.get("errors") and not severe:
        return Found(Outcome.WARN, f"bandit could not read {counted(len(report['errors']), 'file')}: see its log")
    return _judged("bandit", [_place(one, "filename", one.get("line_number"), "test_id") for one in severe], len(findings))


def _semgrep(subject: Subject) -> Found | None:
    rules = next((name for name in _RULES if (subject.project_dir / name).exists()), None)
    if rules is None:
        return None
    argv = ("semgrep", "scan", f"--config={rules}", "--metrics=off", "--disable-version-check", "--quiet", "--json", "--output")
    report = _asked(subject, argv)
    if isinstance(report, Found):
        return report
    findings = [entry for entry in report.get("results") or [] if isinstance(entry, dict)]
    severe = [one for one in findings if _is_severe(table(one, "extra"))]
    return _judged("semgrep", [_place(one, "path", table(one, "start").get("line"), "check_id") for one in severe], len(findings))


def _is_severe(extra: Mapping[str, Any]) -> bool:
    """A rule that says nothing about its confidence is one of the project's own: it is meant."""
    return extra.get("severity") in _SEVERE and table(extra, "metadata").get("confidence", "HIGH") == "HIGH"


def _asked(subject: Subject, argv: tuple[str, ...]) -> dict[str, Any] | Found:
    """A scanner's report, or why there is none."""
    try:
        result, report = reported(subject, argv, timeout_s=DEADLINE_S)
    except (ToolMissing, QueryTimeout) as error:
        return Found(Outcome.SKIP, str(error))
    return Found(Outcome.SKIP, ended(result)) if report is None else report


def _judged(tool: str, severe: list[str], count: int) -> Found:
    if severe:
        return Found(
            Outcome.FAIL, f"{tool}: {len(severe)} severe of {counted(count, 'finding')}: {shown(severe, most=3)}: correct them"
        )
    if count:
        return Found(Outcome.WARN, f"{tool}: {counted(count, 'finding')}, none severe: see its log, correct or judge each")
    return Found(Outcome.PASS, f"{tool} found nothing")


def _place(finding: Mapping[str, Any], path: str, line: Any, rule: str) -> str:
    return f"{str(finding.get(path, '')).removeprefix('./')}:{line} {str(finding.get(rule, '')).rpartition('.')[2]}"
