"""Check `licences`: the dependencies that are shipped may be used and passed on.

What each says is read from package-lock.json or ``node_modules``, and from the metadata in the project's own Python environment
(``.venv``); nothing is asked over the network. With ``validation.allowed_licences`` in deploy.json (SPDX identifiers) everything
else fails; without it strong copyleft in a project that is not itself under such a licence is a warning. Never blocking: whether
a licence fits is for people to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.domain.readiness import Outcome
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.parts import counted, shown
from orchestrator.validation.reading import Unreadable, json_object, table, text
from orchestrator.validation.spdx import alternatives
from orchestrator.validation.toolchains import package_json, pyproject

_NONE = "no package-lock.json, node_modules or .venv that would say the licences of the dependencies"
_STRONG = re.compile(r"(?:A?GPL|SSPL|OSL|EUPL|CC-BY-SA)(?:-|$)", re.IGNORECASE)
_MOST_PACKAGES = 20_000
_LARGEST_METADATA = 1 << 20
_METADATA = (".venv/lib/python3*/site-packages/*.dist-info", "venv/lib/python3*/site-packages/*.dist-info")
_TOOLS = {"pip", "setuptools", "wheel"}  # every environment has them; none is shipped
_CLASSIFIED = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
}


def look(subject: Subject) -> Found:
    """Raises `reading.Unreadable`: package.json, its lock file or pyproject.toml cannot be read."""
    said = {**_javascript(subject.project_dir), **_python(subject.project_dir)}
    if not said:
        return Found(Outcome.SKIP, _NONE)
    unknown = sorted(name for name, licence in said.items() if not licence)
    silent = f"; none is known for {shown(unknown)}" if unknown else ""
    all_of_them = counted(len(said), "dependency", "dependencies")
    allowed = subject.config.validation.allowed_licences
    if allowed:
        refused = [f"{name} ({one})" for name, one in sorted(said.items()) if one and not _allowed(one, allowed)]
        if refused:
            return Found(Outcome.FAIL, f"not in validation.allowed_licences: {shown(refused)}{silent}: replace or allow them")
    elif not _STRONG.match(_own(subject.project_dir)):  # what is itself under one may use it
        strong = [f"{name} ({one})" for name, one in sorted(said.items()) if one and _strong(one)]
        if strong:
            return Found(Outcome.WARN, f"strong copyleft: {shown(strong)}{silent}: make sure that it fits, or replace them")
    if unknown:
        return Found(Outcome.WARN, f"of {all_of_them}, no licence is known for {shown(unknown)}: look them up")
    return Found(
        Outcome.PASS, f"{all_of_them}, all under {'an allowed licence' if allowed else 'a licence without strong copyleft'}"
    )


def _allowed(licence: str, allowed: tuple[str, ...]) -> bool:
    fine = {name.lower() for name in allowed}
    return any(all(name.lower() in fine for name in together) for together in alternatives(licence))


def _strong(licence: str) -> bool:
    """No choice without it: in ``MIT OR GPL-3.0-only`` there is one."""
    return all(any(_STRONG.match(name) for name in together) for together in alternatives(licence))


def _own(project: Path) -> str:
    """The project's own licence, "" where it says none or is proprietary."""
    package, document = package_json(project) or {}, table(pyproject(project), "project")
    said = package.get("license") or document.get("license")
    return str(said.get("text", "")) if isinstance(said, dict) else str(said or "")


def _javascript(project: Path) -> dict[str, str]:
    lock = json_object(project, "package-lock.json") or {}
    shipped = {
        path: entry
        for path, entry in table(lock, "packages").items()
        if "node_modules/" in path and isinstance(entry, dict) and not entry.get("dev") and not entry.get("link")
    }
    return {
        path.rpartition("node_modules/")[2]: _text_of(entry) or _text_of(_installed(project, path))
        for path, entry in shipped.items()
    }


def _installed(project: Path, path: str) -> Mapping[str, Any]:
    """package.json of an installed package; older versions of npm do not copy its licence into the lock file."""
    if ".." in path.split("/"):
        return {}
    try:
        return json_object(project, f"{path}/package.json") or {}
    except Unreadable:
        return {}


def _text_of(entry: Mapping[str, Any]) -> str:
    said = entry.get("license") or entry.get("licenses")
    if isinstance(said, list):
        return " OR ".join(filter(None, (_text_of({"license": one}) for one in said)))
    if isinstance(said, dict):
        said = said.get("type")
    return said if isinstance(said, str) and said not in ("UNKNOWN", "UNLICENSED") and "SEE LICENSE" not in said else ""


def _python(project: Path) -> dict[str, str]:
    found = dict(_metadata(project))
    own = str(table(pyproject(project), "project").get("name", ""))
    return {name: licence for name, licence in found.items() if name.lower() not in {own.lower(), *_TOOLS}}


def _metadata(project: Path) -> Iterator[tuple[str, str]]:
    places = [place for pattern in _METADATA for place in sorted(project.glob(pattern))]
    for place in places[:_MOST_PACKAGES]:
        try:
            content = text(place, "METADATA", limit=_LARGEST_METADATA)
        except Unreadable:
            content = None
        yield place.name.partition("-")[0], _licence_in(content or "")


def _licence_in(metadata: str) -> str:
    from email.parser import HeaderParser

    headers = HeaderParser().parsestr(metadata)
    if said := headers.get("License-Expression"):
        return str(said)
    classifiers = [
        str(line).rpartition(" :: ")[2] for line in headers.get_all("Classifier") or () if str(line).startswith("License ::")
    ]
    known = [_CLASSIFIED[name] for name in classifiers if name in _CLASSIFIED]
    if known:
        return " OR ".join(known)
    free = str(headers.get("License") or "")
    return free if free and len(free) < 100 and "\n" not in free and free.upper() != "UNKNOWN" else ""
