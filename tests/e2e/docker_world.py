"""A project, a slot and a real engine for the tests of the docker target: `DockerWorld`. What it reads is docker's own word."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.targets.base import Check, CheckStatus, CommandResult, Request
from orchestrator.targets.docker import DockerConfig, DockerRun, DockerTarget
from tests.backends.docker import SERVICE_PORT, DockerBackend, docker, free_port, write_context
from tests.contract.harness import PlainStepRun, plain_tools
from tests.e2e.project import wait_until

Outcomes = dict[str, Mapping[str, Any]]


@dataclass
class Deployed:
    """A deployment that ran to its end."""

    target: DockerTarget
    plan: Plan
    deployment_id: str
    outcomes: Outcomes
    release: Release

    def verdicts(self) -> dict[str, CheckStatus]:
        return {check.name: check.status for check in self.target.verify(self.plan, self.deployment_id, self.outcomes)}


@dataclass
class NamingStepRun(PlainStepRun):
    """Also knows the names of the commands that it ran."""

    names: list[str] = field(default_factory=list)

    def command(self, argv: Sequence[str], *, name: str = "main", **options: Any) -> CommandResult:
        self.names.append(name)
        return super().command(argv, name=name, **options)


@dataclass
class DockerWorld:
    """One test's own project, repository and container name on the machine's engine."""

    backend: DockerBackend
    label: str
    root: Path
    project: Path = field(init=False)
    port: int = field(init=False)
    slot: Slot = field(init=False)
    number: int = 0

    def __post_init__(self) -> None:
        self.project = self.root / "project"
        self.port = free_port()
        self.slot = Slot(self.label, "staging", "web")

    @property
    def repository(self) -> str:
        return f"{self.backend.registry}/{self.label}/web"

    def source(self, version: str, **options: Any) -> Path:
        """Another version of the test service in the project; see `tests.backends.docker.write_context`."""
        return write_context(self.project, version=version, label=self.label, **options)

    def run_spec(self, **changed: Any) -> DockerRun:
        return DockerRun(**{"name": self.label, "ports": (f"127.0.0.1:{self.port}:{SERVICE_PORT}",), "stable_s": 0.3, **changed})

    def target(self, *, adopt: bool = False, data_dir: Path | None = None, timeout_s: float = 60, **config: Any) -> DockerTarget:
        settings: dict[str, Any] = {"image_name": f"{self.label}/web", "registry": self.backend.registry, "run": self.run_spec()}
        tools = plain_tools(self.project, self.slot, data_dir)
        return DockerTarget(DockerConfig(**{**settings, **config}), tools, adopt=adopt, timeout_s=timeout_s)

    def plan(self, target: DockerTarget, version: str, reference: Release | None = None) -> Plan:
        request = Request(
            version=version,
            mode=Mode.DEPLOY,
            commit_sha=None,
            source_digest=None,
            observed=target.observe(),
            reference=reference,
            inputs={},
        )
        return target.plan(request)

    def step_run(self, step: Step, deployment_id: str, outcomes: Outcomes, attempt: int = 1) -> NamingStepRun:
        self.number += 1
        attempt_dir = self.root / "attempts" / f"{self.number}"
        attempt_dir.mkdir(parents=True)
        return NamingStepRun(deployment_id, step, outcomes, attempt_dir, self.project, attempt)

    def apply(self, target: DockerTarget, plan: Plan, deployment_id: str, *, until: str = "") -> Outcomes:
        """Apply the steps of *plan*, those before *until* only if it is given."""
        outcomes: Outcomes = {}
        for step in plan.steps:
            if step.name == until:
                break
            outcomes[step.name] = target.apply(step, self.step_run(step, deployment_id, outcomes)).data
        return outcomes

    def deploy(self, version: str, *, reference: Release | None = None, **config: Any) -> Deployed:
        """The version in the project, deployed as ``deploy-VERSION``."""
        target = self.target(**config)
        plan, deployment_id = self.plan(target, version, reference), f"deploy-{version}"
        outcomes = self.apply(target, plan, deployment_id)
        return Deployed(target, plan, deployment_id, outcomes, target.release(plan, deployment_id, outcomes))

    def roll_back(self, failed: Deployed, to: Release) -> Deployed:
        plan = failed.target.rollback(failed.plan, to)
        outcomes = self.apply(failed.target, plan, failed.deployment_id)
        return Deployed(failed.target, plan, failed.deployment_id, outcomes, to)

    def two_versions(self, **config: Any) -> tuple[Deployed, Deployed]:
        """1.0.0, replaced by 1.1.0."""
        self.source("1.0.0")
        first = self.deploy("1.0.0", **config)
        self.source("1.1.0")
        return first, self.deploy("1.1.0", reference=first.release, **config)

    def containers(self) -> dict[str, str]:
        """State by name, of every container that is called after this world."""
        listed = docker("ps", "--all", "--filter", f"name={self.label}", "--format", "{{.Names}} {{.State}}").stdout
        return dict(line.split() for line in listed.splitlines())

    def inspect(self, name: str, template: str) -> Any:
        return json.loads(docker("inspect", "--format", f"{{{{json {template}}}}}", name).stdout)

    def served(self) -> str:
        """The version that answers on the published port, which is open a moment before the program behind it listens."""
        wait_until(lambda: _listens(self.port), f"somebody answers on port {self.port}")
        return get(self.port, "/version")


def _listens(port: int) -> bool:
    try:
        get(port, "/version")
    except urllib.error.HTTPError:
        return True
    except (ConnectionError, urllib.error.URLError):
        return False
    return True


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
        return str(response.read().decode().strip())


def failed(checks: list[Check]) -> dict[str, str]:
    """Messages of the checks that failed, by name."""
    return {check.name: check.message for check in checks if check.status is CheckStatus.FAIL}
