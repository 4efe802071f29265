"""Input paths stay inside the project: `checked_input_path`.

What a deployment takes in (a source directory, a build context, a Dockerfile) comes from the project it deploys, not from
wherever a line in a configuration points. Only symbolic links are read here; nothing has to exist, and nothing is opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from orchestrator.domain.errors import UsageProblem


class PathOutside(UsageProblem):
    """An input path leads out of the project; *value* is the path as it was written."""

    def __init__(self, value: str, reason: str) -> None:
        super().__init__(f"{value!r} {reason}")
        self.value, self.reason = value, reason


def checked_input_path(project_dir: Path, value: str, allow_paths: Iterable[str] = ()) -> Path:
    """The absolute path that *value* leads to, with every symbolic link followed.

    Args:
        project_dir: What relative paths start from, in *allow_paths* too.
        value: A path as written in the configuration.
        allow_paths: Paths outside the project whose contents (and themselves) may be used as well.

    Raises:
        PathOutside: It leads out of the project and of every allowed path, or is no path at all.
    """
    if not value or not value.isprintable():
        raise PathOutside(value, "is no path")
    try:
        root = project_dir.resolve()
        path = (root / value).resolve()
        allowed = [root, *((root / entry).resolve() for entry in allow_paths)]
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links is a RuntimeError up to Python 3.12
        raise PathOutside(value, f"cannot be followed: {error}") from error
    if not any(path.is_relative_to(directory) for directory in allowed):
        raise PathOutside(value, f"leads to {path}, outside the project; name it in allow_paths if that is meant")
    return path
