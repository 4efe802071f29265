"""Whether the lock file of npm, yarn or pnpm agrees with package.json.

npm's and yarn's are compared here: both record every range that was asked for, so nothing has to be asked. (``npm ci --dry-run``
removed ``node_modules`` in some versions of npm.) pnpm says it itself where it is there; its own format is read otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import QueryTimeout, ToolMissing
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.parts import counted, ended, shown
from orchestrator.validation.reading import Unreadable, json_object, table, text
from orchestrator.validation.toolchains import manager, package_json

_GROUPS = ("dependencies", "devDependencies", "optionalDependencies")
_NPM_GROUPS = (*_GROUPS, "peerDependencies")
_RENEW = {
    "npm": "npm install --package-lock-only",
    "yarn": "yarn install",
    "pnpm": "pnpm install --lockfile-only",
    "bun": "bun install",
}


def look(subject: Subject) -> Found | None:
    """None where package.json asks for nothing. Raises `reading.Unreadable`: package.json cannot be read."""
    package = package_json(subject.project_dir)
    if package is None or not (_wanted(package) or package.get("workspaces")):
        return None
    tool = manager(subject.project_dir, package)
    try:
        return {"npm": _npm, "yarn": _yarn, "pnpm": _pnpm}.get(tool, _bun)(subject, package)
    except Unreadable as error:  # of the lock file: whoever installs from it cannot read it either
        return Found(Outcome.FAIL, str(error))


def _npm(subject: Subject, package: Mapping[str, Any]) -> Found:
    file = next((name for name in ("npm-shrinkwrap.json", "package-lock.json") if (subject.project_dir / name).exists()), None)
    lock = json_object(subject.project_dir, file) if file else None
    if file is None or lock is None:
        return _missing("package-lock.json", "npm")
    locked = lock.get("packages")
    if not isinstance(locked, dict):
        return _npm_first_version(file, lock, package)
    different = [
        name for place, wanted in _members(subject.project_dir, locked, package) for name in _npm_differs(locked, place, wanted)
    ]
    return _judged(file, "npm", different, len(_wanted(package)))


def _npm_first_version(file: str, lock: Mapping[str, Any], package: Mapping[str, Any]) -> Found:
    """Of npm 6: it does not record what was asked for, so only the names can be compared."""
    absent = sorted(set(_wanted(package)) - set(table(lock, "dependencies")))
    if absent:
        return _judged(file, "npm", absent, 0)
    return Found(Outcome.SKIP, f"{file} is of a version that does not say what was asked for: renew it with {_RENEW['npm']}")


def _members(project: Path, locked: Mapping[str, Any], package: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The project and its workspaces: place in the lock file, and what is asked for there."""
    places = [
        place for place in locked if place and not place.startswith("/") and not {"node_modules", ".."} & {*place.split("/")}
    ]
    return [("", package), *[(place, json_object(project, f"{place}/package.json") or {}) for place in places]]


def _npm_differs(locked: Mapping[str, Any], place: str, package: Mapping[str, Any]) -> list[str]:
    recorded = locked.get(place)
    found = []
    for group in _NPM_GROUPS:
        asked, known = table(package, group), table(recorded, group)
        if group == "dependencies":  # npm leaves what is optional out of the other group
            asked = {name: spec for name, spec in asked.items() if name not in table(package, "optionalDependencies")}
        found += [name for name in {**asked, **known} if asked.get(name) != known.get(name)]
    installed = {path.rpartition("node_modules/")[2] for path in locked if "node_modules/" in path}
    needed = {**table(package, "dependencies"), **table(package, "devDependencies")}
    return list(dict.fromkeys([*found, *[name for name in needed if name not in installed]]))


def _yarn(subject: Subject, package: Mapping[str, Any]) -> Found:
    content = text(subject.project_dir, "yarn.lock")
    if content is None:
        return _missing("yarn.lock", "yarn")
    entries = {
        entry.strip().strip('"') for line in re.findall(r"^(\S.*):\s*$", content, re.MULTILINE) for entry in line.split(",")
    }
    different = [
        name
        for name, spec in _wanted(package).items()
        if not {f"{name}@{spec}", f"{name}@npm:{spec}"} & entries
        and not spec.startswith(("workspace:", "patch:", "portal:", "link:"))
    ]
    return _judged("yarn.lock", "yarn", different, len(_wanted(package)))


def _pnpm(subject: Subject, package: Mapping[str, Any]) -> Found:
    content = text(subject.project_dir, "pnpm-lock.yaml")
    if content is None:
        return _missing("pnpm-lock.yaml", "pnpm")
    try:
        result = subject.run(("pnpm", "install", "--lockfile-only", "--frozen-lockfile", "--ignore-scripts"), timeout_s=120.0)
    except (ToolMissing, QueryTimeout):
        return _pnpm_compared(content, package)
    if result.ok:
        return Found(Outcome.PASS, "pnpm-lock.yaml agrees with package.json")
    if "OUTDATED_LOCKFILE" in result.stdout + result.stderr:
        return Found(Outcome.FAIL, f"pnpm-lock.yaml does not agree with package.json: renew it with {_RENEW['pnpm']}")
    return Found(Outcome.SKIP, ended(result))


def _pnpm_compared(content: str, package: Mapping[str, Any]) -> Found:
    recorded = _pnpm_specifiers(content)
    if recorded is None:
        return Found(
            Outcome.SKIP, "pnpm-lock.yaml is of a version that only pnpm can compare, and pnpm is not on PATH: install it"
        )
    wanted = _wanted(package)
    different = [name for name in {**wanted, **recorded} if wanted.get(name) != recorded.get(name)]
    return _judged("pnpm-lock.yaml", "pnpm", different, len(wanted))


def _pnpm_specifiers(content: str) -> dict[str, str] | None:
    """Name to what was asked for, of the project itself; None for a format other than 6 and 9.

    Not a YAML parser: pnpm writes one layout only, and it is that layout which is read.
    """
    version = re.search(r"^lockfileVersion: '?([69])\.", content, re.MULTILINE)
    if version is None:
        return None
    own = re.search(r"^importers:\n\n?  \.:(?: \{\})?\n((?:(?:    .*)?\n)*)", content, re.MULTILINE)
    body = own[1] if own else content
    groups = re.findall(rf"^ *(?:{'|'.join(_GROUPS)}):\n((?:(?: +.*)?\n)*)", body, re.MULTILINE)
    pairs = [pair for group in groups for pair in re.findall(r"^ +(\S+):\n +specifier: (.+)$", group, re.MULTILINE)]
    return {name.strip("'\""): spec.strip().strip("'\"") for name, spec in pairs}


def _bun(subject: Subject, _: Mapping[str, Any]) -> Found:
    if any((subject.project_dir / name).exists() for name in ("bun.lock", "bun.lockb")):
        return Found(Outcome.SKIP, "the lock file of bun is not compared with package.json: run bun install --frozen-lockfile")
    return _missing("bun.lock", "bun")


def _judged(file: str, tool: str, different: list[str], count: int) -> Found:
    if different:
        names = shown(sorted(set(different)))
        return Found(Outcome.FAIL, f"{file} does not agree with package.json on {names}: renew it with {_RENEW[tool]}")
    return Found(Outcome.PASS, f"{file} agrees with package.json on {counted(count, 'dependency', 'dependencies')}")


def _missing(file: str, tool: str) -> Found:
    return Found(Outcome.WARN, f"{file} is missing, so every installation may be another one: make it with {_RENEW[tool]}")


def _wanted(package: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(spec) for group in _GROUPS for name, spec in table(package, group).items()}
