"""`kubernetes`: build an image, push it, and run it by the objects of a namespace of one cluster; with a canary before, if asked.

This file says which function does and probes which kind of step, and what is live; all else has a module of its own:

    kubernetes_config    the configuration             kubernetes_apply    the update, migrations, pruning
    image_config         what it says of the image     kubernetes_canary   the canary beside it
    kubernetes_plans     steps and their inputs        kubernetes_states   rolled out, or not going to be
    kubernetes_cli       argument lists, as data       kubernetes_wait     waiting, verification, diagnostics
    kubernetes_cluster   questions to the cluster      kubernetes_drift    what was changed by hand
    kubernetes_objects   objects, as data              kubernetes_checks   the dry run's questions
    kubernetes_slot      labels: what is ours          kubernetes_errors   what messages mean
    kubernetes_render    files to objects              docker_images       build and push

What is live is known by labels and annotations only. Start at `KubernetesTarget.plan`, then `kubernetes_plans.forward`.
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
from orchestrator.targets.kubernetes_apply import Migrations, Update
from orchestrator.targets.kubernetes_canary import Canaries
from orchestrator.targets.kubernetes_cluster import Cluster
from orchestrator.targets.kubernetes_config import Chart, KubernetesConfig
from orchestrator.targets.kubernetes_objects import Name
from orchestrator.targets.kubernetes_plans import APPLY, MIGRATE, PRUNE, RENDER, WAIT, back, forward, place_of, released
from orchestrator.targets.kubernetes_render import Manifests
from orchestrator.targets.kubernetes_slot import Wanted, refuse_foreign, release_of, slot_label
from orchestrator.targets.kubernetes_wait import Waiting

__all__ = ["Chart", "KubernetesConfig", "KubernetesTarget"]


class KubernetesTarget:
    """The objects of one namespace that belong to one slot.

    Args:
        adopt: Take over objects that do not carry our label.
        timeout_s: Deadline of each step.
    """

    kind: ClassVar[str] = "kubernetes"
    supports_canary: ClassVar[bool] = True
    honours_dockerignore: ClassVar[bool] = True

    def __init__(self, config: KubernetesConfig, tools: Tools, *, adopt: bool = False, timeout_s: float = 600.0) -> None:
        self.config = config
        self.tools = tools
        self.adopt = adopt
        self.timeout_s = timeout_s
        self._cluster = Cluster(tools.query, tools.project_dir, place_of(config))
        self._engine = Engine(tools.query, tools.project_dir)
        images, update, waiting = Images(tools, self._engine), Update(tools), Waiting(tools)
        canaries, migrations = Canaries(tools, waiting), Migrations(tools, waiting)
        self._waiting, self._canaries = waiting, canaries
        appliers: dict[str, Applier] = {
            RENDER: Manifests(tools).render,
            BUILD: images.build,
            PUSH: images.push,
            MIGRATE: migrations.apply,
            APPLY: update.apply,
            WAIT: waiting.wait,
            PRUNE: update.prune,
            CANARY_WEIGHT: canaries.weight,
            CANARY_REMOVE: canaries.remove,
        }
        probes: dict[str, Prober] = {
            PUSH: images.probe_push,
            MIGRATE: migrations.probe,
            APPLY: update.probe,
            CANARY_WEIGHT: canaries.probe_weight,
            CANARY_REMOVE: canaries.probe_remove,
        }
        self._steps = StepTable(appliers, probes)

    def input_paths(self) -> tuple[Path, ...]:
        """The build context, the Dockerfile, and all that the manifests are made of. Raises PathOutside."""
        config, named = self.config, self.tools.input_path
        paths = [named("build_context", config.build_context), named("dockerfile", config.dockerfile)]
        for field, path in (("manifests", config.manifests), ("kustomize", config.kustomize)):
            paths += [named(field, path)] if path is not None else []
        if config.chart is not None:
            paths += [named("chart.path", config.chart.path), *(named("chart.values", file) for file in config.chart.values)]
        return (*paths, *(named("migrations", path) for path in config.migrations))

    def input_excludes(self) -> Excludes:
        """Nothing of its own: what a ``.dockerignore`` leaves out is left out by the digest itself."""
        return Excludes()

    def plan(self, request: Request) -> Plan:
        """Render, build, push, migrate, update, wait, prune: those that are configured. A canary comes before the update."""
        return forward(self.config, self.tools.slot, request, adopt=self.adopt, timeout_s=self.timeout_s)

    def rollback(self, failed: Plan, to: Release) -> Plan:
        """The recorded objects of *to* again, after what is left of a canary is away."""
        return back(self.config, failed, to, adopt=self.adopt, timeout_s=self.timeout_s)

    def release(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Release:
        return released(plan, deployment_id, outcomes)

    def observe(self) -> Release | None:
        """The release that the workload says it runs."""
        kind, name = self.config.workload
        found = self._cluster.release(Name("apps/v1", kind, name), slot_label(self.tools.slot))
        if found is None:
            return None
        ours, said = found
        if not ours or "release" not in said:
            refuse_foreign([f"{kind} {name}"], self.tools.slot, self.config.namespace, adopt=self.adopt)
            return None
        return release_of(said)

    def drift(self) -> tuple[str, ...]:
        """What somebody has changed by hand in the objects of the live release, a line each; `()` for nothing.

        Raises:
            Unreachable, ForeignResource: As `observe`.
        """
        live = self.observe()
        if live is None:
            return ()
        from orchestrator.targets.kubernetes_drift import drift_lines  # asked once, before a deployment

        recorded = Wanted(
            slot=self.tools.slot,
            deployment_id=live.deployment_id or "",
            version=live.version,
            commit_sha=live.commit_sha,
            detail=live.detail,
        )
        return drift_lines(self._cluster, [one for one in recorded.objects() if one["kind"] != "Job"])

    def sides(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Sides:
        return self._canaries.sides(plan, outcomes)

    def endpoints(self, side: Side, port: int | None) -> Sequence[str]:
        """The ready pods' own addresses: whoever asks must be able to reach the pods' network."""
        return self._canaries.endpoints(self._cluster, side, port)

    def preflight(self, plan: Plan) -> Iterable[Check]:
        from orchestrator.targets.kubernetes_checks import Preflight  # only a dry run needs it

        return Preflight(self.tools, self._engine, self.observe).checks(plan)

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """Cluster and registry answer. What leaves no evidence of its own (a build, pruning) is harmless to do again."""
        return self._steps.probe(step, deployment_id, outcomes)

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        return self._steps.apply(step, run)

    def verify(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Iterable[Check]:
        """The observed generation, every pod's readiness and the running digest."""
        return self._waiting.verify(next(step for step in plan.steps if step.kind == APPLY), deployment_id, outcomes)

    def diagnostics(self) -> Sequence[str]:
        return self._waiting.diagnostics(self._cluster, *self.config.workload)

    def url(self, release: Release) -> str:
        return ""
