"""``targets.NAME.config`` of a `local` target: `LocalConfig`. Read by `orchestrator.config`; nothing here looks at a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import ClassVar

from orchestrator.domain.excludes import Excludes
from orchestrator.domain.settings import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """Where a `local` slot deploys to, and what.

    Attributes:
        path: Directory to deploy to; from the project when relative.
        source: Directory whose contents become a release.
        exclude: Patterns (as in ``.gitignore``, without negation) of what in *source* is no part of a release.
        build: Argument list run in the project before the copy.
        run: Argument list of the service, run in the release; it has to stay in the foreground.
        env: For *build* and *run*.
        shared: Paths in a release that are links to what all releases share below ``PATH/shared``.
        keep: How many releases stay; the live and the last verified one stay in any case.
        drain_s: How long the old service may take to end after TERM, seconds, before it gets KILL.

    Raises:
        ValueError: A value that makes no sense; the message begins with the field.
    """

    # What the source holds of `shared` is an input, too; only the target knows that it is looked for there.
    INPUT_PATHS: ClassVar[tuple[str, ...]] = ("source",)

    path: str
    source: str = "."
    exclude: tuple[str, ...] = ()
    build: tuple[str, ...] | None = None
    run: tuple[str, ...] | None = None
    env: dict[str, Value] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    keep: int = field(default=5, metadata={"minimum": 1})
    drain_s: float = 10.0

    def __post_init__(self) -> None:
        _require(self.path.strip() != "", "path: expected a directory, got an empty string")
        for pattern in self.exclude:
            _require(not pattern.startswith("!"), f"exclude: {pattern!r}: patterns cannot be negated; name what to leave out")
        try:
            Excludes(self.exclude)
        except ValueError as error:
            raise ValueError(f"exclude: {error}") from error
        for entry in self.shared:
            _require(_is_plain(entry), f"shared: expected a path inside a release, got {entry!r}")
            inside = [other for other in self.shared if other != entry and PurePosixPath(entry).is_relative_to(other)]
            _require(not inside, f"shared: {entry!r} lies in {inside[0] if inside else ''!r}, which is shared already")


def _is_plain(path: str) -> bool:
    return (
        str(PurePosixPath(path)) == path.rstrip("/") and path != "." and not path.startswith("/") and ".." not in path.split("/")
    )


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)
