"""`local`: release directories on this machine, an atomic `current` link, and optionally one service. Needs no server.

The target itself is thin. Its configuration is in `local_config.py`, its plans in `local_plans.py`, what the steps do and how
they are probed in `local_steps.py`, preflight and verification in `local_checks.py`; what lies where on disk in `local_place.py`,
releases in `local_releases.py` and `local_copy.py`, the service in `local_service.py`. Start at `LocalTarget`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from orchestrator.domain.errors import CanaryUnsupported
from orchestrator.domain.excludes import Excludes
from orchestrator.domain.paths import PathOutside
from orchestrator.domain.plan import Mode, Plan, Release, Step
from orchestrator.targets import local_checks, local_plans
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
from orchestrator.targets.local_config import LocalConfig
from orchestrator.targets.local_copy import reason
from orchestrator.targets.local_place import release_name
from orchestrator.targets.local_service import Service
from orchestrator.targets.local_steps import DOERS, PROBES, Surroundings

__all__ = ["LocalConfig", "LocalTarget"]


class LocalTarget:
    """A directory of this machine, bound to one slot.

    Args:
        adopt: Take over a directory that is not empty, or that another slot has marked.
    """

    kind: ClassVar[str] = local_plans.KIND
    supports_canary: ClassVar[bool] = False
    honours_dockerignore: ClassVar[bool] = False

    def __init__(self, config: LocalConfig, tools: Tools, *, adopt: bool = False) -> None:
        self.config = config
        self.around = Surroundings(tools, adopt)

    def input_paths(self) -> tuple[Path, ...]:
        """The source; with a build the whole project, because that is what the build makes the source of. Raises PathOutside."""
        project, source = self.around.source("."), self.around.source(self.config.source)
        self.around.shared(self.config.source, self.config.shared)
        if self.config.build is None:
            return (source,)
        return (project,) if source.is_relative_to(project) else (project, source)

    def input_excludes(self) -> Excludes:
        config = self.config
        return self.around.excludes(path=config.path, source=config.source, exclude=config.exclude, shared=config.shared)

    def plan(self, request: Request) -> Plan:
        """See `local_plans.forward`. Raises CanaryUnsupported."""
        if request.mode is Mode.CANARY:
            raise CanaryUnsupported(f"{self.around.tools.slot}: a local target has one release at a time. Next: --mode deploy")
        return local_plans.forward(self.config, self.around.tools.slot, request)

    def rollback(self, failed: Plan, to: Release) -> Plan:
        """See `local_plans.back`. Raises NothingToRollBack."""
        return local_plans.back(failed, to)

    def release(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Release:
        if "directory" in plan.release.detail:
            return plan.release  # of a rollback: made by an earlier deployment
        made = outcomes.get("release", {})
        # What `validate` compares the next one with.
        sizes = {"sizes": {"source": made["bytes"]}} if "bytes" in made else {}
        return replace(
            plan.release,
            deployment_id=deployment_id,
            artifacts={"source": made["digest"]} if "digest" in made else {},
            detail={**plan.release.detail, "directory": release_name(plan.version, deployment_id), **sizes},
        )

    def observe(self) -> Release | None:
        """What `current` points to. ``detail["service"]`` is there only when the service is not what it should be."""
        place = self.around.place(self.config.path)
        name = place.current_name() if place.is_ours() else None
        record = place.record(name) if name is not None else None
        if record is None:
            return None
        release, running = record.release(self.config.path), Service(place).running()
        if record.run is None or (running is not None and running.directory == record.name):
            return release
        state = "does not run" if running is None else f"{running.directory} runs instead"
        return replace(release, detail={**release.detail, "service": state})

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """Files and processes of this machine answer; builds and pruning leave nothing that could."""
        if step.kind not in PROBES:
            return Observation(Answer.UNKNOWN, "leaves no evidence of its own")
        place = self.around.place(step.inputs["path"])
        try:
            place.is_ours()
            made = outcomes.get("release", {}).get("directory")
            if made is not None and place.record(made) is None:
                return Observation(Answer.UNKNOWN, f"{place.directory(made)} is gone, or another machine has it")
            return PROBES[step.kind](place, step, deployment_id)
        except (ForeignResource, Unreachable, OSError) as error:
            return Observation(Answer.UNKNOWN, str(error))

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        try:
            return DOERS[step.kind](self.around, step, run)
        except (ForeignResource, Unreachable, SecretMissing, PathOutside) as error:
            raise StepError(f"{str(error).rstrip('.')}. Nothing was changed.", effect=False) from error
        except OSError as error:
            raise StepError(f"{step.title}: {reason(error)}") from error

    def drift(self) -> Sequence[str]:
        return ()

    def preflight(self, plan: Plan) -> Iterable[Check]:
        return local_checks.preflight(self.around, plan)

    def verify(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Iterable[Check]:
        return local_checks.verify(self.around, self.release(plan, deployment_id, outcomes))

    def diagnostics(self) -> Sequence[str]:
        return local_checks.diagnostics(self.around.place(self.config.path))

    def url(self, release: Release) -> str:
        return ""
