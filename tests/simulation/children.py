"""Children that survive the process that started them, as `adapters/launchers.py` has them, and what becomes of them.

A child whose process vanished may go on: it is finished at some later seam, by whoever settles its attempt, or never (a reboot).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path, PosixPath
from typing import TYPE_CHECKING, Any

from eventstore import Attachment
from orchestrator.domain.errors import Interrupted
from orchestrator.domain.execution import Phase
from orchestrator.domain.plan import Slot, Step
from orchestrator.services.ports import ChildEnded, Settled
from orchestrator.targets.fake import RESTORE
from tests.simulation.system import Effect, System, Violation
from tests.unit.orchestrator.services.dying_store import Killed
from tests.unit.orchestrator.services.ports import ended_with

if TYPE_CHECKING:
    from tests.simulation.process import Process


class Fate(Enum):
    RUNNING = auto()
    ENDED = auto()
    GONE = auto()
    """Without a word: killed, or its machine was."""


@dataclass
class Child:
    """A child at its effect. *exit_code* is on record once it has ended. *orphan*: its process is gone."""

    deployment_id: str
    slot: Slot
    system: System
    effect: Effect
    step: Step
    boot_id: str
    fate: Fate = Fate.RUNNING
    exit_code: int = 0
    orphan: bool = False

    def finish(self, exit_code: int = 0) -> None:
        self.system.make(self.effect, self.step, self.deployment_id)
        self.end(exit_code)

    def end(self, exit_code: int) -> None:
        self.fate, self.exit_code = Fate.ENDED, exit_code


class _Nowhere(PosixPath):
    """A directory that is only a name."""

    def mkdir(self, *_given: Any, **_options: Any) -> None:
        """Nothing is ever put in it."""


class SimulatedChildren:
    """Implements `services.ports.Children` for one process; the children themselves are the world's."""

    def __init__(self, process: Process) -> None:
        self._process, self._world = process, process.world

    def stand_by(self) -> None:
        """Nothing takes time here."""

    def attempt_dir(self, deployment_id: str, phase: str, step: str, attempt: int, *, make: bool) -> Path:
        return _Nowhere(f"/attempts/{deployment_id}/{phase}/{step}/{attempt}")

    def run(
        self,
        attempt_dir: Path,
        name: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout_s: float,
        follow: Callable[[bytes], None] | None,
    ) -> ChildEnded:
        process = self._process
        process.seam("before the launcher")
        child = self._started(attempt_dir)
        process.note("child", "/".join(map(str, child.effect)))
        try:
            process.seam("child at work", delicate=10)
            process.take_time(child.step.name)
            process.seam("child at its end")
        except Interrupted:
            self._stopped(child)
            return ended_with(143, signal=15, interrupted=True)
        except Killed:
            self._bereaved(child)
            raise
        if process.happens("fails"):
            child.end(1)
        else:
            child.finish(1 if process.happens("fails") else 0)
            process.note("effect", "/".join(map(str, child.effect)))
        return ended_with(child.exit_code)

    def settle(self, attempt_dir: Path, *, same_boot: bool, wait_s: float) -> Settled:
        process, child = self._process, self._world.children.get(str(attempt_dir))
        process.seam("settling", delicate=5)
        if not same_boot:
            return Settled(started=True, unknown="it ran before the machine was started anew")
        if child is None:
            return Settled(started=False)
        if child.fate is Fate.RUNNING:
            if wait_s and process.random.random() < 0.5:
                child.finish()
            else:
                self._stopped(child)
            process.note("settled", f"{'/'.join(map(str, child.effect))}: {child.fate.name}")
        return Settled(started=True, exit_codes={"main": child.exit_code} if child.fate is Fate.ENDED else {})

    def output(self, attempt_dir: Path, name: str) -> tuple[Attachment, Mapping[str, Any]] | None:
        if str(attempt_dir) not in self._world.children:
            return None
        return Attachment(name, (b"at work\n",)), {"attachment": name}

    def discard(self, attempt_dir: Path) -> None:
        self._process.seam("before the attempt is discarded")
        self._world.children.pop(str(attempt_dir), None)

    def forget(self, deployment_id: str) -> None:
        self._process.seam("before the attempts are forgotten")
        children = self._world.children
        for path in [path for path, child in children.items() if child.deployment_id == deployment_id]:
            if children[path].fate is Fate.RUNNING:
                raise Violation(f"{deployment_id} has ended, and {path} is still at work")
            del children[path]

    def _started(self, attempt_dir: Path) -> Child:
        deployment_id, phase, name, _attempt = attempt_dir.parts[-4:]
        invariants = self._world.invariants
        deployment = invariants.deployment(deployment_id)
        execution = next(one for one in deployment.executions if one.phase is Phase(phase))
        step = execution.records[name].step
        effect = deployment_id, name, invariants.ways_back(deployment_id) if step.kind == RESTORE else 0
        invariants.working(self._process, deployment.slot, deployment_id)
        child = Child(deployment_id, deployment.slot, self._world.system(deployment.slot), effect, step, self._process.boot_id)
        self._world.children[str(attempt_dir)] = child
        return child

    def _stopped(self, child: Child) -> None:
        """In the middle of its effect, or a moment after it; there is no exit on record."""
        if child.fate is Fate.RUNNING and self._process.random.random() < 0.3:
            child.system.make(child.effect, child.step, child.deployment_id)
        child.fate = Fate.GONE

    def _bereaved(self, child: Child) -> None:
        """Its process has vanished; a reboot has taken it along already."""
        process = self._process
        if child.fate is not Fate.RUNNING:
            return
        if process.happens("outlives"):
            child.orphan = True
            return
        if process.happens("half"):
            child.system.begin(child.effect, child.step, child.deployment_id)
        child.fate = Fate.GONE
