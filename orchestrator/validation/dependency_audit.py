"""Check `dependency-audit`: no dependency with a known vulnerability.

Asks those that know: the audits of npm, pnpm, yarn and bun, whose findings have a severity, and ``pip-audit``, whose have none.
High and critical ones in what is shipped fail; all others warn, those of unknown severity too. A tool that is missing, and a
registry that does not answer, are a SKIP. Which packages Python needs is taken from the lock file, else the requirements files.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import CommandResult, QueryTimeout, ToolMissing
from orchestrator.validation.audit_reports import Audit, severities
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.parts import counted, ended, one_line, shown, together
from orchestrator.validation.reading import table, text, toml_table
from orchestrator.validation.reports import reported
from orchestrator.validation.requirements import locked, parse
from orchestrator.validation.toolchains import manager, package_json

DEADLINE_S = 300.0
_NONE = "no dependencies that the audits of npm, pnpm, yarn, bun or pip-audit know"
_REQUIREMENTS = ("requirements.txt", "requirements[-_]*.txt", "requirements/*.txt")
_MOST_FILES = 20
_SEVERE = ("critical", "high")


def look(subject: Subject) -> Found:
    """Ask every tool that fits. Raises `reading.Unreadable`."""
    parts = [part for part in (_javascript(subject), _python(subject)) if part is not None]
    return together(parts, none=_NONE)


def _javascript(subject: Subject) -> Found | None:
    package = package_json(subject.project_dir)
    if package is None or not any(table(package, key) for key in ("dependencies", "devDependencies", "optionalDependencies")):
        return None
    try:
        return _audited(subject, Audit.of(manager(subject.project_dir, package), subject.project_dir))
    except (ToolMissing, QueryTimeout) as error:
        return Found(Outcome.SKIP, str(error))


def _audited(subject: Subject, audit: Audit) -> Found:
    everything = subject.run(audit.command, timeout_s=DEADLINE_S)
    counts = severities(audit, everything)
    if counts is None:
        return _unanswered(everything)
    if not sum(counts.values()):
        return Found(Outcome.PASS, f"{audit.name} knows no vulnerability")
    said = f"{audit.name}: {', '.join(f'{number} {severity}' for severity, number in counts.items() if number)}"
    if not any(counts[severity] for severity in _SEVERE):
        return Found(Outcome.WARN, f"{said}: update what {audit.name} names")
    shipped = severities(audit, subject.run((*audit.command, *audit.shipped), timeout_s=DEADLINE_S)) if audit.shipped else None
    if shipped is not None and not any(shipped[severity] for severity in _SEVERE):
        return Found(Outcome.WARN, f"{said}; the severe ones only in development dependencies: update them")
    return Found(Outcome.FAIL, f"{said}: update what {audit.name} names")


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
    if not pinned:
        return None
    listings = {file: versions for file, versions in pinned.items() if versions}
    loose = [file for file in pinned if file not in listings]
    parts = [_audited_python(subject, list(listings.values()))] if listings else []
    if loose:
        said = f"Python's dependencies in {shown(loose)} are not pinned, so they cannot be audited"
        parts.append(Found(Outcome.SKIP, f"{said}: lock them, then validate again"))
    return together(parts, none=_NONE)


def _audited_python(subject: Subject, listings: Sequence[Mapping[str, str]]) -> Found:
    with tempfile.TemporaryDirectory(prefix="pop-deploy-audit-") as directory:
        options: list[str] = []
        for number, pinned in enumerate(listings):  # the same package may have two versions in two files
            listed = Path(directory, f"requirements-{number}.txt")
            listed.write_text("".join(f"{name}=={version}\n" for name, version in sorted(pinned.items())), encoding="utf-8")
            options += ["--requirement", str(listed)]
        options += ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json", "--output"]
        try:
            result, report = reported(subject, ("pip-audit", *options), timeout_s=DEADLINE_S)
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


def _pinned(project: Path) -> dict[str, dict[str, str]]:
    """File to name to version of what Python installs, empty where that is not fixed; no file where Python needs nothing."""
    for file in ("uv.lock", "poetry.lock"):
        lock = toml_table(project, file)
        if lock is not None:
            return {file: found} if (found := locked(lock)) else {}
    pinned = {}
    for file in _requirements_files(project):
        if wanted := parse(text(project, file) or ""):
            exact = {one.name: one.pinned for one in wanted if one.pinned}
            pinned[file] = exact if len(exact) == len(wanted) else {}
    return pinned


def _requirements_files(project: Path) -> list[str]:
    """``requirements.txt`` first, then those of other names that are usual."""
    found = [path for pattern in _REQUIREMENTS for path in sorted(project.glob(pattern)) if path.is_file()]
    return [str(path.relative_to(project)) for path in found[:_MOST_FILES]]
