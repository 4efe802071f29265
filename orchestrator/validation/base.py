"""What a check is: one function that looks at a `Subject` and says what it `Found`, and one line in `registry.py`.

A check never raises to say that something is wrong: it answers FAIL. It answers SKIP where it cannot run, with the reason. What
it raises all the same (a missing program, a target that does not answer) the runner makes a SKIP of, with the message; a deadline
that has passed is a FAIL: what does not end has not passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from orchestrator.config import ProjectConfig, ResolvedTarget
from orchestrator.domain.readiness import Outcome, Scope
from orchestrator.services.ports import SourceFacts
from orchestrator.targets.base import Check as TargetCheck
from orchestrator.targets.base import CommandResult, Target


@dataclass(frozen=True, slots=True)
class Found:
    """A check's answer. *message* is one line: what was seen and, where something is wrong, what to do about it."""

    status: Outcome
    message: str


class Run(Protocol):
    """Runs one of the project's own commands, or a tool that looks at the project."""

    def __call__(
        self, argv: Sequence[str], *, timeout_s: float = 600.0, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> CommandResult:
        """Run *argv* to its end. Its whole output, masked, becomes part of the check's log in the store.

        Raises:
            ToolMissing: The program does not exist.
            QueryTimeout: It did not end in *timeout_s*; it was killed.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is validated, and what a check may use.

    Attributes:
        settings: The target in its environment, as `deploy.json` has it.
        target: The same, ready to be asked (`observe`, `preflight`); nothing of it may be changed.
        facts: Version and commit of the project as it stands now.
        version: What would be deployed.
        elsewhere: For a version, the commits it was deployed from, by target and environment: ``{"docker/staging": "abc.."}``.
        missing_secrets: Says of each secret that the target's configuration refers to and that is not here why it is not.
        preflight: What the target itself asks before a deployment (`Target.preflight`), with the plan of this version.
        sizes: Artifact sizes in bytes of the last release by name, empty where none is known.
    """

    project_dir: Path
    config: ProjectConfig
    settings: ResolvedTarget
    target: Target
    facts: SourceFacts
    version: str
    run: Run
    elsewhere: Callable[[str], Mapping[str, str | None]]
    sizes: Mapping[str, int]
    missing_secrets: Callable[[], Sequence[str]] = tuple
    preflight: Callable[[], Iterable[TargetCheck]] = tuple

    @property
    def raw(self) -> Mapping[str, Any]:
        """deploy.json as it was parsed; `validation` in it has the project's own settings for checks."""
        return self.config.raw


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check.

    Attributes:
        name: Stable, lower case with hyphens.
        title: What is looked at, in a few words.
        scope: The smallest scope that has it.
        blocking: A failure forbids a live deployment.
        look: Reads only; runs beside others.
        timeout_s: Deadline of all of it, seconds.
        fix: For ``--fix``: changes the project so that *look* passes, and says what it changed; raises nothing to say that it
            could not, but returns "".
    """

    name: str
    title: str
    scope: Scope
    look: Callable[[Subject], Found]
    blocking: bool = True
    timeout_s: float = 5400.0
    fix: Callable[[Subject], str] | None = None
