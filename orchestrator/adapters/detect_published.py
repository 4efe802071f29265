"""Targets that publish to the world or need an account: npm, PyPI, Vercel, Netlify, Kubernetes.

`init` writes them down switched off: only their owner can say that they are meant. Each function gives the kind, its entry and
what was seen, or None. No registry's address is ever written: each tool has its own default.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from orchestrator.adapters import pyproject

Found = tuple[str, dict[str, Any], str]

MANIFESTS = ("k8s", "kubernetes", ".k8s", "deploy/k8s", "deploy/kubernetes", "manifests")

_DEPLOYMENT = re.compile(r"^kind:\s*['\"]?Deployment['\"]?\s*(?:#.*)?$", re.MULTILINE)
_NAME = re.compile(r"^metadata:\s*\n(?:[ ]+.*\n)*?[ ]+name:\s*['\"]?([A-Za-z0-9.-]+)", re.MULTILINE)
_CONTAINER = re.compile(r"^\s*containers:\s*\n(?:.*\n)*?\s*(?:-\s+)?name:\s*['\"]?([A-Za-z0-9.-]+)", re.MULTILINE)


def npm(package: dict[str, Any] | None) -> Found | None:
    """A package that has a name and is not private."""
    name = package.get("name") if package else None
    if not isinstance(name, str) or not name or (package or {}).get("private"):
        return None
    access = "restricted" if name.startswith("@") else "public"
    return "npm", _off({"package_name": name, "access": access, "tag": "latest"}), "package.json is not private"


def pypi(document: dict[str, Any] | None) -> Found | None:
    """A project that has a name and does not say that it must not be uploaded."""
    name = pyproject.name(document or {})
    classifiers = pyproject.table(document or {}, "project").get("classifiers") or ()
    if name is None or any(str(classifier).startswith("Private ::") for classifier in classifiers):
        return None
    return "pypi", _off({"package_name": name, "distributions": ["wheel", "sdist"]}), f"{pyproject.FILE} names a project"


def vercel(project_dir: Path) -> Found | None:
    linked = _json(project_dir / ".vercel" / "project.json")
    if not linked and not (project_dir / "vercel.json").is_file():
        return None
    known = {"project_id": linked.get("projectId"), "org_id": linked.get("orgId")}
    config = {key: value for key, value in known.items() if isinstance(value, str)}
    return "vercel", _off(config), ".vercel/project.json" if linked else "vercel.json"


def netlify(project_dir: Path) -> Found | None:
    file = project_dir / "netlify.toml"
    if not file.is_file():
        return None
    try:
        build = tomllib.loads(file.read_text(encoding="utf-8")).get("build", {})
    except (ValueError, OSError) as error:
        return "netlify", _off({}), f"netlify.toml, which cannot be read: {error}"
    known = {
        "site_id": _json(project_dir / ".netlify" / "state.json").get("siteId"),
        "build_command": build.get("command") if isinstance(build, dict) else None,
        "publish_directory": build.get("publish") if isinstance(build, dict) else None,
    }
    return "netlify", _off({key: value for key, value in known.items() if isinstance(value, str)}), "netlify.toml"


def kubernetes(project_dir: Path, project: str) -> Found | None:
    """The first usual directory with a manifest of a Deployment."""
    for directory in MANIFESTS:
        files = sorted(path for pattern in ("*.yaml", "*.yml") for path in (project_dir / directory).glob(pattern))
        for file in files:
            for manifest in re.split(r"^---.*$", _text(file), flags=re.MULTILINE):
                if _DEPLOYMENT.search(manifest):
                    return (
                        "kubernetes",
                        _off(_kubernetes(project, directory, manifest)),
                        f"{directory}/{file.name} has a Deployment",
                    )
    return None


def kubernetes_config(project: str, manifests: str) -> dict[str, Any]:
    """Context and namespace are guesses that the user has to look at: nothing is deployed to whatever happens to be current."""
    return {"image_name": project, "context": project, "namespace": project, "manifests": manifests, "deployment": project}


def _kubernetes(project: str, directory: str, manifest: str) -> dict[str, Any]:
    names = {"deployment": _NAME.search(manifest), "container": _CONTAINER.search(manifest)}
    known = {key: match[1] for key, match in names.items() if match}
    return {**kubernetes_config(project, f"{directory}/"), **known}


def _off(config: dict[str, Any]) -> dict[str, Any]:
    return {"enabled": False, "config": config}


def _json(path: Path) -> dict[str, Any]:
    """The object in *path*; an empty one for anything else, since these files are other tools' notes."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
