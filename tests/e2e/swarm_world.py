"""A project, a slot and a real swarm for the tests of the swarm target: `SwarmWorld`. What it reads is docker's own word."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.targets.base import CheckStatus, CommandResult, Request, StepError
from orchestrator.targets.swarm import RollingUpdate, SwarmConfig, SwarmTarget
from tests.backends.docker import SERVICE_PORT, docker, write_context
from tests.backends.swarm import SwarmBackend, swarm_networks
from tests.contract.harness import PlainStepRun, plain_tools, query

Outcomes = dict[str, Mapping[str, Any]]
QUICK = RollingUpdate(parallelism=0, order="start-first", monitor_s=0.5)


@dataclass
class Deployed:
    """A deployment that ran to its end."""

    target: SwarmTarget
    plan: Plan
    deployment_id: str
    outcomes: Outcomes
    release: Release

    def verdicts(self) -> dict[str, CheckStatus]:
        return {check.name: check.status for check in self.target.verify(self.plan, self.deployment_id, self.outcomes)}


@dataclass
class Asked:
    """`Tools.query`, which counts."""

    calls: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], **options: Any) -> CommandResult:
        self.calls.append(tuple(argv))
        return query(argv, **options)


@dataclass
class SwarmWorld:
    """One test's own project, repository and service name on the machine's swarm."""

    backend: SwarmBackend
    label: str
    root: Path
    project: Path = field(init=False)
    slot: Slot = field(init=False)
    asked: Asked = field(default_factory=Asked)
    number: int = 0
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.project = self.root / "project"
        self.slot = Slot(self.label, "staging", "web")

    @property
    def repository(self) -> str:
        return f"{self.backend.registry}/{self.label}/web"

    @property
    def network(self) -> str:
        return f"{self.label}-net"

    def make_network(self) -> None:
        """An overlay network of the test's own; `SwarmBackend.forget` removes it."""
        made = docker("network", "create", "--driver", "overlay", "--attachable", self.network)
        assert made.returncode == 0, made.stderr

    def source(self, version: str, **options: Any) -> Path:
        """Another version of the test service in the project; see `tests.backends.docker.write_context`."""
        return write_context(self.project, version=version, label=self.label, **options)

    def target(self, *, adopt: bool = False, timeout_s: float = 60, slot: Slot | None = None, **config: Any) -> SwarmTarget:
        settings: dict[str, Any] = {
            "image_name": f"{self.label}/web",
            "registry": self.backend.registry,
            "service": self.label,
            "replicas": 2,
            "ports": (f"mode=host,target={SERVICE_PORT}",),
            "endpoint_mode": "dnsrr",
            "update": QUICK,
        }
        tools = replace(plain_tools(self.project, slot or self.slot), query=self.asked)
        return SwarmTarget(SwarmConfig(**{**settings, **config}), tools, adopt=adopt, timeout_s=timeout_s)

    def plan(self, target: SwarmTarget, version: str, reference: Release | None = None, mode: Mode = Mode.DEPLOY) -> Plan:
        request = Request(
            version=version,
            mode=mode,
            commit_sha=None,
            source_digest=None,
            observed=target.observe(),
            reference=reference,
            inputs={},
        )
        return target.plan(request)

    def step_run(self, step: Step, deployment_id: str, outcomes: Outcomes, attempt: int = 1) -> PlainStepRun:
        self.number += 1
        attempt_dir = self.root / "attempts" / f"{self.number}"
        attempt_dir.mkdir(parents=True)
        run = PlainStepRun(deployment_id, step, outcomes, attempt_dir, self.project, attempt)
        run.lines = self.lines
        return run

    def apply(self, target: SwarmTarget, plan: Plan, deployment_id: str, *, until: str = "") -> Outcomes:
        """Apply the steps of *plan*, those before *until* only if it is given. What a service watches is left out."""
        outcomes: Outcomes = {}
        for step in plan.steps:
            if step.name == until:
                break
            if step.kind != "canary.watch":
                outcomes[step.name] = target.apply(step, self.step_run(step, deployment_id, outcomes)).data
        return outcomes

    def deploy(self, version: str, *, reference: Release | None = None, **config: Any) -> Deployed:
        """The version in the project, deployed as ``deploy-VERSION``."""
        target = self.target(**config)
        plan, deployment_id = self.plan(target, version, reference), f"deploy-{version}"
        outcomes = self.apply(target, plan, deployment_id)
        return Deployed(target, plan, deployment_id, outcomes, target.release(plan, deployment_id, outcomes))

    def fail(self, version: str, *, reference: Release | None = None, **config: Any) -> tuple[SwarmTarget, Plan, str]:
        """Deploy a version that will not come up; the message of its error."""
        target = self.target(**config)
        plan = self.plan(target, version, reference)
        try:
            self.apply(target, plan, f"deploy-{version}")
        except StepError as error:
            return target, plan, str(error)
        raise AssertionError(f"{version} came up")

    def roll_back(self, target: SwarmTarget, failed: Plan, deployment_id: str, to: Release) -> Deployed:
        plan = target.rollback(failed, to)
        outcomes = self.apply(target, plan, deployment_id)
        return Deployed(target, plan, deployment_id, outcomes, to)

    def two_versions(self, **config: Any) -> tuple[Deployed, Deployed]:
        """1.0.0, replaced by 1.1.0."""
        self.source("1.0.0")
        first = self.deploy("1.0.0", **config)
        self.source("1.1.0")
        return first, self.deploy("1.1.0", reference=first.release, **config)

    def spec(self, name: str | None = None) -> Any:
        return json.loads(docker("service", "inspect", name or self.label).stdout)[0]["Spec"]

    def container_spec(self) -> Any:
        return self.spec()["TaskTemplate"]["ContainerSpec"]

    def tasks(self, name: str | None = None) -> list[str]:
        """State of the tasks that are to run."""
        listed = docker("service", "ps", "--filter", "desired-state=running", "--format", "{{.CurrentState}}", name or self.label)
        return [line.split()[0] for line in listed.stdout.splitlines()]

    def served(self, name: str | None = None) -> list[str]:
        """The versions that answer on the ports of a service's running containers; one that is being stopped may not."""
        listed = docker("ps", "--filter", f"name={name or self.label}.", "--format", "{{.Ports}}").stdout
        # The first one of a container is that of the IPv4 addresses.
        ports = [line.partition("->")[0].rpartition(":")[2] for line in listed.splitlines() if "->" in line]
        versions = []
        for port in ports:
            with suppress(OSError):
                versions.append(get(int(port), "/version"))
        return sorted(versions)

    def services(self) -> list[str]:
        return sorted(docker("service", "ls", "--filter", f"name={self.label}", "--format", "{{.Name}}").stdout.split())

    def objects(self) -> dict[str, list[str]]:
        """Everything in the swarm and the engine that is called after this world."""
        found = {
            kind: docker(kind, "ls", "--quiet", "--filter", f"name={self.label}").stdout.split()
            for kind in ("service", "volume", "secret", "config")
        }
        found["network"] = swarm_networks(self.label)
        running = docker("ps", "--filter", f"name={self.label}", "--format", "{{.Names}}").stdout.split()
        return {**found, "running": sorted(running)}


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
        return str(response.read().decode().strip())


def until(question: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for an answer of somebody who tells nobody when it changes."""
    deadline = time.monotonic() + timeout_s
    while not question():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
