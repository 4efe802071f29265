"""Check `dependency-audit`: no dependency with a known vulnerability.

Asks the tools that know: ``npm audit`` and ``pnpm audit`` (whose findings have a severity), ``pip-audit`` (whose findings have
none). High and critical ones in what is shipped fail; all others warn, those of unknown severity too. A tool that is missing, and
a registry that does not answer, are a SKIP. Which packages Python needs is taken from the lock file, else the requirements.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import CommandResult, QueryTimeout, ToolMissing
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.parts import counted, ended, one_line, shown, together
from orchestrator.validation.reading import table, text, toml_table
from orchestrator.validation.reports import reported
from orchestrator.validation.requirements import locked, parse
from orchestrator.validation.toolchains import manager, package_json

DEADLINE_S = 300.0
_NONE = "no dependencies that npm audit, pnpm audit or pip-audit know"
_SEVERITIES = ("critical", "high", "moderate", "low", "info")
_SEVERE = ("critical", "high")


def look(subject: Subject) -> Found:
    """Ask every tool that fits. Raises `reading.Unreadable`."""
    parts = [part for part in (_javascript(subject), _python(subject)) if part is not None]
    return together(parts, none=_NONE)


def _javascript(subject: Subject) -> Found | None:
    package = package_json(subject.project_dir)
    if package is None or not any(table(package, key) for key in ("dependencies", "devDependencies", "optionalDependencies")):
        return None
    tool = manager(subject.project_dir, package)
    if tool not in ("npm", "pnpm"):
        return Found(Outcome.SKIP, f"dependencies of {tool} were not audited: run its own audit and bring its report along")
    try:
        return _audited(subject, tool)
    except (ToolMissing, QueryTimeout) as error:
        return Found(Outcome.SKIP, str(error))


def _audited(subject: Subject, tool: str) -> Found:
    everything = subject.run((tool, "audit", "--json"), timeout_s=DEADLINE_S)
    counts = _counts(everything)
    if counts is None:
        return _unanswered(everything)
    if not sum(counts.values()):
        return Found(Outcome.PASS, f"{tool} audit knows no vulnerability")
    said = f"{tool} audit: {', '.join(f'{number} {severity}' for severity, number in counts.items() if number)}"
    if not any(counts[severity] for severity in _SEVERE):
        return Found(Outcome.WARN, f"{said}: update what {tool} audit names")
    shipped = _counts(subject.run((tool, "audit", "--json", "--omit=dev" if tool == "npm" else "--prod"), timeout_s=DEADLINE_S))
    if shipped is not None and not any(shipped[severity] for severity in _SEVERE):
        return Found(Outcome.WARN, f"{said}; the severe ones only in development dependencies: update them")
    return Found(Outcome.FAIL, f"{said}: update what {tool} audit names")


def _counts(result: CommandResult) -> dict[str, int] | None:
    """Findings by severity; None where the tool could not ask.

    The numbers stand at the end of the report, so they are there also where its beginning was cut off.
    """
    match = re.search(r'"metadata"\s*:\s*(\{.*)', result.stdout[result.stdout.rfind('"metadata"') :], re.DOTALL)
    try:
        metadata, _ = json.JSONDecoder().raw_decode(match[1]) if match else ({}, 0)
    except ValueError:
        return None
    said = table(metadata, "vulnerabilities")
    return {severity: int(said.get(severity, 0)) for severity in _SEVERITIES} if said else None


def _unanswered(result: CommandResult) -> Found:
    try:
        report = json.loads(result.stdout)
    except ValueError:
        return Found(Outcome.SKIP, f"{ended(result)}: try again when the registry answers")
    error = table(report, "error")
    said = error.get("summary") or error.get("message") or (report.get("message") if isinstance(report, dict) else None)
    words = f": {one_line(str(said))}" if said else ""
    return Found(Outcome.SKIP, f"{result.argv[0]} audit could not ask{words}")


def _python(subject: Subject) -> Found | None:
    pinned = _pinned(subject.project_dir)
    if pinned is None:
        return None
    if not pinned:
        return Found(
            Outcome.SKIP, "Python's dependencies are not pinned, so they cannot be audited: lock them, then validate again"
        )
    with tempfile.TemporaryDirectory(prefix="pop-deploy-audit-") as directory:
        listed = Path(directory, "requirements.txt")
        listed.write_text("".join(f"{name}=={version}\n" for name, version in sorted(pinned.items())), encoding="utf-8")
        options = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json", "--output")
        try:
            argv = ("pip-audit", "--requirement", str(listed), *options)
            result, report = reported(subject, argv, timeout_s=DEADLINE_S)
        except (ToolMissing, QueryTimeout) as error:
            return Found(Outcome.SKIP, str(error))
    return Found(Outcome.SKIP, ended(result)) if report is None else _judged(report)


def _judged(report: Mapping[str, Any]) -> Found:
    packages = [entry for entry in report.get("dependencies") or [] if isinstance(entry, dict)]
    found = {f"{entry['name']} {entry.get('version', '')}".strip(): entry["vulns"] for entry in packages if entry.get("vulns")}
    unknown = [str(entry["name"]) for entry in packages if "skip_reason" in entry]
    if found:
        names = [f"{name} ({vulns[0].get('id')})" for name, vulns in found.items()]
        count = sum(len(vulns) for vulns in found.values())
        return Found(Outcome.WARN, f"pip-audit: {count} of a severity it does not say: {shown(names)}: update, or judge each")
    if unknown:
        return Found(Outcome.SKIP, f"pip-audit could not look at {shown(unknown)}, and knows no vulnerability in the others")
    return Found(Outcome.PASS, f"pip-audit knows no vulnerability in {counted(len(packages), 'package')}")


def _pinned(project: Path) -> dict[str, str] | None:
    """Name to version of what Python installs; empty where that is not fixed; None where Python needs nothing."""
    for file in ("uv.lock", "poetry.lock"):
        lock = toml_table(project, file)
        if lock is not None:
            return locked(lock) or None
    content = text(project, "requirements.txt")
    if content is None:
        return None
    wanted = parse(content)
    if not wanted:
        return None
    exact = {one.name: one.pinned for one in wanted if one.pinned}
    return exact if len(exact) == len(wanted) else {}
