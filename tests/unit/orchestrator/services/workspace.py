"""A world for the services: the in-memory store, the `fake` target, and small honest fakes of the ports.

`World` is what outlives a process (the store, the locks, the target, deploy.json); `World.process` is one process in it. Let a
process die with `Killed`, raised at an append (`World.store.die_at`) or in a step (`World.before`, `World.after`): it is no
`Exception`, so nothing tidies up, and what the world then holds is what a real crash leaves.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from eventstore import Attachment, Guard, NewEvent, StoreUnavailable
from eventstore.memory import MemoryEventStore
from orchestrator import config
from orchestrator.config import ResolvedTarget
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import Interrupted, PopDeployError
from orchestrator.domain.events import Event
from orchestrator.domain.ids import stream_of
from orchestrator.domain.masking import Masker
from orchestrator.domain.plan import Mode, Slot, Step
from orchestrator.domain.settings import HealthCheck, SecretRef, Value
from orchestrator.projections import releases
from orchestrator.projections.registry import inline
from orchestrator.services.codec import CODEC
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.execute import Consent, advance
from orchestrator.services.ports import ChildEnded, Here, Settled, SourceFacts
from orchestrator.services.repository import Journal, fold, load
from orchestrator.services.request import Wish, request
from orchestrator.services.workspace import Workspace
from orchestrator.targets import registry
from orchestrator.targets.base import Check, CheckStatus, CommandResult, SecretMissing, StepOutcome, StepRun, Target, Tools

SECRET = "hunter2-hunter2"
SLOT = Slot("shop", "default", "web")
YES = Consent(yes=True, begun_here=True)


class Killed(BaseException):
    """The process is gone, without another word."""


class Store:
    """A `MemoryEventStore` that remembers its appends, and fails or dies at one of them.

    Attributes:
        fail_at: Type of an event that cannot be written.
        die_at: ``before`` or ``after`` the append with an event of that type, the process dies.
        meanwhile: What happens, once, just before an append to a slot's stream.
    """

    def __init__(self) -> None:
        self.inner = MemoryEventStore(projections=inline())
        self.appends: list[tuple[str, tuple[str, ...]]] = []
        self.guards: list[Guard | None] = []
        self.fail_at: str | None = None
        self.die_at: tuple[str, str] | None = None
        self.meanwhile: Callable[[], object] | None = None
        self._dead = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def append(
        self,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected_version: int,
        guard: Guard | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> int:
        types = tuple(event.type for event in events)
        if self._dead:
            raise Killed
        if self.fail_at in types:
            raise StoreUnavailable("no space left on device: nothing was written")
        self._die("before", types)
        if self.meanwhile is not None and stream.startswith("slot-"):
            happens, self.meanwhile = self.meanwhile, None
            happens()
        version = self.inner.append(stream, events, expected_version=expected_version, guard=guard, attachments=attachments)
        self.appends.append((stream.partition("-")[0], types))
        self.guards.append(guard)
        self._die("after", types)
        return version

    def revive(self) -> None:
        """The next process opens it."""
        self._dead, self.die_at, self.fail_at = False, None, None

    def _die(self, side: str, types: tuple[str, ...]) -> None:
        if self.die_at is not None and self.die_at[0] == side and self.die_at[1] in types:
            self._dead = True
            raise Killed


class Locks:
    """Locks that live as long as the process that took them."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    def try_acquire(self, slot: Slot) -> _Lock | None:
        if slot.stream in self.held:
            return None
        self.held.add(slot.stream)
        return _Lock(self, slot.stream)


@dataclass
class _Lock:
    locks: Locks
    name: str

    def release(self) -> None:
        self.locks.held.discard(self.name)


@dataclass
class Children:
    """Commands that end as `results` says, by their first word; what an abandoned attempt came to is in `settled`."""

    root: Path
    results: dict[str, ChildEnded] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)
    ran: list[tuple[str, ...]] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    env: list[Mapping[str, str]] = field(default_factory=list)

    def attempt_dir(self, deployment_id: str, phase: str, step: str, attempt: int, *, make: bool) -> Path:
        path = self.root / deployment_id / f"{phase}-{step}-{attempt}"
        if make:
            path.mkdir(parents=True)
        return path

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
        self.ran.append(tuple(argv))
        self.deadlines.append(timeout_s)
        self.env.append(dict(env))
        attempt_dir.mkdir(parents=True, exist_ok=True)
        ended = self.results.get(argv[0], ended_with(0))
        (attempt_dir / name).write_text(ended.stdout + ended.stderr)
        if follow is not None:
            follow(ended.stdout.encode())
        return ended

    def settle(self, attempt_dir: Path, *, same_boot: bool, wait_s: float) -> Settled:
        self.waits.append(wait_s)
        if not same_boot:
            return Settled(started=True, unknown="it ran on another host")
        if attempt_dir.name in self.settled:
            return self.settled[attempt_dir.name]
        if not attempt_dir.is_dir():
            return Settled(started=True, unknown="its records are gone")
        return Settled(started=any(attempt_dir.iterdir()), exit_codes=dict.fromkeys((p.name for p in attempt_dir.iterdir()), 0))

    def output(self, attempt_dir: Path, name: str) -> tuple[Attachment, Mapping[str, Any]] | None:
        files = sorted(attempt_dir.iterdir()) if attempt_dir.is_dir() else []
        if not files:
            return None
        return Attachment(name, tuple(file.read_bytes() for file in files)), {"attachment": name}

    def discard(self, attempt_dir: Path) -> None:
        for file in attempt_dir.glob("*"):
            file.unlink()
        if attempt_dir.is_dir():
            attempt_dir.rmdir()

    def forget(self, deployment_id: str) -> None:
        for path in (self.root / deployment_id).glob("*"):
            self.discard(path)
        if (self.root / deployment_id).is_dir():
            (self.root / deployment_id).rmdir()

    @property
    def left(self) -> list[str]:
        """Attempts whose files are still there."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))


def ended_with(code: int, *, stdout: str = "", stderr: str = "", **known: Any) -> ChildEnded:
    given: dict[str, Any] = {"signal": None, "timed_out": False, "interrupted": False, "duration_ms": 5, **known}
    return ChildEnded(exit_code=code, stdout=stdout, stderr=stderr, **given)


@dataclass
class Files:
    """A project as it is said to be."""

    version: str = "1.0.0"
    commit: str | None = "c1"
    source: str = "sha256:1"

    def facts(self, version: str | None = None) -> SourceFacts:
        known = (self.version, "package.json") if version is None else (version, "option")
        return SourceFacts(*known, commit_sha=self.commit, commit_time=None, dirty=False)

    def digest(self, paths: Sequence[Path], excludes: object, *, dockerignore: bool) -> str:
        return self.source


class HistoryFile:
    """The history of a deploy.json in memory."""

    path = "/project/.claude/popkit/deploy.json"

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.unwritable = False

    def publish(self, render: Callable[[list[dict[str, Any]]], list[dict[str, Any]] | None]) -> object:
        if self.unwritable:
            raise PopDeployError("deploy.json: permission denied")
        wanted = render(self.records)
        self.records = json.loads(json.dumps(wanted)) if wanted is not None else self.records
        return None


class Clock:
    """Time passes only where somebody waits, and a second at every look."""

    def __init__(self) -> None:
        self._now = datetime(2026, 3, 18, 14, 30, 22, tzinfo=UTC)

    def now(self) -> str:
        self._now += timedelta(seconds=1)
        return self._now.isoformat(timespec="microseconds")

    def monotonic(self) -> float:
        return self._now.timestamp()

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class Secrets:
    def __init__(self, mask: Masker) -> None:
        self.values = {"TOKEN": SECRET}
        self._mask = mask

    def reveal(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        if value.env not in self.values:
            raise SecretMissing(f"{self.reference(value)} is not set")
        self._mask.add(self.values[value.env])
        return self.values[value.env]

    def reference(self, ref: SecretRef) -> str:
        return f"environment variable {ref.env}"


class Stop:
    """Whether a signal came."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def check(self) -> None:
        if self.signal is not None:
            raise Interrupted(signal.Signals(self.signal).name)


class Narrator:
    """Keeps what it is told, one line for each thing."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def phase(self, title: str) -> None:
        self.told.append(f"{title}:")

    def step_started(self, number: int, total: int, title: str) -> None:
        self.told.append(f"[{number}/{total}] {title}")

    def output(self, block: bytes) -> None:
        self.told.append(block.decode())

    def step_finished(self, status: str, duration_ms: int) -> None:
        self.told.append(status)

    def check(self, name: str, status: CheckStatus, message: str) -> None:
        self.told.append(f"{name} {status}: {message}")

    def line(self, text: str) -> None:
        self.told.append(text)


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
