"""A world for the services: an in-memory store, the `fake` target, and the fakes of `ports.py`.

`World` is what outlives a process (the store, the locks, the target, deploy.json); `World.process` is one process in it. Let a
process die with `Killed`, raised at an append (`World.store.die_at`) or in a step (`World.before`, `World.after`): it is no
`Exception`, so nothing tidies up, and what the world then holds is what a real crash leaves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from orchestrator import config
from orchestrator.adapters.measuring import Measurements
from orchestrator.config import ResolvedTarget
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.events import Event
from orchestrator.domain.ids import stream_of
from orchestrator.domain.masking import Masker
from orchestrator.domain.plan import Mode, Slot, Step
from orchestrator.domain.settings import HealthCheck
from orchestrator.projections import releases
from orchestrator.services.codec import CODEC
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.execute import Consent, advance
from orchestrator.services.ports import Here
from orchestrator.services.repository import Journal, fold, load
from orchestrator.services.request import Wish, request
from orchestrator.services.workspace import Workspace
from orchestrator.targets import registry
from orchestrator.targets.base import Check, CheckStatus, CommandResult, StepOutcome, StepRun, Target, Tools
from tests.unit.orchestrator.services.dying_store import Killed, Store
from tests.unit.orchestrator.services.ports import Children, Clock, Files, HistoryFile, Locks, Narrator, Secrets, Stop

SLOT = Slot("shop", "default", "web")
YES = Consent(yes=True, begun_here=True)


class Watched:
    """A target whose steps a test looks into."""

    def __init__(self, inner: Target, world: World) -> None:
        self._inner, self._world = inner, world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        self._world.before.get(step.name, _nothing)(run)
        outcome = self._inner.apply(step, run)
        return self._world.after.get(step.name, lambda _run: None)(run) or outcome


def _nothing(_run: StepRun) -> None:
    """What happens in a step by default."""


class World:
    """All that outlives a process. Its deploy.json has one target, ``web``, of the kind `fake` with three steps."""

    def __init__(self, root: Path, *, targets: dict[str, dict[str, Any]] | None = None, **entry: Any) -> None:
        self.root = root
        self.store, self.locks, self.files, self.history_file = Store(), Locks(), Files(), HistoryFile()
        self.children = Children(root / "attempts")
        self.clock = Clock()
        self.before: dict[str, Callable[[StepRun], None]] = {}
        self.after: dict[str, Callable[[StepRun], StepOutcome | None]] = {}
        self.health: list[CheckStatus | PopDeployError] = []
        self.ids = iter(f"deploy-20260318-1430{number // 60:02}-{number % 60:04}" for number in range(3600))
        self.document: dict[str, Any] = {"version": "1.0", "project_name": "shop", "targets": targets or {}}
        if targets is None:
            self.configure(**entry)

    def configure(self, name: str = "web", *, script: dict[str, Any] | None = None, **entry: Any) -> None:
        """Change the target *name*: its entry, and the `fake`'s own *script*."""
        known = self.document["targets"].setdefault(name, {"type": "fake", "enabled": True, "config": {"dir": f"{name}-world"}})
        known.update(entry)
        known["config"].update(script or {})

    def process(self, *, actor: str = "ann@ci-7", boot_id: str = "boot-1", pid: int = 100) -> Workspace:
        """Another process."""
        parsed = config.parse(
            json.dumps(self.document).encode(), "deploy.json", config_types=registry.config_type, kinds=tuple(registry.KINDS)
        )
        mask = Masker(parsed.redact)
        secrets, stop = Secrets(mask), Stop()

        def make_target(settings: ResolvedTarget, slot: Slot) -> Any:
            tools = Tools(
                project_dir=self.root, slot=slot, query=_no_query, health=self._ask_health, clock=self.clock, secrets=secrets
            )
            return Watched(registry.create(settings.kind, settings.config, settings, tools), self)

        return Workspace(
            project_dir=self.root,
            config=parsed,
            store=self.store,
            actor=actor,
            here=Here(host="ci-7", boot_id=boot_id, pid_namespace="pid:[1]", pid=pid, start_ticks=1),
            ci="",
            tool_version="0.1.0",
            locks=self.locks,
            children=self.children,
            files=self.files,
            history_file=self.history_file,
            clock=self.clock,
            health=self._ask_health,
            secrets=secrets,
            mask=mask,
            stop=stop,
            narrator=Narrator(),
            new_id=lambda: next(self.ids),
            make_target=make_target,
            make_measuring=lambda: Measurements(self.root),
        )

    def _ask_health(self, check: HealthCheck) -> Check:
        answer = self.health.pop(0) if self.health else CheckStatus.PASS
        if isinstance(answer, PopDeployError):
            raise answer
        return Check("health check", answer, "as the test says")

    # --- what a test does -----------------------------------------------------------

    def begin(self, workspace: Workspace | None = None, **wish: Any) -> Journal:
        """A deployment that was requested, live unless *wish* says otherwise."""
        known: dict[str, Any] = {"target": "web", "mode": Mode.DEPLOY, **wish}
        return request(workspace or self.process(), Wish(**known), {})

    def prepared(self, **wish: Any) -> Journal:
        """A live deployment with its plan on record."""
        journal = self.begin(**wish)
        advance(self.process(), journal, Consent(stop_when_prepared=True))
        return journal

    def deploy(self, version: str = "1.0.0", workspace: Workspace | None = None, **consent: Any) -> Journal:
        """Deploy *version* to its end, whatever that is, and write deploy.json."""
        workspace = workspace or self.process()
        self.files.version, self.files.source = version, f"sha256:{version}"
        journal = self.begin(workspace)
        advance(workspace, journal, Consent(yes=True, begun_here=True, **consent))
        publish_history(workspace)
        return journal

    @contextmanager
    def dying(self) -> Iterator[None]:
        """The process inside dies before the block ends; its locks are free afterwards, the store can be opened again."""
        try:
            yield
        except Killed:
            self.locks.held.clear()
            self.store.revive()
            self.before.clear()
            self.after.clear()
        else:
            raise AssertionError("it was to die, and did not")

    def crash(self, version: str = "1.1.0", **wish: Any) -> str:
        """A live deployment that dies where the world says; returns its ID."""
        self.files.version, self.files.source = version, f"sha256:{version}"
        workspace = self.process()
        journal = self.begin(workspace, **wish)
        with self.dying():
            advance(workspace, journal, YES)
        return journal.deployment.id

    def resume(self, deployment_id: str, **process: Any) -> Journal:
        """Another process goes on."""
        workspace = self.process(**{"actor": "bob@ci-8", "pid": 200, **process})
        journal = load(workspace, deployment_id)
        advance(workspace, journal, Consent())
        return journal

    # --- what a test looks at -------------------------------------------------------

    def deployment(self, deployment_id: str) -> Deployment:
        """As the store has it, checked against the lifecycle."""
        return fold(self.store.inner, deployment_id)[0]

    def events(self, deployment_id: str) -> list[Event]:
        return [CODEC.decode(recorded) for recorded in self.store.read_stream(stream_of(deployment_id))]

    def types(self, deployment_id: str) -> list[str]:
        return [type(event).__name__ for event in self.events(deployment_id)]

    def metadata(self, deployment_id: str) -> list[dict[str, Any]]:
        return [orjson.loads(recorded.metadata) for recorded in self.store.read_stream(stream_of(deployment_id))]

    def slot_events(self, slot: Slot = SLOT) -> list[str]:
        return [recorded.type for recorded in self.store.read_stream(slot.stream)]

    def everything(self) -> bytes:
        """Every byte that was stored."""
        events = list(self.store.read_all())
        attached = [part for key in self.store.inner._attachments.values() for part in key]
        return b"\n".join([part for event in events for part in (event.data, event.metadata)] + attached)

    @property
    def live(self) -> str | None:
        """Version that the events say is live."""
        found = releases.live(self.store.inner, SLOT)
        return found.version if found is not None else None

    @property
    def running(self) -> str | None:
        """Version that the target itself says is live."""
        path = self.root / "web-world" / "live.json"
        return str(json.loads(path.read_text())["release"]["version"]) if path.exists() else None

    @property
    def effects(self) -> list[str]:
        """The names of the steps whose effects were made, in order."""
        path = self.root / "web-world" / "effects.log"
        return [line.split()[1] for line in path.read_text().splitlines()] if path.exists() else []


def _no_query(argv: Sequence[str], **_options: Any) -> CommandResult:
    raise AssertionError(f"a fake asks nothing: {argv}")


def die(_run: StepRun) -> None:
    raise Killed


def digest_of(journal: Journal) -> str:
    """Of the plan that is on record."""
    assert journal.deployment.prepared is not None
    return journal.deployment.prepared.plan_digest
