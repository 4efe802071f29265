"""Canaries on the target ``fake``: a project whose canary a test steers by two files, and what became of it.

``ROOT/fake/sides.json`` says what the sides are like (`sides`), ``ROOT/my shop/errors`` holds the value of the check ``errors``
(`errors`); as long as that file is empty there is no value, and while it is missing the check cannot be asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventstore.reading import open_read_only
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.events import Event
from orchestrator.domain.ids import stream_of
from orchestrator.services.codec import CODEC
from tests.e2e.project import DEADLINE_S, Project, wait_until

ON_FAKE = ("--target", "fake", "--yes")
CANARY = ("execute", "--mode", "canary", *ON_FAKE)
PLAIN = ("execute", "--mode", "deploy", *ON_FAKE)
AWHILE = 30.0
"""A pause that ends only when somebody says so, or when the test has failed."""

SHOW = "import sys; open('asked', 'a').write('x'); sys.stdout.write(open('errors').read())"
ERRORS = {"name": "errors", "command": [sys.executable, "-I", "-S", "-c", SHOW], "max": 1, "interval_s": 0.1}


@dataclass
class Canaries:
    """1.0.0 is verified in the slot, 1.1.0 comes next."""

    project: Project

    @property
    def world(self) -> Path:
        return self.project.root / "fake"

    # --- what a test steers -------------------------------------------------------------

    def configure(self, *steps: dict[str, Any], checks: tuple[dict[str, Any], ...] = (ERRORS,), **canary: Any) -> Canaries:
        """How the next canary goes."""
        made = {"steps": list(steps), "checks": list(checks), **canary}
        self.project.fake(steps=2, supports_canary=True, canary=made)
        return self

    def errors(self, value: object) -> None:
        """What the check ``errors`` measures from now on."""
        path = self.project.path / "errors"
        new = path.with_suffix(".new")
        new.write_text(str(value))
        new.rename(path)

    @property
    def asked(self) -> int:
        """How often the check ``errors`` was asked."""
        path = self.project.path / "asked"
        return len(path.read_text()) if path.exists() else 0

    def sides(self, **sides: Any) -> None:
        path = self.world / "sides.json"
        new = path.with_suffix(".new")
        new.write_text(json.dumps(sides))
        new.rename(path)

    # --- processes ------------------------------------------------------------------------

    @contextmanager
    def up(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """The canary of 1.1.0, at work in the background and watched; killed in the end."""
        before = self.last.id
        process = self.project.start(*CANARY, *words)
        try:
            wait_until(lambda: self.last.id != before and self.watching, "the canary is watched")
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate(timeout=DEADLINE_S)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.communicate(timeout=DEADLINE_S)

    # --- what became of it ------------------------------------------------------------------

    @property
    def last(self) -> Deployment:
        """The deployment of the canary: the last one that was begun, whatever was refused since."""
        return next(found for found in reversed(self.project.deployments()) if found.started_at is not None)

    @property
    def watching(self) -> bool:
        """A watch step has begun."""
        running = self.last.running_step
        return running is not None and running.step.name.startswith("watch_")

    @property
    def canary(self) -> dict[str, Any] | None:
        """What is there of it, by the target's own evidence."""
        with suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads((self.world / "canary.json").read_text())
            return found
        return None

    @property
    def live(self) -> str:
        return (self.world / "live.json").read_text()

    @property
    def live_version(self) -> str:
        return str(json.loads(self.live)["release"]["version"])

    @property
    def effects(self) -> list[str]:
        """The steps of the last deployment whose effects were made, in order."""
        lines = (self.world / "effects.log").read_text().splitlines()
        return [line.split()[1] for line in lines if line.split()[0] == self.last.id]

    def events(self, kind: str, deployment_id: str | None = None) -> list[Event]:
        """The events of a deployment that have this name."""
        store = open_read_only(str(self.project.data / "events.db"))
        found = [CODEC.decode(one) for one in store.read_stream(stream_of(deployment_id or self.last.id)) if one.type == kind]
        store.close()
        assert all(isinstance(one, Event) for one in found)
        return found  # type: ignore[return-value]

    def samples(self, check: str = "errors") -> list[dict[str, Any]]:
        return [one for event in self.last.sampled for one in event.samples if one["check"] == check]

    def removed(self) -> bool:
        """No canary is there, and nobody claims the slot."""
        return self.canary is None and self.project.claims() == []


def weight(percent: float) -> dict[str, float]:
    return {"weight": percent}


def pause(seconds: float | None) -> dict[str, float | None]:
    return {"pause_s": seconds}
