"""`docker`: build an image, push it, and run it as one container or in a compose project of the engine that the client talks to.

This file says which function does and probes which kind of step, and what is live; all else has a module of its own:

    docker_config   the configuration             docker_images    build, push, and putting tags back
    image_config    what it says of the image     image_plans      the steps that make it
    docker_plans    steps and their inputs        docker_run       the update of one container, and its crash windows
    docker_cli      argument lists, as data       docker_compose   the update of a compose project
    docker_engine   questions to the engine       docker_rollout   waiting, verification, diagnostics
    docker_slot     labels: what is ours          docker_checks    the dry run's questions
    docker_errors   what messages mean            docker_ports     published ports, and whether they are free

What is live is known by labels and digests only. Start at `DockerTarget.plan`, then `docker_plans.forward`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from orchestrator.domain.errors import CanaryUnsupported
from orchestrator.domain.excludes import Excludes
from orchestrator.domain.plan import Mode, Plan, Release, Step
from orchestrator.targets.base import (
    Check,
    CheckStatus,
    Observation,
    Outcomes,
    Request,
    StepOutcome,
    StepRun,
    Tools,
)
from orchestrator.targets.docker_compose import ComposeUpdate, service_containers
from orchestrator.targets.docker_config import DockerCompose, DockerConfig, DockerRun
from orchestrator.targets.docker_engine import Engine, Presence
from orchestrator.targets.docker_images import Images
from orchestrator.targets.docker_plans import COMPOSE, RESTORE, RUN, WAIT, back, forward, released
from orchestrator.targets.docker_rollout import Rollout
from orchestrator.targets.docker_run import RunUpdate
from orchestrator.targets.docker_slot import is_ours, refuse_foreign, release_of, slot_labels
from orchestrator.targets.image_plans import BUILD, PUSH
from orchestrator.targets.image_steps import Applier, Prober, StepTable

__all__ = ["DockerCompose", "DockerConfig", "DockerRun", "DockerTarget"]


class DockerTarget:
    """One container, one compose service or one repository, bound to one slot.

    Args:
        adopt: Take over a container that does not carry our labels; it is stopped and kept, never removed.
        timeout_s: Deadline of each step.
    """

    kind: ClassVar[str] = "docker"
    supports_canary: ClassVar[bool] = False
    honours_dockerignore: ClassVar[bool] = True

    def __init__(self, config: DockerConfig, tools: Tools, *, adopt: bool = False, timeout_s: float = 600.0) -> None:
        self.config = config
        self.tools = tools
        self.adopt = adopt
        self.timeout_s = timeout_s
        self._engine = Engine(tools.query, tools.project_dir)
        images, rollout = Images(tools, self._engine), Rollout(tools, self._engine)
        run, compose = RunUpdate(tools, self._engine), ComposeUpdate(tools, self._engine)
        self._rollout = rollout
        appliers: dict[str, Applier] = {
            BUILD: images.build,
            PUSH: images.push,
            RESTORE: images.restore,
            RUN: run.apply,
            COMPOSE: compose.apply,
            WAIT: rollout.wait,
        }
        probes: dict[str, Prober] = {
            PUSH: images.probe_push,
            RESTORE: images.probe_restore,
            RUN: run.probe,
            COMPOSE: compose.probe,
        }
        self._steps = StepTable(appliers, probes)

    def input_paths(self) -> tuple[Path, ...]:
        """The build context, the Dockerfile, which may lie outside of that, and the compose file. Raises PathOutside."""
        config, named = self.config, self.tools.input_path
        paths = [named("build_context", config.build_context), named("dockerfile", config.dockerfile)]
        if config.compose is not None:
            paths.append(named("compose.file", config.compose.file))
        return tuple(paths)

    def input_excludes(self) -> Excludes:
        """Nothing of its own: what a ``.dockerignore`` leaves out is left out by the digest itself."""
        return Excludes()

    def plan(self, request: Request) -> Plan:
        """Build, push, update, wait: those that are configured. A dry run has the plan of the live run."""
        if request.mode is Mode.CANARY:
            raise CanaryUnsupported(f"{self.tools.slot}: a docker target runs one release at a time. Use --mode deploy.")
        return forward(self.config, self.tools.slot, request, adopt=self.adopt, timeout_s=self.timeout_s)

    def rollback(self, failed: Plan, to: Release) -> Plan:
        """Back to *to* by its digest: the kept container when there is one, else a new one of the same image."""
        return back(failed, to, adopt=self.adopt, timeout_s=self.timeout_s)

    def release(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Release:
        return released(plan, deployment_id, outcomes)

    def observe(self) -> Release | None:
        """The release of the container that runs in this slot. A repository without ``run`` or ``compose`` runs nothing."""
        name = self._name()
        for one in self._engine.inspect([name] if name else []):
            if one.name == name and one.running and is_ours(one, self.tools.slot):
                return release_of(one)
        found = self._engine.containers(slot_labels(self.tools.slot), named=name)
        if self.config.compose is not None:
            found += [one for one in service_containers(self._engine, _mapping(self.config.compose)) if one not in found]
        refuse_foreign(found, self.tools.slot, adopt=self.adopt)
        running = [container for container in found if container.running and is_ours(container, self.tools.slot)]
        # While a new one is put in its place, the old one serves under another name.
        return release_of(running[0]) if running else None

    def drift(self) -> Sequence[str]:
        return ()

    def preflight(self, plan: Plan) -> Iterable[Check]:
        from orchestrator.targets.docker_checks import Preflight  # only a dry run needs it

        return Preflight(self.tools, self._engine, self.observe).checks(plan)

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """Engine and registry answer. A build leaves nothing that would tell it from an earlier one: it is done again, cached.

        A push that nobody can be asked about is done again too: that is harmless, and pins the digest, which an exit code cannot.
        """
        return self._steps.probe(step, deployment_id, outcomes)

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        return self._steps.apply(step, run)

    def verify(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Iterable[Check]:
        """The running digest; of a plan that only pushes, the digest of every tag in the registry."""
        update = next((step for step in plan.steps if step.kind in (RUN, COMPOSE)), None)
        if update is not None:
            return self._rollout.verify(update, deployment_id, outcomes)
        return self._verify_registry(self.release(plan, deployment_id, outcomes))

    def diagnostics(self) -> Sequence[str]:
        return self._rollout.diagnostics(self._name())

    def url(self, release: Release) -> str:
        return ""

    def _verify_registry(self, release: Release) -> Iterable[Check]:
        repository, digest = release.detail["image"], release.detail["digest"]
        for tag, answer in self._engine.tag_answers(repository, release.detail["tags"], digest).items():
            name = f"registry {tag}"
            if answer.problem:
                yield Check(name, CheckStatus.FAIL, answer.problem)
            elif answer.presence is Presence.THERE:
                yield Check(name, CheckStatus.PASS, f"{repository}:{tag} is {digest}")
            else:
                yield Check(name, CheckStatus.FAIL, f"{repository}:{tag} is not {digest}: it was pushed again since, or removed")

    def _name(self) -> str | None:
        return self.config.run.name if self.config.run is not None else None


def _mapping(compose: DockerCompose) -> Mapping[str, Any]:
    return {"project": compose.project, "service": compose.service}
