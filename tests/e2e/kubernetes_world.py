"""A project, a slot and a namespace of a cluster for the tests of the kubernetes target: `KubernetesWorld`.

What it reads is kubectl's own word.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.targets.base import Check, CheckStatus, CommandResult, Request, Tools
from orchestrator.targets.kubernetes import KubernetesConfig, KubernetesTarget
from tests.backends.docker import DockerBackend, write_context
from tests.backends.kubernetes import KubernetesBackend
from tests.contract.harness import PlainStepRun, plain_tools, query
from tests.contract.harness_kubernetes import manifests, write_manifests

Outcomes = dict[str, Mapping[str, Any]]
OWN = ("ServiceAccount", "Endpoints", "EndpointSlice", "Event", "Pod", "ReplicaSet", "ControllerRevision")
"""Kinds that a cluster makes by itself."""


@dataclass
class Deployed:
    """A deployment that ran to its end."""

    target: KubernetesTarget
    plan: Plan
    deployment_id: str
    outcomes: Outcomes
    release: Release

    def verdicts(self) -> dict[str, CheckStatus]:
        return {check.name: check.status for check in self.target.verify(self.plan, self.deployment_id, self.outcomes)}


@dataclass
class KubernetesWorld:
    """One test's own project, repository and namespace.

    Attributes:
        questions: Every read-only command that was run, with the time.
    """

    docker: DockerBackend
    cluster: KubernetesBackend
    label: str
    root: Path
    project: Path = field(init=False)
    slot: Slot = field(init=False)
    number: int = 0
    questions: list[tuple[float, Sequence[str]]] = field(default_factory=list)

    @property
    def kubeconfig(self) -> Path:
        return self.cluster.kubeconfig

    def __post_init__(self) -> None:
        self.project = self.root / "project"
        self.project.mkdir()
        self.slot = Slot("My shop", "staging", "web")
        self.source("0")

    def source(self, version: str, **options: Any) -> None:
        """Another version of the test service in the project; see `tests.backends.docker.write_context`."""
        write_context(self.project / "image", version=version, label=self.label, **options)

    def objects(self, *more: dict[str, Any], **options: Any) -> None:
        """The manifests in the project; see `tests.contract.harness_kubernetes.manifests`."""
        for old in (self.project / "k8s").glob("*"):
            old.unlink()
        write_manifests(self.project / "k8s", [*manifests(**options), *more])

    def target(
        self, *, adopt: bool = False, timeout_s: float = 120, tools: Tools | None = None, **config: Any
    ) -> KubernetesTarget:
        settings: dict[str, Any] = {
            "image_name": f"{self.label}/web",
            "registry": self.docker.registry,
            "build_context": "image",
            "dockerfile": "image/Dockerfile",
            "kubeconfig": str(self.kubeconfig),
            "context": "admin",
            "namespace": self.label,
            "deployment": "web",
            **config,
        }
        if not {"kustomize", "chart"} & settings.keys():
            settings.setdefault("manifests", "k8s")
        made = KubernetesConfig(**settings)
        return KubernetesTarget(made, tools or self.tools(), adopt=adopt, timeout_s=timeout_s)

    def tools(self) -> Tools:
        plain = plain_tools(self.project, self.slot)

        def noted(argv: Sequence[str], **options: Any) -> CommandResult:
            self.questions.append((time.monotonic(), argv))
            return query(argv, **options)

        return Tools(
            project_dir=plain.project_dir,
            slot=plain.slot,
            query=noted,
            health=plain.health,
            clock=plain.clock,
            secrets=plain.secrets,
        )

    def plan(self, target: KubernetesTarget, version: str, *, mode: Mode = Mode.DEPLOY, reference: Release | None = None) -> Plan:
        return target.plan(self.request(version, mode=mode, observed=target.observe(), reference=reference))

    def request(
        self, version: str, *, mode: Mode = Mode.DEPLOY, observed: Release | None = None, reference: Release | None = None
    ) -> Request:
        return Request(
            version=version,
            mode=mode,
            commit_sha="0123456789abcdef0123456789abcdef01234567",
            source_digest=None,
            observed=observed,
            reference=reference,
            inputs={},
        )

    def step_run(self, step: Step, deployment_id: str, outcomes: Outcomes, attempt: int = 1) -> PlainStepRun:
        self.number += 1
        attempt_dir = self.root / "attempts" / f"{self.number}"
        attempt_dir.mkdir(parents=True)
        return PlainStepRun(deployment_id, step, outcomes, attempt_dir, self.project, attempt)

    def apply(self, target: KubernetesTarget, plan: Plan, deployment_id: str, *, until: str = "") -> Outcomes:
        """Apply the steps of *plan* but for the watching, those before *until* only if it is given."""
        outcomes: Outcomes = {}
        for step in plan.steps:
            if step.name == until:
                break
            if step.kind != "canary.watch":
                outcomes[step.name] = target.apply(step, self.step_run(step, deployment_id, outcomes)).data
        return outcomes

    def deploy(self, version: str, *, mode: Mode = Mode.DEPLOY, until: str = "", **config: Any) -> Deployed:
        """The version in the project, deployed as ``deploy-VERSION``."""
        target = self.target(**config)
        plan, deployment_id = self.plan(target, version, mode=mode), f"deploy-{version}"
        outcomes = self.apply(target, plan, deployment_id, until=until)
        return Deployed(target, plan, deployment_id, outcomes, target.release(plan, deployment_id, outcomes))

    def roll_back(self, failed: Deployed, to: Release) -> Deployed:
        plan = failed.target.rollback(failed.plan, to)
        outcomes = self.apply(failed.target, plan, failed.deployment_id)
        return Deployed(failed.target, plan, failed.deployment_id, outcomes, to)

    def kubectl(self, *words: str) -> str:
        return self.cluster.ok("--namespace", self.label, *words)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def image(self, kind: str = "deployment", name: str = "web") -> str:
        return str(self.get(kind, name)["spec"]["template"]["spec"]["containers"][0]["image"])

    def everything(self) -> list[tuple[str, str, Any]]:
        """Every object that somebody wanted, of whatever kind, and what is wanted of it."""
        kinds = self.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
        listed = json.loads(self.kubectl("get", ",".join(kinds), "-o", "json"))["items"]
        wanted = [one for one in listed if one["kind"] not in OWN]
        found = {(one["kind"], one["metadata"]["name"]): one.get("spec") or one.get("data") for one in wanted}
        return [(*name, found[name]) for name in sorted(found)]  # an Ingress is listed once for each of its API groups

    def pods(self) -> list[str]:
        return self.kubectl("get", "pods", "-o", "name").split()


@contextmanager
def in_namespace(cluster: KubernetesBackend, docker: DockerBackend, label: str, root: Path) -> Iterator[KubernetesWorld]:
    """A world in a namespace of its own, which is called as its images are."""
    cluster.ok("create", "namespace", label)
    try:
        yield KubernetesWorld(docker, cluster, label, root)
    finally:
        cluster.forget(label)


def failed(checks: Sequence[Check]) -> dict[str, str]:
    """Messages of the checks that failed, by name."""
    return {check.name: check.message for check in checks if check.status is CheckStatus.FAIL}
