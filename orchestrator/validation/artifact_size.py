"""Check `artifact-size`: what would be released is not larger than allowed, and has not suddenly grown.

Measured is what can be measured before a deployment: the source directory of a local target, and the archives in ``dist`` of a
project that publishes a package. The limit is ``validation.max_artifact_bytes``; what the last release measured stands in
`Subject.sizes`. An image is only made by its deployment, so there is nothing to measure yet.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from orchestrator.domain.excludes import Excludes
from orchestrator.domain.paths import checked_input_path
from orchestrator.domain.readiness import Outcome
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.parts import shown

MOST_FILES = 200_000
GROWTH = 1.5
_ARCHIVES = (".whl", ".tar.gz", ".tgz", ".zip")


def look(subject: Subject) -> Found:
    measured = measure(subject)
    if not measured:
        return Found(Outcome.SKIP, f"nothing of {subject.settings.name} can be measured before it is deployed")
    limit = subject.config.validation.max_artifact_bytes
    compared = {name: subject.sizes[name] for name in measured if subject.sizes.get(name)}
    sizes = shown([f"{name} {_words(size)}" for name, size in measured.items()])
    if limit is None and not compared:
        return Found(Outcome.SKIP, f"{sizes}; nothing to compare with: set validation.max_artifact_bytes in deploy.json")
    if limit is not None and (large := [name for name, size in measured.items() if size > limit]):
        return Found(
            Outcome.FAIL, f"{sizes}: {shown(large)} above the limit of {_words(limit)}: make it smaller or raise the limit"
        )
    grown = [f"{name} from {_words(size)}" for name, size in compared.items() if measured[name] > GROWTH * size]
    if grown:
        return Found(Outcome.WARN, f"{sizes}; grown by more than half since the last release: {shown(grown)}: see what came in")
    return Found(Outcome.PASS, sizes + (f", within {_words(limit)}" if limit is not None else ", like the last release"))


def measure(subject: Subject) -> Mapping[str, int]:
    """Bytes by name of what would be released; empty where nothing can be measured now.

    The names are those of the release's artifacts: ``source`` for a directory, the kind of archive (``.whl``) for packages.
    """
    settings = subject.settings
    if settings.kind == "local":
        source = checked_input_path(subject.project_dir, settings.config.source, settings.allow_paths, field="source")
        size = _tree(source, subject.target.input_excludes())
        return {} if size is None else {"source": size}
    if settings.kind in ("npm", "pypi", "github_releases"):
        return _archives(subject.project_dir / "dist", subject.version)
    return {}


def _tree(top: Path, excludes: Excludes) -> int | None:
    """Bytes in the regular files below *top*; None where it is missing, or holds more files than anybody should count."""
    if not top.is_dir():
        return None
    total = seen = 0
    for directory, children, files in os.walk(top):
        below = Path(directory).relative_to(top)
        children[:] = [name for name in children if not excludes.skips(top, (below / name).as_posix())]
        seen += len(files)
        if seen > MOST_FILES:
            return None
        total += sum(_size(Path(directory, name)) for name in files if not excludes.skips(top, (below / name).as_posix()))
    return total


def _archives(dist: Path, version: str) -> dict[str, int]:
    """The archives of *version* by their kind; the largest where there are several (one wheel for each platform)."""
    found: dict[str, int] = {}
    for path in sorted(dist.glob("*")) if dist.is_dir() else ():
        kind = next((ending for ending in _ARCHIVES if path.name.endswith(ending)), None)
        if kind and f"-{version}" in path.name:
            found[kind] = max(found.get(kind, 0), _size(path))
    return found


def _size(path: Path) -> int:
    try:
        status = path.lstat()
    except OSError:
        return 0  # gone since it was listed
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _words(size: int) -> str:
    """``12.3 MB``: decimal, as artifacts are advertised."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
