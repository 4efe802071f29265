"""What `init` finds in a project, and the deploy.json that follows: `detect`, `initial_document`, `renewed_document`.

Looks at files and never runs anything. What can be deployed to at once is enabled (`local`, and `docker` where there is a
Dockerfile); what publishes to the world, or needs an account, is written down and switched off. Not here: asking, backing up and
writing (`deploy_json`).
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.adapters import detect_docker, detect_published, pyproject
from orchestrator.adapters.version import package_json

LONGEST_NAME = 200
HISTORY = "history"

_SOURCES = ("public", "dist", "build", "site")
_BUILT = ("dist", "build", "site", "public")
# A project's own directory holds much that must never be served; .git and our data are left out by the target itself.
_NEVER_SERVED = (".env", ".env.*", ".claude", "*.log", "node_modules", ".venv", "venv", "__pycache__")
_KEPT = ("project_name", "created_at", "default_environment", "environments", "ci", HISTORY)


@dataclass(frozen=True, slots=True)
class DetectedTarget:
    """Something the project can be deployed to.

    Attributes:
        name: Key below ``targets``.
        entry: What stands there; `initial_document` adds ``primary``.
        why: What was seen, for whoever is asked; one line.
    """

    name: str
    kind: str
    entry: dict[str, Any]
    why: str


def detect(project_dir: Path, environ: Mapping[str, str] | None = None) -> list[DetectedTarget]:
    """All targets of the project, the one to make primary first. `local` is always among them.

    Raises:
        UsageProblem: package.json or pyproject.toml cannot be read.
    """
    name = project_name(project_dir)
    package = package_json(project_dir)
    found = [
        detect_docker.docker(project_dir, slug(name)),
        _local(project_dir, slug(name), package, os.environ if environ is None else environ),
        detect_published.npm(package),
        detect_published.pypi(pyproject.load(project_dir)),
        detect_published.vercel(project_dir),
        detect_published.netlify(project_dir),
        detect_published.kubernetes(project_dir, slug(name)),
    ]
    targets = [DetectedTarget(kind, kind, entry, why) for kind, entry, why in filter(None, found)]
    return sorted(targets, key=lambda target: not target.entry["enabled"])


def project_name(project_dir: Path) -> str:
    """By package.json (without its scope), pyproject.toml, or the directory; never empty, on one line.

    Raises:
        UsageProblem: See `detect`.
    """
    said = (package_json(project_dir) or {}).get("name")
    candidates = (
        said.rpartition("/")[2] if isinstance(said, str) else "",
        pyproject.name(pyproject.load(project_dir) or {}) or "",
        project_dir.resolve().name,
    )
    return next((name for candidate in candidates if (name := _on_one_line(candidate))), "project")


def slug(name: str) -> str:
    """*name* as a part of an image's or a directory's name: ``Mein Café`` becomes ``mein-cafe``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-") or "app"


def initial_document(project_dir: Path, targets: Sequence[DetectedTarget], *, created_at: str) -> dict[str, Any]:
    """The deploy.json of a project with *targets*; the first enabled one is primary.

    Args:
        created_at: ISO 8601 with offset.
    """
    primary = next((target.name for target in targets if target.entry["enabled"]), None)
    return {
        "version": "1.0",
        "project_name": project_name(project_dir),
        "created_at": created_at,
        "default_environment": "staging",
        "environments": {"staging": {}, "production": {"requires_validation": True, "auto_rollback": True}},
        "targets": {
            target.name: {"enabled": target.entry["enabled"], "primary": target.name == primary, **target.entry}
            for target in targets
        },
        "ci": _ci(project_dir),
        HISTORY: [],
    }


def renewed_document(existing: Mapping[str, Any], fresh: Mapping[str, Any]) -> dict[str, Any]:
    """*fresh*, from `initial_document`, for a project that has a deploy.json already.

    Its name stays (the store knows the project by it), and so do environments, history, and keys that are not ours; of the
    targets those that were detected are written anew, the others stay. Exactly one is primary in the end.
    """
    kept = {key: existing[key] for key in _KEPT if key in existing}
    document = {**existing, **fresh, **kept, "targets": {**_others(existing.get("targets")), **fresh["targets"]}}
    history = document.pop(HISTORY)
    return {**document, HISTORY: history}  # what grows comes last


def _others(targets: Any) -> dict[str, Any]:
    entries = targets.items() if isinstance(targets, dict) else ()
    return {name: {**entry, "primary": False} if isinstance(entry, dict) else entry for name, entry in entries}


def _local(
    project_dir: Path, project: str, package: dict[str, Any] | None, environ: Mapping[str, str]
) -> tuple[str, dict[str, Any], str]:
    source, build = _source(project_dir, package)
    path = _release_directory(project_dir, project, environ)
    config: dict[str, Any] = {"path": str(path), "source": source}
    if source == ".":
        config["exclude"] = list(_NEVER_SERVED)
    if build:
        config["build"] = build
    staging = {"config": {"path": f"{path}-staging"}}
    seen = f"{source}/ is what would be released" if source != "." else "this directory is what would be released"
    return "local", {"enabled": True, "config": config, "environments": {"staging": staging}}, f"{seen}, to {path}"


def _source(project_dir: Path, package: dict[str, Any] | None) -> tuple[str, list[str] | None]:
    """The directory to release, and the command that builds it where there is one."""
    scripts = package.get("scripts") if package else None
    builds = isinstance(scripts, dict) and isinstance(scripts.get("build"), str)
    if package is None and any((project_dir / name).exists() for name in (pyproject.FILE, "setup.py")):
        candidates: tuple[str, ...] = ("public", "site")  # dist and build hold packages, not pages
    else:
        candidates = _BUILT if builds else _SOURCES  # with a build, public is what it copies from
    source = next((name for name in candidates if (project_dir / name).is_dir()), ".")
    made = builds and source in ("dist", "build")
    return source, [_package_manager(project_dir), "run", "build"] if made else None


def _package_manager(project_dir: Path) -> str:
    by_lock = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lockb": "bun", "bun.lock": "bun"}
    return next((manager for lock, manager in by_lock.items() if (project_dir / lock).exists()), "npm")


def _release_directory(project_dir: Path, project: str, environ: Mapping[str, str]) -> Path:
    """A directory of the user's, outside the project: a release must not become a part of its own source."""
    data, home = environ.get("XDG_DATA_HOME", ""), environ.get("HOME", "")
    inside = project_dir.resolve()
    for base in (Path(data) if data else None, Path(home, ".local", "share") if home else None):
        if base and base.is_absolute() and not base.resolve().is_relative_to(inside):
            return base / "pop-deploy" / project
    return inside.with_name(f"{inside.name or project}-releases")


def _ci(project_dir: Path) -> dict[str, Any]:
    workflows = project_dir / ".github" / "workflows"
    if any(any(workflows.glob(pattern)) for pattern in ("*.yml", "*.yaml")):
        return {"provider": "github_actions", "triggers": {}, "manual_only": False}
    if (project_dir / ".gitlab-ci.yml").exists():
        return {"provider": "gitlab_ci", "triggers": {}, "manual_only": False}
    return {"provider": None, "triggers": {}, "manual_only": True}


def _on_one_line(name: str) -> str:
    return "".join(character for character in name if character.isprintable()).lstrip("- ").strip()[:LONGEST_NAME].strip()
