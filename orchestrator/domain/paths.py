"""Input paths stay inside the project: `checked_input_path`.

What a deployment takes in (a source directory, a build context, a Dockerfile) comes from the project it deploys, not from
wherever a line in a configuration points. Only symbolic links are read here; nothing has to exist, and nothing is opened. The
configuration is checked when it is read (`config.entry`), and every path once more where it is used (`targets.base.Tools`),
because a build or a hook may have put a link in its place meanwhile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from orchestrator.domain.errors import UsageProblem


class PathOutside(UsageProblem):
    """An input path leads out of the project.

    Attributes:
        value: The path as it was written.
        reason: A clause that follows it.
        advice: What to add to ``allow_paths``, as a clause; "" where that would not help.
        field: Where it was written, for example ``source``, or "".
    """

    def __init__(self, value: str, reason: str, *, advice: str = "", field: str = "") -> None:
        said = "; ".join(filter(None, (reason, advice)))
        super().__init__(f"{f'{field}: ' if field else ''}{_shown(value)} {said}")
        self.value, self.reason, self.advice, self.field = value, reason, advice, field


def checked_input_path(project_dir: Path, value: str, allow_paths: Iterable[str] = (), *, field: str = "") -> Path:
    """The absolute path that *value* leads to, with every symbolic link followed.

    Args:
        project_dir: What relative paths start from, in *allow_paths* too.
        value: A path as written in the configuration.
        allow_paths: Paths outside the project whose contents (and themselves) may be used as well.
        field: For the message.

    Raises:
        PathOutside: It leads out of the project and of every allowed path, or is no path at all.
    """
    if not value or not value.isprintable():
        raise PathOutside(value, "is no path", field=field)
    try:
        root = project_dir.resolve()
        path = (root / value).resolve()
        allowed = [root, *((root / entry).resolve() for entry in allow_paths if entry)]
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links is a RuntimeError up to Python 3.12
        raise PathOutside(value, f"cannot be followed: {error}", field=field) from error
    if not any(path.is_relative_to(directory) for directory in allowed):
        advice = f"if that is meant, add {_allowed_by(root, value, path)} to allow_paths"
        raise PathOutside(value, f"leads to {_shown(str(path))}, outside the project", advice=advice, field=field)
    return path


def _allowed_by(root: Path, value: str, path: Path) -> str:
    """The entry to add: as it was written where no link is in between, so that it holds on other machines, too."""
    plain = os.path.normpath(value)
    return _shown(plain if os.path.normpath(root / value) == str(path) else str(path))


def _shown(text: str) -> str:
    """As JSON, safe to print: a link may lead to any name."""
    return json.dumps(text, ensure_ascii=not text.isprintable())
