"""How checks read a project's files: bounded, regular files only, and never a traceback for a strange one.

Not for sources that become part of a release: those are digested elsewhere. `sources` is the walk that every check shares.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from orchestrator.domain.errors import PopDeployError

LARGEST_BYTES = 32 << 20
LARGEST_SOURCE_BYTES = 1 << 20
MOST_FILES = 20_000
VENDORED = frozenset(
    {
        *("node_modules", "bower_components", "vendor", "third_party", "venv", "env", "site-packages"),
        *("__pycache__", "dist", "build", "target", "out", "coverage"),
    }
)
"""Directories of what others wrote or tools made; hidden directories are left out as well."""
TESTS = frozenset({"test", "tests", "__tests__", "spec", "specs", "e2e", "testing", "fixtures", "__mocks__"})


class Unreadable(PopDeployError):
    """A file of the project is not what it should be, or too large to be looked at."""


def text(project_dir: Path, name: str, *, limit: int = LARGEST_BYTES) -> str | None:
    """The file *name* of the project; None without such a file.

    Raises:
        Unreadable: It is no regular file, larger than *limit* bytes, not UTF-8, or may not be read.
    """
    try:
        with open(project_dir / name, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable(f"{name}: is no regular file. Correct that, then validate again")
            content = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unreadable(f"{name}: cannot be read: {error.strerror}. Correct that, then validate again") from error
    if len(content) > limit:
        raise Unreadable(f"{name}: is larger than {limit >> 10} KiB and was not looked at")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{name}: is not UTF-8 (byte {error.start}). Correct it, then validate again") from error


def json_object(project_dir: Path, name: str) -> dict[str, Any] | None:
    """Like `text`, for a file that holds a JSON object.

    Raises:
        Unreadable: See `text`; or it holds something else.
    """
    content = text(project_dir, name)
    if content is None:
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{name}: is no JSON: {error}. Correct it, then validate again") from error
    if not isinstance(document, dict):
        raise Unreadable(f"{name}: holds no JSON object. Correct it, then validate again")
    return document


def toml_table(project_dir: Path, name: str) -> dict[str, Any] | None:
    """Like `text`, for a TOML file.

    Raises:
        Unreadable: See `text`; or it is no TOML.
    """
    import tomllib

    content = text(project_dir, name)
    if content is None:
        return None
    try:
        return tomllib.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{name}: is no TOML: {error}. Correct it, then validate again") from error


def table(document: Any, *keys: str) -> dict[str, Any]:
    """The object below *keys*; an empty one where there is none."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def sources(
    project_dir: Path, suffixes: Collection[str], *, below: str = ".", tests: bool = False, limit: int = LARGEST_SOURCE_BYTES
) -> Iterator[tuple[str, str]]:
    """Relative path and text of the project's own files with one of *suffixes*, in a fixed order.

    Left out: vendored and hidden directories, links, tests (unless *tests*), files larger than *limit* bytes, and whatever lies
    beyond the first 20,000 files.
    """
    for name in names(project_dir, suffixes, below=below, tests=tests):
        try:
            content = text(project_dir, name, limit=limit)
        except Unreadable:
            continue  # generated, binary or another user's: no source that a person wrote
        if content is not None:
            yield name, content


def names(project_dir: Path, suffixes: Collection[str], *, below: str = ".", tests: bool = False) -> Iterator[str]:
    """The paths of `sources`, without a look inside."""
    seen = 0
    for directory, children, files in os.walk(project_dir / below):
        children[:] = sorted(child for child in children if not _left_out(child, tests))
        for file in sorted(files):
            seen += 1
            if seen > MOST_FILES:
                return
            path = Path(directory, file)
            if path.suffix in suffixes and (tests or not _is_test(file)) and not path.is_symlink():
                yield path.relative_to(project_dir).as_posix()


def _left_out(directory: str, tests: bool) -> bool:
    made = directory in VENDORED or directory.startswith(".") or directory.endswith(".egg-info")
    return made or (not tests and directory in TESTS)


def _is_test(file: str) -> bool:
    stem, _, _ = file.rpartition(".")
    return file.startswith(("test_", "conftest.")) or stem.endswith(("_test", ".test", ".spec", "_spec"))


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe without a writer would block for ever
