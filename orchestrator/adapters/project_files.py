"""The project as the services see it: its version and commit, and digests of its sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.adapters import git, tree_digest
from orchestrator.adapters import version as versions
from orchestrator.domain.excludes import Excludes
from orchestrator.domain.versions import OPTION
from orchestrator.services.ports import SourceFacts


class ProjectTree:
    """Implements `services.ports.ProjectFiles`; our own data directory is no part of the project."""

    def __init__(self, project_dir: Path, data_dir: str) -> None:
        self._project, self._data = project_dir, Path(data_dir)

    def facts(self, version: str | None = None) -> SourceFacts:
        state = git.read(self._project, ignore=self._data)
        detected = versions.detect(self._project, state) if version is None else None
        return SourceFacts(
            version=detected.version if detected else version,
            version_source=detected.source if detected else (OPTION if version else ""),
            commit_sha=state.commit_sha if state else None,
            commit_time=state.committed_at if state else None,
            dirty=bool(state and state.dirty),
            problem=(state.problem or "") if state else "",
        )

    def digest(self, paths: Sequence[Path], excludes: Excludes, *, dockerignore: bool) -> str:
        return tree_digest.tree_digest(
            paths, root=self._project, excludes=excludes, ignore=(self._data,), dockerignore=dockerignore
        )
