"""Which files of a project its targets need, and which of them are there: `needed`, and `usual` while no target is known.

Only names are looked at; nothing is opened. What is in these files is judged by `validate`.
"""
# ruff: noqa: PTH110, PTH118 - `pop-deploy` alone starts without pathlib

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.adapters.detect_docker import COMPOSE_FILES

Needed = tuple[str, tuple[str, ...]]
"""A target, and names of which one has to be there."""

_KINDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "npm": (("package.json",),),
    "pypi": (("pyproject.toml", "setup.py", "setup.cfg"),),
    "vercel": (("vercel.json", ".vercel/project.json"),),
    "netlify": (("netlify.toml", ".netlify/state.json"),),
}
"""What a kind needs wherever its configuration says nothing else; each tuple is one need with its alternatives."""

USUAL = ("Dockerfile", *COMPOSE_FILES, "package.json", "pyproject.toml", "vercel.json", "netlify.toml")


def needed(project_dir: str, targets: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, bool]]:
    """(target, file, whether it is there) for each need; of alternatives the one that is there, else the first."""
    found = []
    for target, names in _needs(targets):
        there = next((name for name in names if os.path.exists(os.path.join(project_dir, name))), None)
        found.append((target, there or names[0], there is not None))
    return found


def usual(project_dir: str) -> list[str]:
    """Those of the usual files that are there."""
    return [name for name in USUAL if os.path.exists(os.path.join(project_dir, name))]


def _needs(targets: Mapping[str, Mapping[str, Any]]) -> Iterator[Needed]:
    for name, entry in targets.items():
        kind, config = entry.get("type") or name, entry.get("config") or {}
        yield from ((name, names) for names in _KINDS.get(kind, ()))
        yield from ((name, (said,)) for said in _said(kind, config))


def _said(kind: str, config: Mapping[str, Any]) -> Iterator[str]:
    """What the configuration itself names."""
    if kind == "docker":
        yield config.get("dockerfile") or "Dockerfile"
        if config.get("compose"):
            yield config["compose"].get("file") or COMPOSE_FILES[0]
    if kind == "kubernetes" and config.get("manifests"):
        yield config["manifests"]
    if kind == "local" and not config.get("build"):
        yield config.get("source") or "."  # a build makes it
