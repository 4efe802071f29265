"""Everything a service works with, wired once by `bootstrap.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from eventstore import EventStore
from orchestrator.config import ProjectConfig, ResolvedTarget
from orchestrator.domain.plan import Slot
from orchestrator.services.ports import (
    Anchors,
    CheckLogs,
    Children,
    Here,
    HistoryFile,
    Locks,
    Mask,
    Measuring,
    Narrator,
    ProjectFiles,
    StopSignal,
)
from orchestrator.services.slot_waiting import Patience
from orchestrator.targets.base import Clock, HealthProber, Secrets, Target


@dataclass(kw_only=True)
class Workspace:
    """One project, one store, one actor.

    Attributes:
        new_id: Makes a deployment ID that no process has used, from the clock and randomness.
        make_target: A target bound to a slot.
        anchors: None where deploy.json names nobody.
        check_logs: Runs the commands of `validate`; None where nothing is validated.
        ci: CI system that runs us, or "".
        patience: How long this command still waits for slots that are held.
    """

    project_dir: Path
    config: ProjectConfig
    store: EventStore
    actor: str
    here: Here
    ci: str
    tool_version: str
    locks: Locks
    children: Children
    files: ProjectFiles
    history_file: HistoryFile
    clock: Clock
    health: HealthProber
    secrets: Secrets
    mask: Mask
    stop: StopSignal
    narrator: Narrator
    new_id: Callable[[], str]
    make_target: Callable[[ResolvedTarget, Slot], Target]
    make_measuring: Callable[[], Measuring]
    anchors: Anchors | None = None
    check_logs: CheckLogs | None = None
    patience: Patience = field(default_factory=Patience)
