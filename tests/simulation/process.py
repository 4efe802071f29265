"""One process of a history: what happens to it at its seams, where others may go on and things may go wrong.

A process that dies does so by `Killed`, which is no `Exception`: nothing in the product may catch it, and whatever is still asked
of its ports (`seams.py`) on the way out raises it again. Its locks are free at once, its children may go on (`children.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.measuring import Measurements
from orchestrator.config import ResolvedTarget
from orchestrator.domain.lifecycle import State
from orchestrator.domain.masking import Masker
from orchestrator.domain.plan import Slot
from orchestrator.domain.questions import Question
from orchestrator.domain.settings import HealthCheck
from orchestrator.services.ports import Here
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import Check, CheckStatus, Tools
from tests.simulation.children import SimulatedChildren
from tests.simulation.seams import SeamClock, SeamHistory, SeamLocks, SeamStore, Signals
from tests.simulation.system import SimulatedTarget, Violation
from tests.unit.orchestrator.services.dying_store import Killed
from tests.unit.orchestrator.services.ports import Files, Narrator, Secrets

if TYPE_CHECKING:
    from tests.simulation.world import World

HOST = "ci-7"


class Process:
    """A process of *actor*. Its `workspace` is what the services work with."""

    def __init__(self, world: World, actor: str, pid: int, version: str) -> None:
        self.world, self.actor, self.pid, self.random = world, actor, pid, world.random
        self.boot_id = world.boot_id
        self.dead = self.killed = False
        self.hindered = False
        self.left: dict[str, State] = {}
        self.locks: dict[str, bool] = {}
        self.stop = Signals(self.ponder)
        self._store = world.open_store()
        self.workspace = self._workspace(Files(version=version, source=f"sha256:{version}"))

    # --- what the seams do --------------------------------------------------------

    def seam(self, place: str, *, delicate: int = 1) -> None:
        """Others may go on here; then this process may find itself dead, or asked to stop, or in another time.

        Args:
            delicate: How many times likelier than elsewhere a crash is: there are few such places, and they matter most.

        Raises:
            Killed: It is dead.
            Interrupted: Where a signal may break in.
        """
        self.living()
        self.world.stage.turn()
        if self.happens("stalls"):
            self.world.pause(self.random.randint(5, 60))
        self.living()
        self.world.children_go_on()
        if self.random.random() < min(0.3, self.world.faults.crash * delicate):
            self.die(place)
        if self.happens("reboot"):
            self.world.reboot()
        self.living()
        if self.happens("clock_jump"):
            self.world.clock.jump(self.random.choice([-86400.0, -3600.0, -1.5, 2.0, 7200.0, 400_000.0]))
        if self.happens("signal"):
            self.note("signal", place)
            self.stop.arrive()

    def glance(self) -> None:
        """Something is read: others may go on before."""
        self.living()
        self.world.stage.turn(self.world.restless_reads)
        self.living()

    def happens(self, fault: str) -> bool:
        chance = getattr(self.world.faults, fault)
        return bool(chance) and self.random.random() < chance

    def ponder(self, question: Question) -> str:
        """A person at the terminal thinks for a while, and answers anything."""
        self.world.clock.pass_by(self.random.choice([1.0, 60.0, 3600.0]))
        self.world.pause(self.random.randint(1, 60))
        self.seam(f"at the question {question.decision_id}")
        answer = self.random.choice(question.ids)
        self.note("answers", f"{question.decision_id}={answer}")
        return answer

    def take_time(self, what: str) -> None:
        if self.happens("slow"):
            self.note("slow", what)
            for _ in range(self.random.randint(1, 4)):
                self.workspace.clock.sleep(self.random.choice([0.5, 5.0, 90.0]))

    def living(self) -> None:
        if self.dead:
            raise Killed

    def die(self, place: str) -> None:
        """Gone, here and now."""
        self.note("dies", place)
        self.vanish()
        raise Killed

    def vanish(self) -> None:
        """What the operating system does: the locks are free, nobody is told."""
        self.dead = self.killed = True
        for name in [name for name, held in self.locks.items() if held]:
            self.world.locks.held.discard(name)
        self.locks.clear()
        self.world.living.discard(self)

    def end(self) -> None:
        """It has run to its end."""
        held = [name for name, held in self.locks.items() if held]
        if held and not self.dead:
            raise Violation(f"process {self.pid} ended and still holds {', '.join(held)}")
        killed = self.killed
        self.vanish()
        self.killed = killed
        if self._store is not self.world.store:
            self._store.close()

    def note(self, what: str, detail: str = "") -> None:
        self.world.trace.append((self.actor, self.pid, what, detail))

    # --- its ports ------------------------------------------------------------------

    def _workspace(self, files: Files) -> Workspace:
        world, mask = self.world, Masker()
        secrets = Secrets(mask)
        return Workspace(
            project_dir=world.root,
            config=world.config,
            store=SeamStore(self, self._store),
            actor=self.actor,
            here=Here(host=HOST, boot_id=self.boot_id, pid_namespace="pid:[1]", pid=self.pid, start_ticks=self.pid),
            ci="",
            tool_version="0.1.0",
            locks=SeamLocks(self),
            children=SimulatedChildren(self),
            files=files,
            history_file=SeamHistory(self),
            clock=SeamClock(self),
            health=self._health,
            secrets=secrets,
            mask=mask,
            stop=self.stop,
            narrator=Narrator(),
            new_id=world.new_id,
            make_target=lambda settings, slot: self._target(settings, slot, secrets),
            make_measuring=lambda: Measurements(world.root),
        )

    def _target(self, settings: ResolvedTarget, slot: Slot, secrets: Secrets) -> Any:
        tools = Tools(
            project_dir=self.world.root,
            slot=slot,
            query=_no_query,
            health=self._health,
            clock=self.workspace.clock,
            secrets=secrets,
        )
        target = SimulatedTarget(settings.config, tools)
        target.process = self
        return target

    def _health(self, check: HealthCheck) -> Check:
        self.seam("health")
        return Check("health check", CheckStatus.FAIL if self.happens("bad") else CheckStatus.PASS, "as the world says")


def _no_query(argv: Sequence[str], **_options: Any) -> Any:
    raise Violation(f"a simulated target asks no program: {argv}")
