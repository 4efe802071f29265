"""A project in a directory of its own, in which processes are killed and resumed, and what is compared afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eventstore import EventReader, chain
from eventstore.postgres_reading import open_postgres_read_only
from eventstore.reading import open_read_only
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.ids import id_of
from orchestrator.services.repository import fold
from tests.crash.victims import Victims

HERE = Path(__file__).parent
TIMEOUT_S = 120


@dataclass(frozen=True)
class Ran:
    """How a process ended."""

    code: int
    output: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass
class World:
    """One project, and what was there when the round began.

    Attributes:
        effect_s: How long an effect of the suite's own programs takes: enough to be killed in its middle, where that is wanted.
        env: Given to every process of it.
        notes: The scenario's own.
    """

    root: Path
    effect_s: float = 0.0
    env: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    round: int = 0
    version: str = ""
    before: int = 0
    effects_before: list[str] = field(default_factory=list)
    live_before: str = ""
    victims: Victims | None = None

    @property
    def project(self) -> Path:
        return self.root / "my project"

    @property
    def data(self) -> Path:
        return self.project / ".claude" / "popkit"

    def write(self, document: dict[str, Any], version: str) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "deploy.json").write_text(json.dumps(document, indent=2) + "\n")
        self.set_version(version)

    def set_version(self, version: str) -> None:
        (self.project / "package.json").write_text(json.dumps({"name": "shop", "version": version}) + "\n")

    def run(self, *words: str, point: str = "never") -> Ran:
        """pop-deploy in a process of its own, killed at *point*."""
        environ = {
            **os.environ,
            **self.env,
            "CRASH_POINT": point,
            "CRASH_LOG": str(self.root / "appends.log"),
            "PYTHONPATH": str(HERE.parent.parent),
            "XDG_RUNTIME_DIR": "",
            "XDG_STATE_HOME": str(self.root / "state"),
            "POP_DEPLOY_ACTOR": "ann",
        }
        self.victims = self.victims or Victims(self.root / "output")
        code, output = self.victims.run(words, self.project, environ, TIMEOUT_S)
        return Ran(code, output.decode(errors="replace"))

    def close(self) -> None:
        if self.victims is not None:
            self.victims.close()

    def appends(self) -> list[str]:
        """One line an append so far: category and event types."""
        log = self.root / "appends.log"
        return log.read_text().splitlines() if log.exists() else []

    def forget_appends(self) -> None:
        (self.root / "appends.log").unlink(missing_ok=True)

    def reader(self, projections: Sequence[tuple[str, int]] = ()) -> EventReader:
        url = self.env.get("POP_DEPLOY_STORE")
        return open_postgres_read_only(url, projections) if url else open_read_only(str(self.data / "events.db"), projections)

    def deployments(self, skipped: int = 0) -> list[Deployment]:
        """The deployments in the order in which they began, without the first *skipped*; checks the hash chain on the way."""
        store = self.reader()
        events = list(store.read_all())
        chain.verify(events)
        streams = dict.fromkeys(event.stream for event in events if event.stream.startswith("deployment-"))
        found = [fold(store, id_of(stream))[0] for stream in list(streams)[skipped:]]
        store.close()
        return found

    def claims(self) -> list[str]:
        """Slots that are still claimed."""
        store = self.reader()
        last = {event.stream: event.type for event in store.read_all() if event.stream.startswith("slot-")}
        store.close()
        return [stream for stream, kind in last.items() if kind != "SlotReleased"]

    def history(self) -> list[dict[str, Any]]:
        """deploy.json's history without what differs between any two runs."""
        volatile = {"timestamp", "deployment_id", "duration_ms", "store_id"}
        records = json.loads((self.data / "deploy.json").read_text())["history"]
        kept = [{name: value for name, value in record.items() if name not in volatile} for record in records]
        # An error names how often and how long a check was tried.
        return [record | ({"error": re.sub(r"[0-9.]+", "N", record["error"])} if "error" in record else {}) for record in kept]

    def history_is_current(self) -> bool:
        """Whether deploy.json shows what the store knows."""
        from orchestrator.projections import deploy_history
        from orchestrator.projections.registry import READ_MODELS

        store = self.reader(READ_MODELS)
        document = json.loads((self.data / "deploy.json").read_text())
        known = [record.get("deployment_id") for record in deploy_history.records(store, document["project_name"])]
        store.close()
        shown = document["history"]
        return known == [record.get("deployment_id") for record in shown]
