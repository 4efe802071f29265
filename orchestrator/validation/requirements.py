"""Reads what Python projects require: requirements files, and the packages of lock files. Resolves nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(.*)", re.DOTALL)
_EXACT = re.compile(r"===?\s*([^\s;,*]+)\s*(?:;.*)?", re.DOTALL)
_ELSEWHERE = ("git", "url", "path", "directory", "editable", "virtual", "file", "legacy")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of a requirements file.

    Attributes:
        name: Normalized, as indexes compare names.
        pinned: The exact version, or None.
        hashed: At least one hash of it is given.
    """

    name: str
    pinned: str | None
    hashed: bool


def normalized(name: str) -> str:
    """*name* as indexes compare it: ``Zope.Interface`` is ``zope-interface``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str | None:
    """The package that *requirement* (``Click[extra] >= 8; marker``) names, normalized."""
    match = _NAME.match(requirement.strip())
    return normalized(match[1]) if match else None


def parse(content: str) -> list[Requirement]:
    """The requirements in a file; its options (``-r``, ``--index-url``) and direct URLs without a name are left out."""
    return [found for line in logical_lines(content) if (found := _requirement(line))]


def logical_lines(content: str) -> list[str]:
    """Lines without comments and blank ones, those with a backslash at their end joined with the next."""
    joined = re.sub(r"\\\r?\n", " ", content)
    return [line for raw in joined.splitlines() if (line := re.sub(r"(^|\s)#.*", "", raw).strip())]


def locked(lock: Mapping[str, Any]) -> dict[str, str]:
    """Name to version of the packages of a ``poetry.lock`` or ``uv.lock`` that come from an index."""
    packages = [entry for entry in lock.get("package") or [] if isinstance(entry, dict)]
    return {
        normalized(str(entry["name"])): str(entry["version"])
        for entry in packages
        if "name" in entry and "version" in entry and not _from_elsewhere(entry.get("source"))
    }


def _requirement(line: str) -> Requirement | None:
    if line.startswith("-") or "://" in line.split(" ", 1)[0]:
        return None
    words, _, hashes = line.partition("--hash")
    match = _NAME.match(words.strip())
    if match is None:
        return None
    exact = _EXACT.fullmatch(match[2].strip())
    return Requirement(normalized(match[1]), exact[1] if exact else None, bool(hashes))


def _from_elsewhere(source: Any) -> bool:
    if not isinstance(source, dict):
        return False
    return source.get("type") in _ELSEWHERE or any(key in source for key in _ELSEWHERE if key not in ("url", "legacy"))
