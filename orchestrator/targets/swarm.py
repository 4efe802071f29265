"""`swarm`: build an image, push it, and run it as a service of the swarm that the docker client talks to; with a canary.

This file says which function does and probes which kind of step, and what is live; all else has a module of its own:

    swarm_config   the configuration             swarm_service   the update of one service: one call to the swarm
    swarm_ports    published ports, mounts       swarm_stack     the update of a stack
    swarm_plans    steps and their inputs        swarm_rollout   waiting, verification, drift, diagnostics
    swarm_cli      argument lists, as data       swarm_canary    the second service, and what its sides are like
    swarm_spec     what a service looks like     swarm_checks    the dry run's questions
    swarm_engine   questions to the swarm        swarm_slot      labels: what is ours

What makes the image is shared with `docker`: `image_config`, `image_plans`, `docker_images`, `docker_engine`, `docker_cli`. What
is live is known by labels and digests only. Start at `SwarmTarget.plan`, then `swarm_plans.forward`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from orchestrator.domain.excludes import Excludes
from orchestrator.domain.plan import CANARY_REMOVE, CANARY_WEIGHT, Plan, Release, Step
from orchestrator.targets.base import (
    Check,
    Observation,
    Outcomes,
    Request,
    StepOutcome,
    StepRun,
    Tools,
)
from orchestrator.targets.canary import Side, Sides
from orchestrator.targets.docker_engine import Engine
from orchestrator.targets.docker_images import Images
from orchestrator.targets.image_plans import BUILD, PUSH
from orchestrator.targets.image_steps import Applier, Prober, StepTable
from orchestrator.targets.swarm_canary import CanaryService
from orchestrator.targets.swarm_config import RollingUpdate, StackConfig, SwarmConfig
from orchestrator.targets.swarm_engine import Service, Swarm
from orchestrator.targets.swarm_plans import SERVICE, STACK, WAIT, back, configured_name, forward, released
from orchestrator.targets.swarm_rollout import Rollout
from orchestrator.targets.swarm_service import ServiceUpdate
from orchestrator.targets.swarm_slot import canary_name, is_ours, refuse_foreign, release_of, slot_labels
from orchestrator.targets.swarm_stack import StackUpdate

__all__ = ["RollingUpdate", "StackConfig", "SwarmConfig", "SwarmTarget"]


class SwarmTarget:
    """One service of a swarm, bound to one slot.

    Args:
        adopt: Take over a service that does not carry our labels; it becomes what the configuration says.
        timeout_s: Deadline of each step.
    """

    kind: ClassVar[str] = "swarm"
    supports_canary: ClassVar[bool] = True
    honours_dockerignore: ClassVar[bool] = True

    def __init__(self, config: SwarmConfig, tools: Tools, *, adopt: bool = False, timeout_s: float = 600.0) -> None:
        self.config = config
        self.tools = tools
        self.adopt = adopt
        self.timeout_s = timeout_s
        self._engine = Engine(tools.query, tools.project_dir)
        self._swarm = Swarm(self._engine, tools.clock)
        images, rollout = Images(tools, self._engine), Rollout(tools, self._swarm)
        service, stack = ServiceUpdate(tools, self._swarm), StackUpdate(tools, self._swarm)
        canary = CanaryService(tools, self._swarm, service, rollout)
        self._rollout, self._stack, self._canary = rollout, stack, canary
        appliers: dict[str, Applier] = {
            BUILD: images.build,
            PUSH: images.push,
            SERVICE: service.apply,
            STACK: stack.apply,
            WAIT: rollout.wait,
            CANARY_WEIGHT: canary.weigh,
            CANARY_REMOVE: canary.remove,
        }
        probes: dict[str, Prober] = {
            PUSH: images.probe_push,
            SERVICE: service.probe,
            STACK: stack.probe,
            CANARY_WEIGHT: canary.probe_weight,
            CANARY_REMOVE: canary.probe_remove,
        }
        self._steps = StepTable(appliers, probes)

    def input_paths(self) -> tuple[Path, ...]:
        """The build context, the Dockerfile, which may lie outside of that, and the stack's file. Raises PathOutside."""
        config, named = self.config, self.tools.input_path
        paths = [named("build_context", config.build_context), named("dockerfile", config.dockerfile)]
        if config.stack is not None:
            paths.append(named("stack.file", config.stack.file))
        return tuple(paths)

    def input_excludes(self) -> Excludes:
        """Nothing of its own: what a ``.dockerignore`` leaves out is left out by the digest itself."""
        return Excludes()

    def plan(self, request: Request) -> Plan:
        """Build, push, update, wait; a canary in between when the request asks for one."""
        return forward(self.config, self.tools.slot, request, adopt=self.adopt, timeout_s=self.timeout_s)

    def rollback(self, failed: Plan, to: Release) -> Plan:
        """Back to the whole service that *to* was, by its digest; a canary is removed before."""
        return back(failed, to, adopt=self.adopt, timeout_s=self.timeout_s)

    def release(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Release:
        return released(plan, deployment_id, outcomes)

    def observe(self) -> Release | None:
        """The release of this slot's service. The canary is none."""
        live = self._live()
        return release_of(live) if live is not None and is_ours(live, self.tools.slot) else None

    def preflight(self, plan: Plan) -> Iterable[Check]:
        from orchestrator.targets.swarm_checks import SwarmPreflight  # only a dry run needs it

        return SwarmPreflight(self.tools, self._engine, self._swarm, self._stack, self.observe).checks(plan)

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """Swarm and registry answer. A build leaves nothing that would tell it from an earlier one: it is done again, cached."""
        return self._steps.probe(step, deployment_id, outcomes)

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        return self._steps.apply(step, run)

    def verify(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Iterable[Check]:
        """The running digest, the service as it was written, and the tasks that run."""
        update = next(step for step in plan.steps if step.kind in (SERVICE, STACK))
        return self._rollout.verify(update, deployment_id, outcomes)

    def drift(self) -> tuple[str, ...]:
        """What somebody has changed by hand since our last update, one line each."""
        live = self._live()
        return self._rollout.drift(live.name) if live is not None and is_ours(live, self.tools.slot) else ()

    def diagnostics(self) -> Sequence[str]:
        name = configured_name(self.config, self.tools.slot)
        return self._rollout.diagnostics([name, *([canary_name(name)] if self.config.canary is not None else [])])

    def url(self, release: Release) -> str:
        return ""

    # The canary: see `orchestrator.targets.canary.CanaryTarget`

    def sides(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Sides:
        return self._canary.sides(plan, deployment_id, outcomes)

    def endpoints(self, side: Side, port: int | None) -> Sequence[str]:
        return self._canary.endpoints(side, port)

    def _live(self) -> Service | None:
        """The service in this slot's place, ours or adopted; or one of ours that has another name in the configuration now."""
        slot, name = self.tools.slot, configured_name(self.config, self.tools.slot)
        named = self._swarm.service(name)
        if named is not None:
            refuse_foreign(named, slot, adopt=self.adopt)
            return named
        return next((one for one in self._swarm.labelled(slot_labels(slot)) if is_ours(one, slot)), None)
