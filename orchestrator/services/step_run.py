"""What one attempt of a step may use: `Attempt` implements `targets.base.StepRun` on recorded children."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.domain.errors import Interrupted
from orchestrator.domain.plan import Step
from orchestrator.domain.settings import Value
from orchestrator.services.ports import ChildEnded
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import CommandResult, Outcomes, StepError


@dataclass
class Attempt:
    """One attempt.

    Attributes:
        last: Its last child, for the exit code of the step.
        check_held: Raises SlotLost where the slot is no longer ours: asked before each command, for a process that was stopped
            in the middle of a step starts nothing more when it wakes up.
    """

    workspace: Workspace
    step: Step
    deployment_id: str
    attempt: int
    outcomes: Outcomes
    directory: Path
    started: float
    last: ChildEnded | None = None
    notes: list[str] = field(default_factory=list)
    check_held: Callable[[], None] = lambda: None

    @property
    def attempt_dir(self) -> Path:
        """See `StepRun.attempt_dir`. Made when it is first asked for: a step without a command needs none."""
        # One after another: the parents that `mkdir` makes are as open as the umask leaves them.
        self.directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.mkdir(mode=0o700, exist_ok=True)
        return self.directory

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
        """See `StepRun.command`."""
        workspace = self.workspace
        self.check_held()
        deadline = self.remaining_s() if timeout_s is None else min(timeout_s, self.remaining_s())
        ended = workspace.children.run(
            self.attempt_dir,
            name,
            argv,
            cwd=cwd or workspace.project_dir,
            env={key: workspace.secrets.reveal(value) for key, value in (env or {}).items()},
            timeout_s=deadline,
            follow=workspace.narrator.output,
        )
        self.last = ended
        if ended.interrupted:
            workspace.stop.check()
            raise Interrupted("a signal to its launcher")
        if ended.timed_out:
            raise StepError(
                f"{_shown(argv)}: no end after {deadline:.0f} s (timeout_s), stopped",
                exit_code=ended.exit_code,
                output_tail=_tail(ended),
            )
        if check and ended.exit_code != 0:
            raise StepError(f"{_shown(argv)}: {_how(ended)}", exit_code=ended.exit_code, output_tail=_tail(ended))
        code = ended.exit_code if ended.exit_code is not None else 128 + (ended.signal or 0)
        return CommandResult(tuple(argv), code, ended.stdout, ended.stderr, ended.duration_ms)

    def progress(self, line: str) -> None:
        """See `StepRun.progress`."""
        said = self.workspace.mask.mask(line)
        self.notes.append(said)
        self.workspace.narrator.output(said.encode(errors="surrogateescape") + b"\n")

    def remaining_s(self) -> float:
        """See `StepRun.remaining_s`."""
        return max(0.1, self.step.timeout_s - (self.workspace.clock.monotonic() - self.started))


def _shown(argv: Sequence[str]) -> str:
    words = " ".join(argv)
    return words if len(words) <= 120 else words[:117] + "..."


def _how(ended: ChildEnded) -> str:
    return f"ended by signal {ended.signal}" if ended.signal else f"exit code {ended.exit_code}"


def _tail(ended: ChildEnded, lines: int = 20) -> str:
    """The last lines of what the command said, its complaints preferred."""
    text = ended.stderr.strip() or ended.stdout.strip()
    return "\n".join(text.splitlines()[-lines:])
