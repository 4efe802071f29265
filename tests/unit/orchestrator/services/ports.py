"""Small honest fakes of `services.ports`: what they are told they keep, and what they answer a test says before."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from eventstore import Attachment
from orchestrator.domain.errors import Interrupted, PopDeployError
from orchestrator.domain.masking import Masker
from orchestrator.domain.plan import Slot
from orchestrator.domain.settings import SecretRef, Value
from orchestrator.services.ports import ChildEnded, Here, Settled, SourceFacts
from orchestrator.targets.base import CheckStatus, SecretMissing

SECRET = "hunter2-hunter2"


class Locks:
    """Locks that live as long as the process that took them."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    def notice_s(self, holder: Here) -> float:
        return 0.0

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

    def stand_by(self) -> None:
        """Nothing takes time here."""

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
        self.document: dict[str, Any] | None = None
        self.unwritable = False

    def publish(
        self,
        render: Callable[[list[dict[str, Any]]], list[dict[str, Any]] | None],
        look: Callable[[Mapping[str, Any]], None],
    ) -> object:
        """*look* is asked only where a test says what the file holds."""
        if self.unwritable:
            raise PopDeployError("deploy.json: permission denied")
        if self.document is not None:
            look(self.document)
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

    def set(self, now: datetime) -> None:
        self._now = now


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

    @contextmanager
    def breakable(self, at: int) -> Iterator[None]:
        """One signal at most ever comes here."""
        if at == 1:
            self.check()
        yield


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
