"""The `Target` protocol: everything a kind of target must be able to do, and what it may use for it.

A target is a small object made for one slot. `plan` and `rollback` are pure; `observe`, `probe`, `preflight` and `verify` only
read; `apply` is the only method that changes anything. `services/step_runner.py` calls `apply`, with the intent recorded before
and the outcome after. Start reading at `Target`; `fake.py` is its smallest implementation, `local.py` the first real one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol

from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.excludes import Excludes
from orchestrator.domain.paths import checked_input_path
from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.domain.settings import HealthCheck, SecretRef, Value

Outcomes = Mapping[str, Mapping[str, Any]]
"""Step name to the ``data`` of its outcome, for the steps that have succeeded so far."""


class Answer(StrEnum):
    """What a probe found out."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Observation:
    """A probe's answer. With DONE, *data* is what `apply` would have returned."""

    answer: Answer
    detail: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What a step did. *data* holds JSON values that later steps need (a digest, a path); no secrets."""

    message: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


class CheckStatus(StrEnum):
    PASS = "pass"  # noqa: S105 - a status, no password
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Check:
    """One question asked of the world and its answer. A check that could not run is SKIP, never PASS."""

    name: str
    status: CheckStatus
    message: str
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended. *stdout* and *stderr* are decoded with replacement and bounded to the last 64 kB each."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    duration_ms: int

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


class StepError(PopDeployError):
    """A step did not do what it should. The message says what went wrong and ends with the real output's tail.

    Attributes:
        exit_code: Of the command, where the step was one.
        output_tail: Last lines of the command's own output.
        effect: False when the target is known to be unchanged by this step.
    """

    def __init__(self, message: str, *, exit_code: int | None = None, output_tail: str = "", effect: bool = True) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.output_tail = output_tail
        self.effect = effect


class ToolMissing(PopDeployError):
    """A program that the target needs is not on PATH."""


class QueryTimeout(PopDeployError):
    """A read-only command or request did not answer before its deadline."""


class Query(Protocol):
    """Read-only commands: inspect, list, version. Never for anything that changes a target."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float = 30.0,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> CommandResult:
        """Run *argv* to its end.

        Raises:
            ToolMissing: The program does not exist.
            QueryTimeout: It did not end in *timeout_s*; it was killed.
        """
        ...


class HealthProber(Protocol):
    """Runs a configured health check to its verdict."""

    def __call__(self, check: HealthCheck) -> Check: ...


class Clock(Protocol):
    def now(self) -> str:
        """UTC time as ISO 8601 with microseconds and offset."""
        ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None:
        """Wait; raises `orchestrator.domain.errors.Interrupted` when a signal asks this process to stop."""
        ...


class Secrets(Protocol):
    def reveal(self, value: Value) -> str:
        """The value to use now: a plain string as it is, a reference resolved. What is revealed is masked everywhere.

        Raises:
            SecretMissing: The variable or file does not exist; the message names it.
        """
        ...

    def reference(self, ref: SecretRef) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every target is given. Nothing in it changes a target.

    Attributes:
        data_dir: Our own data directory; never part of a source, a build context or their digests.
        allow_paths: Where inputs may lead to besides the project.
    """

    project_dir: Path
    slot: Slot
    query: Query
    health: HealthProber
    clock: Clock
    secrets: Secrets
    data_dir: Path | None = None
    allow_paths: tuple[str, ...] = ()

    def input_path(self, field: str, value: str) -> Path:
        """Where the input path *value* of the configuration leads to now, with every symbolic link followed.

        The only way from a path in the configuration to one that is opened or handed to a program, and to be gone at the moment
        of use: it was right when the configuration was read, and a build or a hook may have put a link in its place since.

        Args:
            field: Of the kind's configuration, for the message: ``build_context``.

        Raises:
            PathOutside: It leads out of the project.
        """
        return checked_input_path(self.project_dir, value, self.allow_paths, field=field)


class StepRun(Protocol):
    """What `apply` is given: who it works for, what earlier steps found out, and the only way to run a command."""

    deployment_id: str
    attempt: int
    outcomes: Outcomes

    @property
    def attempt_dir(self) -> Path:
        """A private directory of this attempt's own; it is gone when the outcome is on record."""
        ...

    def command(
        self,
        argv: Sequence[str],
        *,
        name: str = "main",
        cwd: Path | None = None,
        env: Mapping[str, Value] | None = None,
        timeout_s: float | None = None,
        check: bool = True,
    ) -> CommandResult:
        """Run a child that outlives us and whose output and exit are recorded (9-protocols).

        Args:
            name: Unique within the step when it runs several commands.
            env: Added to our own environment; secrets are revealed only for the child.
            timeout_s: Deadline; the step's own when None.
            check: Raise on a non-zero exit.

        Raises:
            StepError: Non-zero exit (with *check*), or the deadline passed; the message ends with the output's tail.
            ToolMissing: The program does not exist.
        """
        ...

    def progress(self, line: str) -> None:
        """Show *line* to whoever watches; it is kept in the step's log."""
        ...

    def remaining_s(self) -> float:
        """Seconds until the step's deadline."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `plan` is asked to plan for; everything it may depend on that is not configuration.

    Attributes:
        source_digest: Of the source directory or build context, where the kind has one (see `Target.input_paths`).
        observed: What is live now, as `observe` said, or None.
        reference: The release a failure would go back to, or None.
        inputs: Recorded in the plan as they are (config digest, commit, source digest, observed).
    """

    version: str
    mode: Mode
    commit_sha: str | None
    source_digest: str | None
    observed: Release | None
    reference: Release | None
    inputs: Mapping[str, Any]


class Target(Protocol):
    """One kind of system, bound to one slot and its configuration."""

    kind: ClassVar[str]
    supports_canary: ClassVar[bool]
    honours_dockerignore: ClassVar[bool]
    """What a ``.dockerignore`` leaves out of the input paths is no part of their digest."""

    def input_paths(self) -> tuple[Path, ...]:
        """Files and directories whose contents fix the plan; `()` if none. Digested by the caller; they may be missing."""
        ...

    def input_excludes(self) -> Excludes:
        """What below `input_paths` is no input: the digest leaves it out, as the target itself does."""
        ...

    def plan(self, request: Request) -> Plan:
        """The steps for *request*. Pure: the same request gives the same digest."""
        ...

    def drift(self) -> Sequence[str]:
        """What somebody else has changed of what a deployment here would overwrite, a line for each; most kinds cannot tell: ().

        Raises:
            Unreachable: The target cannot be asked.
        """
        ...

    def preflight(self, plan: Plan) -> Iterable[Check]:
        """Ask tools, configuration and access for real, change nothing."""
        ...

    def observe(self) -> Release | None:
        """What is live now by the target's own evidence; None when nothing of ours is.

        Raises:
            Unreachable: The target cannot be asked.
            ForeignResource: Something that is not ours stands in the place and `adopt` is not set.
        """
        ...

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """Was *step* of *deployment_id* done? Read-only."""
        ...

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        """Do it. Raises StepError. Safe to call again after a probe said NOT_DONE."""
        ...

    def verify(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Iterable[Check]:
        """The target's own evidence that the plan's release is what runs. The configured health check is not asked here."""
        ...

    def release(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Release:
        """The release that a finished plan made live, with all that a later rollback to it needs. Pure."""
        ...

    def rollback(self, failed: Plan, to: Release) -> Plan:
        """Steps that make *to* live again. Pure."""
        ...

    def diagnostics(self) -> Sequence[str]:
        """Lines that help a person after a failure: log tails, states. Never raises for a target that is down."""
        ...

    def url(self, release: Release) -> str:
        """The target's own URL of *release*, or ""."""
        ...


class Unreachable(PopDeployError):
    """The target did not answer; nothing was changed."""


class ForeignResource(PopDeployError):
    """What stands in the target's place does not carry our labels for this slot."""


class SecretMissing(PopDeployError):
    """A referenced secret does not exist here."""
