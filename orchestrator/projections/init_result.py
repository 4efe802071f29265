"""What `init` answers: `InitResult`. No events are behind it; it stands here because text, JSON and a schema are made of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TargetFound:
    """One target in the written file.

    Attributes:
        why: What was seen in the project; "" for one that stood in the file before and was left as it was.
    """

    name: str
    kind: str
    enabled: bool
    primary: bool
    why: str


@dataclass(frozen=True, kw_only=True)
class InitResult:
    """A deploy.json that was written.

    Attributes:
        path: Of the file, as it is shown to people.
        replaced: There was one before; *backup* is its copy.
        targets: All that stand in the file now, in its order.
        version: Of the project as it is detected; None when it has to be named with ``--version``.
        next: Commands that can be typed now.
    """

    path: str
    replaced: bool
    backup: str | None
    project_name: str
    default_environment: str | None
    targets: tuple[TargetFound, ...]
    version: str | None
    next: tuple[str, ...]
