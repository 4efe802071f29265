"""Which version a project has: `detect`. No code of the project is run.

The first that says one: package.json, pyproject.toml (there also what build tools fill in: see `pyproject`), the git tag.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.adapters import git, pyproject
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.versions import checked_version

_TAG = re.compile(r"v(?=\d)")


class Detected(NamedTuple):
    """A version, and where it stands: ``package.json``, ``pyproject.toml``, ``src/shop/__init__.py``, ``git tag v1.2.0``."""

    version: str
    source: str


def detect(project_dir: Path, state: git.GitState | None) -> Detected | None:
    """The project's version, or None if nothing says one.

    A commit after the last tag is not that tag's version: it is called ``1.2.0-3-g1a2b3c4``, as ``git describe`` does.

    Args:
        state: What `git.read` said.

    Raises:
        UsageProblem: A file says a version that cannot be read or used; the message names the file.
    """
    found = _package_json(project_dir) or pyproject.version(project_dir)
    if found is not None:
        version, source = found
        return Detected(checked_version(version, source), source)
    return _from_git(project_dir, state) if state and state.commit_sha else None


def package_json(project_dir: Path) -> dict[str, Any] | None:
    """The object in package.json; None without such a file.

    Raises:
        UsageProblem: It is no JSON object.
    """
    try:
        document = json.loads((project_dir / "package.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageProblem(f"package.json: cannot be read: {error}. Correct it, then try again.") from error
    if not isinstance(document, dict):
        raise UsageProblem("package.json: expected an object. Correct it, then try again.")
    return document


def _package_json(project_dir: Path) -> tuple[str, str] | None:
    version = (package_json(project_dir) or {}).get("version")
    if version is None or version == "":
        return None
    if not isinstance(version, str):
        raise UsageProblem(
            f"package.json: version: expected a string, got {json.dumps(version)[:60]}. Correct it, then try again."
        )
    return version.strip(), "package.json"


def _from_git(project_dir: Path, state: git.GitState) -> Detected | None:
    tag = state.tag or git.describe(project_dir)
    if tag is None:
        return None
    source = f"git tag {tag}" if state.tag else f"git describe {tag}"
    return Detected(checked_version(_TAG.sub("", tag, count=1) if tag[0] == "v" else tag, source), source)
