"""The `fake` target under the contract."""

from __future__ import annotations

from typing import Any

from orchestrator.domain.plan import Slot
from orchestrator.targets.base import Target
from orchestrator.targets.fake import FakeConfig, FakeStep, FakeTarget
from tests.contract.harness import SLOT, Harness, plain_tools, tree

STEPS = (FakeStep(name="build", repeatable=True), FakeStep(name="push", child=True), FakeStep(name="publish", live=True))


class FakeHarness(Harness):
    kind = "fake"

    def target(self, *, slot: Slot = SLOT, adopt: bool = False) -> Target:
        return FakeTarget(FakeConfig(dir="world", steps=STEPS), plain_tools(self.project, slot), adopt=adopt)

    def change_source(self, version: str) -> None:
        (self.project / "version").write_text(version)

    def make_foreign(self) -> None:
        (self.project / "world").mkdir()
        (self.project / "world" / "live.json").write_text("{}")

    def world(self) -> Any:
        return tree(self.project / "world")
