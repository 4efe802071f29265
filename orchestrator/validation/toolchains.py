"""Which tools a project is made with: its JavaScript package manager, its Python interpreter, its Makefile's targets.

Looks at files only and runs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.validation.reading import json_object, table, text, toml_table

MANAGERS = ("npm", "yarn", "pnpm", "bun")
_BY_LOCK = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lockb": "bun", "bun.lock": "bun"}
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")


def package_json(project_dir: Path) -> dict[str, Any] | None:
    """Raises `reading.Unreadable`."""
    return json_object(project_dir, "package.json")


def pyproject(project_dir: Path) -> dict[str, Any]:
    """An empty one without the file. Raises `reading.Unreadable`."""
    return toml_table(project_dir, "pyproject.toml") or {}


def manager(project_dir: Path, package: Mapping[str, Any]) -> str:
    """``npm``, ``yarn``, ``pnpm`` or ``bun``: what package.json says, else whose lock file is there, else npm."""
    said = package.get("packageManager")
    name = said.partition("@")[0] if isinstance(said, str) else ""
    return name if name in MANAGERS else next((who for lock, who in _BY_LOCK.items() if (project_dir / lock).exists()), "npm")


def script(package: Mapping[str, Any], *candidates: str) -> str | None:
    """The first of *candidates* that package.json has a script for."""
    scripts = table(package, "scripts")
    return next((name for name in candidates if isinstance(scripts.get(name), str) and scripts[name].strip()), None)


def interpreter(project_dir: Path) -> str:
    """The Python of the project's own environment, else ``python3``."""
    own = [project_dir / name / "bin" / "python" for name in (".venv", "venv")]
    return next((str(path) for path in own if path.exists()), "python3")


def makes(project_dir: Path, target: str) -> bool:
    """Whether the project's Makefile has *target*. Raises `reading.Unreadable`."""
    file = next((name for name in _MAKEFILES if (project_dir / name).exists()), None)
    content = text(project_dir, file) if file else None
    return content is not None and re.search(rf"^{re.escape(target)}\s*::?(?!=)", content, re.MULTILINE) is not None
