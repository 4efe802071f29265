"""What running steps (`step_runner.py`) and settling those that were left behind (`settling.py`) share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventstore import Attachment
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.events import Event
from orchestrator.domain.execution import Execution, Phase
from orchestrator.services.repository import Journal
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import Target

HOOK = "hook"
"""Kind of the steps that are the user's own commands."""


@dataclass(frozen=True)
class Road:
    """One execution on its way: whose, with which target, and how many lines its report counts."""

    workspace: Workspace
    journal: Journal
    target: Target
    execution: Execution
    total: int


@dataclass(frozen=True)
class Unrecorded:
    """What became of an attempt, waiting for its commit: that of the next intent.

    Attributes:
        directory: Of the attempt; removed when the events are on record.
        done: Its step is done; otherwise it has to be made (again).
    """

    events: tuple[Event, ...]
    attachments: tuple[Attachment, ...]
    directory: Path
    done: bool = True

    def commit(self, journal: Journal, workspace: Workspace, *more: Event) -> None:
        """Record it, together with *more*."""
        journal.record(*self.events, *more, attachments=self.attachments)
        workspace.children.discard(self.directory)


def kept_output(
    workspace: Workspace, phase: Phase, step: str, attempt: int, directory: Path, notes: Sequence[str] = ()
) -> tuple[tuple[Attachment, ...], dict[str, Any] | None]:
    """What an attempt printed as an attachment, and what its event says of it: name, size, digest, and the step's own *notes*."""
    said = {"notes": list(notes)} if notes else {}
    kept = workspace.children.output(directory, f"{phase}/{step}/{attempt}")
    if kept is None:
        return (), said or None
    attachment, described = kept
    return (attachment,), {**described, **said}


def diagnosed(target: Target) -> list[str]:
    """What the target says after a failure. That it cannot say anything must not keep the failure off the record."""
    try:
        return list(target.diagnostics())
    except Exception as problem:  # noqa: BLE001 - see above
        return [f"no diagnostics: {in_words(problem)}"]


def in_words(error: Exception) -> str:
    """What went wrong: our own errors say it, a mistake in a program needs its kind beside it."""
    return str(error) if isinstance(error, PopDeployError | OSError) else f"{type(error).__name__}: {error}"
