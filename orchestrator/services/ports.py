"""What the services need from the outside world; `adapters/` implements it, `bootstrap.py` puts the two together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from eventstore import Attachment, Head
from orchestrator.domain.excludes import Excludes
from orchestrator.domain.plan import Slot
from orchestrator.targets.base import CheckStatus, CommandResult

if TYPE_CHECKING:
    from orchestrator.domain.notifications import Notification
    from orchestrator.domain.receivers import Receiver
    from orchestrator.targets.canary import Measured


class Lock(Protocol):
    """An operating-system lock that dies with its process."""

    def release(self) -> None: ...


class Locks(Protocol):
    def try_acquire(self, slot: Slot) -> Lock | None:
        """The lock of *slot*, or None while a living process holds it."""
        ...

    def notice_s(self, holder: Here) -> float:
        """How long a process that had the lock before may take to notice that it has it no more, and to stop what it does."""
        ...


class NamedLocks(Protocol):
    def try_named(self, name: str) -> Lock | None:
        """The lock called *name* in this store, or None while a living process holds it."""
        ...


@dataclass(frozen=True, slots=True)
class Here:
    """This process, as an event names it."""

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    start_ticks: int


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the project is at this moment.

    Attributes:
        version: Detected version and where it stands (``package.json``), or None.
        commit_time: ISO 8601 with offset.
        problem: Why git could not be asked although there is a repository, or "".
    """

    version: str | None
    version_source: str
    commit_sha: str | None
    commit_time: str | None
    dirty: bool
    problem: str = ""


class ProjectFiles(Protocol):
    def facts(self, version: str | None = None) -> SourceFacts:
        """As the project stands now; with *version*, that one is not looked for."""
        ...

    def digest(self, paths: Sequence[Path], excludes: Excludes, *, dockerignore: bool) -> str:
        """Digest of the contents of *paths*, our own data directory left out."""
        ...


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """How a recorded child ended; output is decoded, masked and bounded."""

    exit_code: int | None
    signal: int | None
    timed_out: bool
    interrupted: bool
    duration_ms: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the children of an attempt that was left behind.

    Attributes:
        started: False when it is certain that no command of it was ever started.
        exit_codes: By command name, of those that have ended on record.
        unknown: Why nothing can be said, or "".
    """

    started: bool
    exit_codes: Mapping[str, int] = field(default_factory=dict)
    unknown: str = ""


class Children(Protocol):
    """Children that survive us, and what they leave behind (9-protocols)."""

    def stand_by(self) -> None:
        """Steps will soon be run: what can be got ready beforehand may be. Nothing is begun."""
        ...

    def attempt_dir(self, deployment_id: str, phase: str, step: str, attempt: int, *, make: bool) -> Path:
        """A private directory of the attempt's own. *make* it now, before the intent is recorded: then an empty one proves that
        nothing was started. Otherwise it is made when something is put in it."""
        ...

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
    ) -> ChildEnded: ...

    def settle(self, attempt_dir: Path, *, same_boot: bool, wait_s: float) -> Settled:
        """Make sure that nothing of the attempt is still at work, and say what is known. After *wait_s* it is stopped."""
        ...

    def output(self, attempt_dir: Path, name: str) -> tuple[Attachment, Mapping[str, Any]] | None:
        """The attempt's whole output, masked, as an attachment called *name*, and its digest and size."""
        ...

    def discard(self, attempt_dir: Path) -> None:
        """Remove the attempt's files, if there are any: its outcome is on record."""
        ...

    def forget(self, deployment_id: str) -> None:
        """Remove what is left of all its attempts: it has ended."""
        ...


class Measuring(Protocol):
    """Measures what the checks of a canary ask for; from several threads at once."""

    def http(self, urls: Sequence[str], *, expect_status: int, timeout_s: float) -> Measured: ...

    def prometheus(self, url: str, query: str, *, timeout_s: float) -> Measured: ...

    def command(self, argv: Sequence[str], *, timeout_s: float) -> Measured: ...

    def close(self) -> None:
        """Stop the commands that still run: nobody waits for what they measure."""
        ...


class CheckLog(Protocol):
    """Runs the commands of one of `validate`'s checks and keeps what they print."""

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 600.0, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> CommandResult:
        """See `validation.base.Run`."""
        ...

    def note(self, text: str) -> None: ...

    def packed(self, name: str) -> tuple[Attachment, Mapping[str, Any]] | None:
        """All that was kept, masked, as an attachment called *name*, and its digest and size; None where nothing was."""
        ...


class CheckLogs(Protocol):
    def open(self, stopped: Callable[[], bool]) -> CheckLog:
        """A new log; once *stopped* says so its running command is ended."""
        ...


class StopSignal(Protocol):
    """Whether a signal asks this process to stop."""

    @property
    def signal(self) -> int | None:
        """Number of the first one, or None."""
        ...

    def check(self) -> None:
        """Raises Interrupted when there was one."""
        ...

    def breakable(self, at: int) -> AbstractContextManager[None]:
        """Inside, signal number *at* (or one that came before) raises Interrupted wherever that is. Nothing is appended there."""
        ...


class Narrator(Protocol):
    """Tells whoever watches what is happening; never affects it."""

    def phase(self, title: str) -> None: ...

    def step_started(self, number: int, total: int, title: str) -> None: ...

    def output(self, block: bytes) -> None: ...

    def step_finished(self, status: str, duration_ms: int) -> None: ...

    def check(self, name: str, status: CheckStatus, message: str) -> None: ...

    def line(self, text: str) -> None: ...


class HistoryFile(Protocol):
    """The user's deploy.json, of which `history` is ours."""

    @property
    def path(self) -> str: ...

    def publish(
        self,
        render: Callable[[list[dict[str, Any]]], list[dict[str, Any]] | None],
        look: Callable[[Mapping[str, Any]], None],
    ) -> object:
        """Show *look* all that stands there; give *render* the history, and write what it returns; None leaves it as it is."""
        ...


class Anchors(Protocol):
    """Whoever keeps the signed heads."""

    def publish(self, store_id: str, head: Head) -> None:
        """Sign *head* and deliver it. Raises PopDeployError or OSError, with the reason in words."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How one attempt ended.

    Attributes:
        message: In words; no secret that is known to the masker of the outbox stays in it.
        final: Trying again is no use.
        retry_after_s: What the receiver asked for.
    """

    delivered: bool
    message: str
    final: bool = False
    retry_after_s: float | None = None


class Courier(Protocol):
    """Brings notifications to receivers."""

    def send(self, receiver: Receiver, notification: Notification) -> Sent:
        """One attempt, within the receiver's deadline."""
        ...


class Mask(Protocol):
    def mask(self, text: str) -> str: ...

    def mask_json(self, value: Any) -> Any: ...

    def may_mask_json(self, data: bytes) -> bool:
        """False when `mask_json` would for certain change nothing in what is written as *data*."""
        ...
