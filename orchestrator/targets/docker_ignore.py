"""What ``.dockerignore`` keeps out of a build context, as far as plans depend on it. Reads that one file only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from orchestrator.domain.excludes import Excludes


def patterns(context: Path) -> tuple[str, ...]:
    """The lines of the context's ``.dockerignore`` that are patterns, exceptions (``!``) among them; `()` without a file."""
    try:
        text = (context / ".dockerignore").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def digest_excludes(lines: Iterable[str]) -> tuple[str, ...]:
    """*lines* as patterns of `Excludes`; none at all where exceptions would need what those do not know."""
    found = tuple(lines)
    return (
        () if any(line.startswith("!") for line in found) else tuple(_anchored(line) for line in found if _anchored(line) != "/")
    )


def keeps_out(lines: Iterable[str], context: Path, relative: str) -> bool:
    """Whether *relative* (to the context) stays out of the image: the last line that fits it or a directory above it decides."""
    path = PurePosixPath(relative)
    steps = [str(path), *(str(parent) for parent in path.parents if str(parent) != ".")]
    out = False
    for line in lines:
        rule = Excludes((_anchored(line.removeprefix("!")),))
        if any(rule.skips(context, step) for step in steps):
            out = not line.startswith("!")
    return out


def _anchored(pattern: str) -> str:
    """Docker compares from the context's root, git at any depth: a leading slash says the former to `Excludes`."""
    return "/" + pattern.strip().removeprefix("./").strip("/")
