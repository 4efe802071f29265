"""What `init` writes for a kind of target that is named and of which nothing was found: `default_target`.

Only fields that mean something as they stand; what nobody can guess (an account's project, a registry) is left to its owner. Not
here: what is found (`detect`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.adapters.detect import DetectedTarget, project_name, slug
from orchestrator.adapters.detect_docker import TAGS
from orchestrator.adapters.detect_published import kubernetes_config

WHY = "not detected here: default fields, complete them"


def default_target(project_dir: Path, kind: str) -> DetectedTarget | None:
    """A target of *kind*, switched on; None for a kind without defaults.

    Raises:
        UsageProblem: package.json or pyproject.toml cannot be read.
    """
    make = DEFAULTS.get(kind)
    if make is None:
        return None
    return DetectedTarget(kind, kind, {"enabled": True, "config": make(project_name(project_dir))}, WHY)


def _docker(project: str) -> dict[str, Any]:
    name = slug(project)
    run = {"name": name, "ports": [], "restart": "unless-stopped"}
    return {"image_name": name, "build_context": ".", "dockerfile": "Dockerfile", "tags": list(TAGS), "run": run}


DEFAULTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "docker": _docker,
    "npm": lambda project: {"package_name": project, "access": "public", "tag": "latest"},
    "pypi": lambda project: {"package_name": project, "distributions": ["wheel", "sdist"]},
    "vercel": lambda project: {"project_name": slug(project), "production": True},
    "netlify": lambda _project: {"production": True},
    "github_releases": lambda _project: {"generate_notes": True, "draft": False, "prerelease": False, "assets": []},
    "swarm": lambda project: {"image_name": slug(project), "service": slug(project), "replicas": 1},
    "kubernetes": lambda project: kubernetes_config(slug(project), "k8s"),
}
"""Kind to the configuration of a project with the given name."""
