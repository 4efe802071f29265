"""`local`: release directories on this machine, an atomic `current` link, and optionally one service. Needs no server.

This file has the configuration, the plans, and which function does and probes which kind of step. What lies where stands in
`local_place.py`; copying and pruning in `local_releases.py`; the service in `local_service.py`; preflight and verification in
`local_checks.py`. Start at `LocalTarget.plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from orchestrator.domain.errors import CanaryUnsupported, NothingToRollBack, PopDeployError
from orchestrator.domain.excludes import Excludes
from orchestrator.domain.plan import Mode, Plan, Release, Step
from orchestrator.domain.settings import SecretRef, Value
from orchestrator.targets import local_checks
from orchestrator.targets.base import (
    Answer,
    Check,
    ForeignResource,
    Observation,
    Outcomes,
    Request,
    SecretMissing,
    StepError,
    StepOutcome,
    StepRun,
    Tools,
    Unreachable,
)
from orchestrator.targets.local_checks import Surroundings
from orchestrator.targets.local_place import Place, Record, release_name
from orchestrator.targets.local_releases import Copied, make_release, prune, reason
from orchestrator.targets.local_service import Service, leftovers

NEVER_RELEASED = (".git", ".claude/popkit")
"""Left out of every release: history, and the usual place of our own data, also where this run keeps it elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """``targets.NAME.config`` of a `local` target.

    Attributes:
        path: Directory to deploy to; from the project when relative.
        source: Directory whose contents become a release.
        exclude: Patterns (as in ``.gitignore``, without negation) of what in *source* is no part of a release.
        build: Argument list run in the project before the copy.
        run: Argument list of the service, run in the release; it has to stay in the foreground.
        env: For *build* and *run*.
        shared: Paths in a release that are links to what all releases share below ``PATH/shared``.
        keep: How many releases stay; the live and the last verified one stay in any case.
        drain_s: How long the old service may take to end after TERM, seconds, before it gets KILL.

    Raises:
        ValueError: A value that makes no sense; the message begins with the field.
    """

    INPUT_PATHS: ClassVar[tuple[str, ...]] = ("source", "shared")

    path: str
    source: str = "."
    exclude: tuple[str, ...] = ()
    build: tuple[str, ...] | None = None
    run: tuple[str, ...] | None = None
    env: dict[str, Value] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    keep: int = 5
    drain_s: float = 10.0

    def __post_init__(self) -> None:
        for name, command in (("build", self.build), ("run", self.run)):
            _require(command is None or (command and command[0]), f"{name}: expected a program and its arguments")
        _require(self.path, "path: expected a directory")
        _require(self.keep >= 1, f"keep: expected 1 or more, got {self.keep}")
        _require(0 <= self.drain_s <= 3600, f"drain_s: expected 0 to 3600 seconds, got {self.drain_s:g}")
        _require(not any(pattern.startswith("!") for pattern in self.exclude), "exclude: negation with ! is not supported")
        Excludes(self.exclude)
        _require_shared(self.shared)


class LocalTarget:
    """A directory of this machine, bound to one slot.

    Args:
        adopt: Take over a directory that is not empty, or that another slot has marked.
        timeout_s: Deadline of each step.
    """

    kind: ClassVar[str] = "local"
    supports_canary: ClassVar[bool] = False

    def __init__(self, config: LocalConfig, tools: Tools, *, adopt: bool = False, timeout_s: float = 600.0) -> None:
        self.config = config
        self.tools = tools
        self.adopt = adopt
        self.timeout_s = timeout_s
        self._appliers: dict[str, Callable[[Step, StepRun], StepOutcome]] = {
            "local.build": self._build,
            "local.release": self._release,
            "local.activate": self._activate,
            "local.restart": self._restart,
            "local.stop": self._stop,
            "local.prune": self._prune,
        }
        self._probes: dict[str, Callable[[Step, str], Observation]] = {
            "local.release": self._probe_release,
            "local.activate": self._probe_activate,
            "local.restart": self._probe_restart,
            "local.stop": self._probe_stop,
        }

    def input_paths(self) -> tuple[Path, ...]:
        """The source; with a build the whole project, because that is what the build makes the source of."""
        project, source = self.tools.project_dir, self._directory(self.config.source)
        if self.config.build is None:
            return (source,)
        return (project,) if source.is_relative_to(project.resolve()) else (project, source)

    def input_excludes(self) -> Excludes:
        return self._excludes({"path": self.config.path, "exclude": self.config.exclude})

    def plan(self, request: Request) -> Plan:
        """Build, copy, switch, restart, prune: those that are configured. A dry run has the plan of the live run."""
        if request.mode is Mode.CANARY:
            raise CanaryUnsupported(f"{self.tools.slot}: a local target has one release at a time. Use --mode deploy.")
        slot, config = self.tools.slot, self.config
        steps = [self._release_step(request), self._activate_step("activate", config.path, request.version), *self._service_steps(request)]
        if config.build is not None:
            steps.insert(0, self._build_step())
        return Plan(
            target=slot.target,
            kind=self.kind,
            environment=slot.environment,
            version=request.version,
            mode=Mode.DEPLOY,
            steps=(*steps, self._prune_step(request)),
            release=Release(
                version=request.version, commit_sha=request.commit_sha, detail={"path": config.path, "run": self._run()}
            ),
            inputs=request.inputs,
        )

    def rollback(self, failed: Plan, to: Release) -> Plan:
        """Switch back to the directory of *to*, and its service where another one runs. The failed release is kept to look at."""
        if "directory" not in to.detail:
            raise NothingToRollBack(f"{to.version} has no release directory that {self.tools.slot} could go back to.")
        path, run = to.detail["path"], to.detail["run"]
        directory = to.detail["directory"]
        steps = [self._activate_step("rollback_activate", path, to.version, directory)]
        for left in failed.steps:
            if left.kind == "local.restart" and (run is None or left.inputs["path"] != path):
                steps.insert(0, self._stop_step("rollback_stop", left.inputs["path"], left.inputs["drain_s"]))
        if run is not None:
            steps.append(self._restart_step("rollback_restart", path, to.version, run, directory))
        return Plan(
            target=failed.target,
            kind=self.kind,
            environment=failed.environment,
            version=to.version,
            mode=failed.mode,
            steps=tuple(steps),
            release=to,
            inputs={"leaves": failed.digest},
        )

    def release(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Release:
        if "directory" in plan.release.detail:
            return plan.release  # of a rollback: what was made by an earlier deployment
        made = outcomes.get("release", {})
        return Release(
            version=plan.version,
            commit_sha=plan.release.commit_sha,
            deployment_id=deployment_id,
            artifacts={"source": made["digest"]} if "digest" in made else {},
            detail={
                "path": plan.release.detail["path"],
                "directory": release_name(plan.version, deployment_id),
                "run": plan.release.detail["run"],
            },
        )

    def observe(self) -> Release | None:
        """What `current` points to. ``detail.service`` is there only when the service is not what it should be."""
        place = self._place(self.config.path)
        name = place.current_name() if place.is_ours() else None
        record = place.record(name) if name is not None else None
        if record is None:
            return None
        release = record.release(self.config.path)
        state = _service_state(Service(place), record)
        return release if state is None else Release.from_json({**release.to_json(), "detail": {**release.detail, "service": state}})

    def preflight(self, plan: Plan) -> Iterable[Check]:
        return local_checks.preflight(self._surroundings(), plan)

    def verify(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Iterable[Check]:
        return local_checks.verify(self._surroundings(), self.release(plan, deployment_id, outcomes))

    def diagnostics(self) -> Sequence[str]:
        return local_checks.diagnostics(self._place(self.config.path))

    def url(self, release: Release) -> str:
        return ""

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """Files and processes of this machine answer. Builds and pruning leave no evidence of their own: they are done again."""
        if step.kind not in self._probes:
            return Observation(Answer.NOT_DONE, "leaves no evidence of its own; doing it again is harmless")
        try:
            place = self._place(step.inputs["path"])
            place.is_ours()
            made = outcomes.get("release", {}).get("directory")
            if made is not None and place.record(made) is None:
                return Observation(Answer.UNKNOWN, f"{place.directory(made)} is gone, or this is not the machine that made it")
            return self._probes[step.kind](step, deployment_id)
        except (ForeignResource, Unreachable, OSError) as error:
            return Observation(Answer.UNKNOWN, str(error))

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        try:
            return self._appliers[step.kind](step, run)
        except (ForeignResource, Unreachable, SecretMissing) as error:
            raise StepError(str(error), effect=False) from error
        except OSError as error:
            raise StepError(f"{step.title}: {reason(error)}") from error
