"""A project and a place to deploy it to, for the tests of the `local` target. Services that were started are ended with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.targets import processes
from orchestrator.targets.base import Request
from orchestrator.targets.local import LocalConfig, LocalTarget
from orchestrator.targets.local_place import Place
from orchestrator.targets.local_service import Service, State
from tests.contract.harness import SLOT, PlainStepRun, plain_tools

ID = "deploy-20260318-143022-aaaa"
WAITS = "import signal\nsignal.pause()\n"
RUN = (sys.executable, "-S", "serve.py")


def numbered(number: int) -> str:
    """A deployment ID."""
    return f"deploy-20260318-143022-{number:04}"


@dataclass
class World:
    root: Path
    started: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.project.mkdir()
        (self.project / "serve.py").write_text(WAITS)

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def srv(self) -> Path:
        return self.root / "srv"

    def place(self, slot: Slot = SLOT, *, adopt: bool = False) -> Place:
        return Place(self.srv.resolve(), slot, adopt)

    @property
    def service(self) -> Service:
        return Service(self.place())

    def target(
        self,
        *,
        slot: Slot = SLOT,
        adopt: bool = False,
        data_dir: Path | None = None,
        allow_paths: tuple[str, ...] = (),
        **config: Any,
    ) -> LocalTarget:
        tools = plain_tools(self.project, slot, data_dir, allow_paths)
        return LocalTarget(LocalConfig(**{"path": "../srv", **config}), tools, adopt=adopt)

    def run(self, target: LocalTarget, plan: Plan, deployment_id: str = ID) -> dict[str, Mapping[str, Any]]:
        outcomes: dict[str, Mapping[str, Any]] = {}
        for step in plan.steps:
            outcomes[step.name] = target.apply(step, self.step_run(step, deployment_id, outcomes)).data
            self.remember()
        return outcomes

    def deploy(self, version: str = "1.0.0", deployment_id: str = ID, **config: Any) -> Release:
        target = self.target(**config)
        plan = target.plan(request(version))
        return target.release(plan, deployment_id, self.run(target, plan, deployment_id))

    def step_run(self, step: Step, deployment_id: str = ID, outcomes: Mapping[str, Any] | None = None) -> PlainStepRun:
        return PlainStepRun(deployment_id, step, outcomes or {}, self.root, self.project)

    def remember(self) -> None:
        state = self.service.state()
        if state is not None and state not in self.started:
            self.started.append(state)

    def close(self) -> None:
        self.remember()
        for state in self.started:
            processes.terminate(state.process, True, 0)


def request(version: str = "1.0.0", *, observed: Release | None = None, reference: Release | None = None) -> Request:
    return Request(
        version=version,
        mode=Mode.DEPLOY,
        commit_sha="abc",
        source_digest=None,
        observed=observed,
        reference=reference,
        inputs={},
    )
