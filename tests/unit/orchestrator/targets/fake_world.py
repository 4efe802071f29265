"""A `fake` target with its world, driven by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.domain.plan import Plan
from orchestrator.targets.fake import FakeConfig, FakeTarget
from tests.contract.harness import PlainStepRun, plain_tools
from tests.unit.orchestrator.targets.local_world import ID, request


class Fake:
    """A fake with its world."""

    def __init__(self, root: Path, **config: Any) -> None:
        self.root = root
        self.target = FakeTarget(FakeConfig(dir="world", **config), plain_tools(root))
        self.plan = self.target.plan(request())

    def run(self, plan: Plan | None = None, deployment_id: str = ID) -> None:
        for step in (plan or self.plan).steps:
            self.apply(step.name, plan=plan, deployment_id=deployment_id)

    def apply(self, name: str, *, plan: Plan | None = None, deployment_id: str = ID, attempt: int = 1) -> dict[str, Any]:
        step = (plan or self.plan).step(name)
        run = PlainStepRun(deployment_id, step, {}, self.root, self.root, attempt)
        return dict(self.target.apply(step, run).data)

    @property
    def effects(self) -> list[str]:
        return [f"{step} {attempt}" for _, step, attempt in self.target.effects()]
