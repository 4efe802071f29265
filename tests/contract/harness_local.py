"""The `local` target under the contract: with a build, a shared directory, and a service that really runs."""

from __future__ import annotations

import sys
from typing import Any

from orchestrator.domain.plan import Slot
from orchestrator.targets import processes
from orchestrator.targets.base import Target
from orchestrator.targets.local import LocalConfig, LocalTarget
from orchestrator.targets.local_place import Place
from orchestrator.targets.local_service import Service
from tests.contract.harness import SLOT, Harness, plain_tools, tree

BUILD = "import shutil; shutil.copytree('src', 'public', dirs_exist_ok=True)"
CONFIG = LocalConfig(
    path="../srv",
    source="public",
    build=(sys.executable, "-c", BUILD),
    run=(sys.executable, "-S", "serve.py"),
    env={"GREETING": "hello"},
    shared=("uploads",),
    drain_s=2,
)


class LocalHarness(Harness):
    kind = "local"

    def set_up(self) -> None:
        (self.project / "src").mkdir()
        (self.project / "src" / "serve.py").write_text("import signal\nsignal.pause()\n")
        (self.project / "public").mkdir()
        self.change_source("0")

    def tear_down(self) -> None:
        state = self.service.state()
        if state is not None:
            processes.terminate(state.process, True, 0)

    @property
    def service(self) -> Service:
        return Service(Place((self.directory / "srv").resolve(), SLOT))

    def target(self, *, slot: Slot = SLOT, adopt: bool = False) -> Target:
        return LocalTarget(CONFIG, plain_tools(self.project, slot), adopt=adopt)

    def change_source(self, version: str) -> None:
        (self.project / "src" / "version").write_text(version)

    def make_foreign(self) -> None:
        (self.directory / "srv").mkdir()
        (self.directory / "srv" / "current").symlink_to("/somewhere/else")

    def world(self) -> Any:
        running = self.service.running()
        return tree(self.directory / "srv"), running and running.process
