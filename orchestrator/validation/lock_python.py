"""Whether the lock file of uv or poetry, or a requirements file of pip, fixes what a Python project asks for.

The tool itself is asked where it is there. Without it poetry's own digest of pyproject.toml is compared, and uv's names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import CommandResult, QueryTimeout, ToolMissing
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.parts import counted, ended, shown
from orchestrator.validation.reading import Unreadable, table, text, toml_table
from orchestrator.validation.requirements import logical_lines, name_of, normalized, parse
from orchestrator.validation.toolchains import pyproject

DEADLINE_S = 120.0
_POETRY_LEGACY = ("dependencies", "source", "extras", "dev-dependencies")
_POETRY_KEYS = (*_POETRY_LEGACY, "group")
_PROJECT_KEYS = ("requires-python", "dependencies", "optional-dependencies")


def look(subject: Subject) -> Found | None:
    """None where nothing is asked for. Raises `reading.Unreadable`: pyproject.toml cannot be read."""
    project, document = subject.project_dir, pyproject(subject.project_dir)
    try:
        if (project / "uv.lock").exists() or table(document, "tool", "uv"):
            return _uv(subject, document)
        if (project / "poetry.lock").exists() or table(document, "tool", "poetry"):
            return _poetry(subject, document)
        if (project / "requirements.txt").exists() or (project / "requirements.in").exists():
            return _pip(subject)
    except Unreadable as error:  # of the lock file: whoever installs from it cannot read it either
        return Found(Outcome.FAIL, str(error))
    if table(document, "project").get("dependencies"):
        return Found(Outcome.SKIP, "pyproject.toml has dependencies, but no lock file of uv, poetry or pip is in use")
    return None


def _uv(subject: Subject, document: Mapping[str, Any]) -> Found:
    lock = toml_table(subject.project_dir, "uv.lock")
    if lock is None:
        return _missing("uv.lock", "uv lock")
    if (result := _asked(subject, "uv", "lock", "--check")) is None:
        return _uv_compared(lock, document)
    if result.ok:
        return Found(Outcome.PASS, "uv.lock agrees with pyproject.toml")
    if "needs to be updated" in result.stderr:
        return Found(Outcome.FAIL, "uv.lock does not agree with pyproject.toml: renew it with uv lock")
    return Found(Outcome.SKIP, ended(result))


def _uv_compared(lock: Mapping[str, Any], document: Mapping[str, Any]) -> Found:
    """Without uv: the names agree or not; ranges are written in another form there, which only uv can compare."""
    own = normalized(str(table(document, "project").get("name", "")))
    packages = [entry for entry in lock.get("package") or [] if isinstance(entry, dict)]
    recorded = next((table(entry, "metadata") for entry in packages if entry.get("name") == own), {})
    known = {
        normalized(str(entry["name"]))
        for entry in recorded.get("requires-dist") or []
        if "extra ==" not in entry.get("marker", "")
    }
    asked = {name for line in table(document, "project").get("dependencies") or [] if (name := name_of(str(line)))}
    if different := sorted(known ^ asked):
        return Found(Outcome.FAIL, f"uv.lock does not agree with pyproject.toml on {shown(different)}: renew it with uv lock")
    return Found(Outcome.SKIP, "uv is not on PATH: uv.lock has the right names, but its versions were not compared")


def _poetry(subject: Subject, document: Mapping[str, Any]) -> Found:
    lock = toml_table(subject.project_dir, "poetry.lock")
    if lock is None:
        return _missing("poetry.lock", "poetry lock")
    recorded = table(lock, "metadata").get("content-hash")
    # Newer versions of poetry count dependency groups, older ones do not.
    if recorded in (_poetry_digest(document, groups=True), _poetry_digest(document, groups=False)):
        return Found(Outcome.PASS, "poetry.lock agrees with pyproject.toml")
    return Found(Outcome.FAIL, "poetry.lock does not agree with pyproject.toml: renew it with poetry lock")


def _poetry_digest(document: Mapping[str, Any], *, groups: bool) -> str:
    """What poetry calls ``content-hash``: of all that decides what is locked, in its order and form."""
    said, tool = table(document, "project"), table(document, "tool", "poetry")
    project = {key: said[key] for key in _PROJECT_KEYS if said.get(key) is not None}
    grouped = table(document, "dependency-groups") if groups else {}
    others = {
        key: tool.get(key)
        for key in _POETRY_KEYS
        if tool.get(key) is not None or (key in _POETRY_LEGACY and not project and not grouped)
    }
    above = {**({"project": project} if project else {}), **({"dependency-groups": grouped} if grouped else {})}
    covered = {**above, "tool": {"poetry": others}} if above else others
    return hashlib.sha256(json.dumps(covered, sort_keys=True, default=str).encode()).hexdigest()


def _pip(subject: Subject) -> Found | None:
    content = text(subject.project_dir, "requirements.txt")
    if content is None:
        return _missing("requirements.txt", "pip-compile requirements.in")
    wanted, asked = parse(content), text(subject.project_dir, "requirements.in")
    if asked is not None:
        absent = sorted({one.name for one in parse(asked)} - {one.name for one in wanted})
        if absent:
            return Found(Outcome.FAIL, f"requirements.txt lacks {shown(absent)} of requirements.in: run pip-compile again")
    if not wanted:
        return None
    loose = sorted({one.name for one in wanted if not one.pinned} - _constrained(subject, content))
    if loose:
        return Found(Outcome.WARN, f"requirements.txt does not pin {shown(loose)}: pin every version, best with hashes")
    hashed = "with hashes" if all(one.hashed for one in wanted) else "without hashes"
    return Found(Outcome.PASS, f"requirements.txt pins {counted(len(wanted), 'package')}, {hashed}")


def _constrained(subject: Subject, content: str) -> set[str]:
    """Names that a constraints file pins: one the requirements name, or ``constraints.txt``."""
    lines = [line.replace("=", " ").split() for line in logical_lines(content) if line.startswith(("-c", "--constraint"))]
    files = [words[1] for words in lines if len(words) > 1] or ["constraints.txt"]
    said = [text(subject.project_dir, file) or "" for file in files if "://" not in file]
    return {one.name for content in said for one in parse(content) if one.pinned}


def _asked(subject: Subject, *argv: str) -> CommandResult | None:
    """None where the tool is missing or does not answer."""
    try:
        return subject.run(argv, timeout_s=DEADLINE_S)
    except (ToolMissing, QueryTimeout):
        return None


def _missing(file: str, command: str) -> Found:
    return Found(Outcome.WARN, f"{file} is missing, so every installation may be another one: make it with {command}")
