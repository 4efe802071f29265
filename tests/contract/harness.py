"""What the target contract needs of a kind: `Harness`; and the plainest possible tools and step run to drive a target with.

To put a kind under the contract: write ``harness_KIND.py`` beside this file with a subclass of `Harness` named ``KindHarness``
in it. `test_targets.py` finds it by itself, and fails when a kind that can be deployed to has none.
"""

from __future__ import annotations

import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.domain.settings import HealthCheck, SecretRef, Value
from orchestrator.targets.base import (
    Check,
    CheckStatus,
    CommandResult,
    Outcomes,
    QueryTimeout,
    Request,
    SecretMissing,
    StepError,
    Target,
    ToolMissing,
    Tools,
)

SLOT = Slot("shop", "staging", "web")


class Harness(ABC):
    """One kind of target on a world of its own. Made anew for each test with an empty directory."""

    kind: ClassVar[str]

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.project = directory / "project"
        self.project.mkdir()
        self.set_up()

    def set_up(self) -> None:  # noqa: B027 - most kinds have nothing to do here
        """Whatever the project needs before the first plan; skips the test when a backend is missing."""

    def tear_down(self) -> None:  # noqa: B027
        """End and remove all that was deployed, whatever state a test has left it in."""

    @abstractmethod
    def target(self, *, slot: Slot = SLOT, adopt: bool = False) -> Target:
        """The target of *slot*. Two slots have the same configuration, and so the same place in the world."""

    @abstractmethod
    def change_source(self, version: str) -> None:
        """Put another version of the program into the project."""

    @abstractmethod
    def make_foreign(self) -> None:
        """Put something into the target's place that no target of ours has made."""

    @abstractmethod
    def world(self) -> Any:
        """All that a target could change, as a value to compare: names, contents, links, modes, running things."""

    def request(self, version: str, *, mode: Mode = Mode.DEPLOY, reference: Release | None = None) -> Request:
        return Request(
            version=version,
            mode=mode,
            commit_sha="0123456789abcdef0123456789abcdef01234567",
            source_digest="sha256:1234",
            observed=reference,
            reference=reference,
            inputs={"config": "sha256:abcd", "observed": reference.version if reference else None},
        )

    def run(self, target: Target, plan: Plan, deployment_id: str) -> dict[str, Mapping[str, Any]]:
        """Apply every step of *plan*, and return the data of their outcomes."""
        outcomes: dict[str, Mapping[str, Any]] = {}
        for step in plan.steps:
            outcomes[step.name] = target.apply(step, self.step_run(step, deployment_id, outcomes)).data
        return outcomes

    def step_run(self, step: Step, deployment_id: str, outcomes: Outcomes, *, attempt: int = 1) -> PlainStepRun:
        attempt_dir = self.directory / "attempts" / f"{deployment_id}-{step.name}-{attempt}"
        attempt_dir.mkdir(parents=True, exist_ok=True)
        return PlainStepRun(deployment_id, step, outcomes, attempt_dir, self.project, attempt)


@dataclass
class PlainStepRun:
    """A `StepRun` on plain `subprocess`: nothing is recorded, nothing survives us."""

    deployment_id: str
    step: Step
    outcomes: Outcomes
    attempt_dir: Path
    project_dir: Path
    attempt: int = 1
    lines: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

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
        secrets = PlainSecrets()
        added = {key: secrets.reveal(value) for key, value in (env or {}).items()}
        result = query(argv, timeout_s=timeout_s or self.remaining_s(), cwd=cwd or self.project_dir, env=added)
        if check and not result.ok:
            tail = (result.stderr or result.stdout)[-2000:]
            raise StepError(f"{argv[0]}: exit code {result.exit_code}\n{tail}", exit_code=result.exit_code, output_tail=tail)
        return result

    def progress(self, line: str) -> None:
        self.lines.append(line)

    def remaining_s(self) -> float:
        return max(0.1, self.step.timeout_s - (time.monotonic() - self.started))


def query(
    argv: Sequence[str], *, timeout_s: float = 30.0, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> CommandResult:
    started = time.monotonic()
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            timeout=timeout_s,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError as error:
        raise ToolMissing(f"{argv[0]}: no such program") from error
    except subprocess.TimeoutExpired as error:
        raise QueryTimeout(f"{argv[0]}: no answer after {timeout_s:g}s") from error
    duration_ms = round((time.monotonic() - started) * 1000)
    return CommandResult(tuple(argv), done.returncode, done.stdout, done.stderr, duration_ms)


def healthy(check: HealthCheck) -> Check:
    return Check("health check", CheckStatus.SKIP, "the contract does not ask it")


class PlainClock:
    def now(self) -> str:
        return datetime.now(UTC).isoformat(timespec="microseconds")

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class PlainSecrets:
    def reveal(self, value: Value) -> str:
        return self.reference(value) if isinstance(value, SecretRef) else value

    def reference(self, ref: SecretRef) -> str:
        if ref.env is None:
            return Path(str(ref.file)).read_text().strip()
        if ref.env not in os.environ:
            raise SecretMissing(f"environment variable {ref.env} is not set")
        return os.environ[ref.env]


def plain_tools(project: Path, slot: Slot = SLOT, data_dir: Path | None = None, allow_paths: tuple[str, ...] = ()) -> Tools:
    return Tools(
        project_dir=project,
        slot=slot,
        query=query,
        health=healthy,
        clock=PlainClock(),
        secrets=PlainSecrets(),
        data_dir=data_dir,
        allow_paths=allow_paths,
    )


def tree(root: Path) -> dict[str, tuple[Any, ...]]:
    """Everything below *root*: type, mode, and contents or link target. No times: reading may change those."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted(root.rglob("*")):
        name, mode = str(path.relative_to(root)), path.lstat().st_mode
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_file():
            found[name] = ("file", mode, path.read_bytes())
        else:
            found[name] = ("other", mode)
    return found
