"""All that outlives a process in a history: the store, the locks, deploy.json, the systems, the children, the time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from eventstore import EventStore
from eventstore.memory import MemoryEventStore
from eventstore.sqlite import SqliteEventStore
from orchestrator import config
from orchestrator.config import ProjectConfig
from orchestrator.domain.plan import Slot
from orchestrator.projections.registry import inline
from orchestrator.targets import registry
from tests.simulation.children import Child, Fate
from tests.simulation.faults import NONE, Faults
from tests.simulation.invariants import Invariants
from tests.simulation.process import Process
from tests.simulation.stage import Stage
from tests.simulation.system import System
from tests.unit.orchestrator.services.ports import HistoryFile, Locks

PROJECT, ENVIRONMENT = "shop", "default"
_SCRIPTS: tuple[list[dict[str, Any]], ...] = (
    [{"name": "switch", "live": True}],
    [{"name": "switch", "live": True, "child": True}],
    [{"name": "build", "repeatable": True}, {"name": "push"}, {"name": "switch", "live": True}],
    [{"name": "push", "child": True}, {"name": "switch", "live": True}, {"name": "settle", "effect": False}],
    [{"name": "build", "repeatable": True, "child": True}, {"name": "switch", "live": True, "child": True}, {"name": "prune"}],
)
_CANARIES: tuple[dict[str, Any], ...] = (
    {"steps": [{"weight": 25}], "checks": []},
    {"steps": [{"weight": 25}, {"pause_s": 2}, {"weight": 50}, {"pause_s": 0.3}]},
    {"steps": [{"weight": 25}, {"pause_s": None}], "deadline_s": 4},
)
"""None waits for ever: whoever plays alone would play on without an end."""
_HOOKS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"before_deploy": [["migrate"]]},
    {"on_failure": [["page"]]},
    {"before_deploy": [["migrate"]], "after_deploy": [["announce"]], "on_failure": [["page"], ["collect"]]},
)


class World:
    """Of the history that *seed* stands for.

    Args:
        durable: Where the events are kept in a file, each process with a connection of its own; in memory if None.
    """

    def __init__(self, seed: int, durable: Path | None = None) -> None:
        self.random = random = Random(seed)  # noqa: S311 - repeatable on purpose
        self.root = Path("/project")
        self.faults: Faults = Faults.drawn(random)
        self.stage = Stage(random, restless=random.choice([0.05, 0.3, 0.8]))
        self.restless_reads = random.choice([0.0, 0.0, 0.02, 0.2])
        self.clock = Time()
        self.locks, self.history_file = Locks(), HistoryFile()
        self.children: dict[str, Child] = {}
        self.living: set[Process] = set()
        self.trace: list[tuple[str, int, str, str]] = []
        self.config = _config(json.dumps(_document(random)))
        self.slots = [Slot(PROJECT, ENVIRONMENT, name) for name in self.config.targets]
        self._systems = {slot: System(slot) for slot in self.slots}
        self._url = f"sqlite:///{durable}" if durable is not None else None
        self._boots, self._pids, self._ids = count(1), count(100), _ids()
        self._last_id = next(self._ids)
        self.boot_id = f"boot-{next(self._boots)}"
        self.invariants = Invariants(self)
        self.store: EventStore = self.open_store() if self._url else SharedMemoryStore(now=self.clock.now)

    def open_store(self) -> EventStore:
        """As a process that begins does."""
        if self._url is None:
            return self.store
        return SqliteEventStore(self._url, projections=inline(), now=self.clock.now)

    def process(self, actor: str, version: str = "1.0.0") -> Process:
        process = Process(self, actor, next(self._pids), version)
        self.living.add(process)
        return process

    def system(self, slot: Slot) -> System:
        return self._systems[slot]

    def new_id(self) -> str:
        if not (self.faults.same_id and self.random.random() < self.faults.same_id):
            self._last_id = next(self._ids)
        return self._last_id

    def reboot(self) -> None:
        """The machine is started anew: no process and no child of it is left."""
        self.trace.append(("", 0, "reboot", ""))
        self.boot_id = f"boot-{next(self._boots)}"
        for process in list(self.living):
            process.vanish()
        for child in self.children.values():
            if child.fate is Fate.RUNNING:
                child.fate = Fate.GONE

    def kill(self, host: str, boot_id: str, pid: int, start_ticks: int, pid_namespace: str) -> bool:
        """What `slots release` does to a holder."""
        for process in [one for one in self.living if one.pid == pid]:
            process.note("is killed")
            process.vanish()
        return True

    def take_locks(self, process: Process) -> None:
        """*process* loses its locks and sleeps; others may take its slot over meanwhile."""
        lost = [name for name, held in process.locks.items() if held]
        for name in lost:
            process.note("loses lock", name)
            process.hindered = True
            process.locks[name] = False
            self.locks.held.discard(name)
        if lost:
            self.pause(self.random.randint(1, 60))

    def pause(self, turns: int) -> None:
        """Others play."""
        for _ in range(turns):
            self.stage.turn(1.0)

    def children_go_on(self) -> None:
        """One that outlived its process may be done by now."""
        orphans = [child for child in self.children.values() if child.orphan and child.fate is Fate.RUNNING]
        if orphans and self.random.random() < 0.01:
            child = self.random.choice(orphans)
            child.finish()
            self.trace.append(("", 0, "effect", f"{'/'.join(map(str, child.effect))} by a child that was left behind"))

    def calm(self) -> None:
        """Nothing goes wrong from now on; only some probes still cannot tell."""
        self.faults = Faults(unknown=0.3) if self.faults.unknown else NONE


class Time:
    """Wall clock and monotonic clock; a look at the first takes a millisecond."""

    def __init__(self) -> None:
        self._wall, self._monotonic = datetime(2026, 3, 18, 14, 30, 22, tzinfo=UTC), 1000.0

    def now(self) -> str:
        self.pass_by(0.001)
        return self._wall.isoformat(timespec="microseconds")

    def monotonic(self) -> float:
        return self._monotonic

    def pass_by(self, seconds: float) -> None:
        self._wall += timedelta(seconds=seconds)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self._wall += timedelta(seconds=seconds)


class SharedMemoryStore(MemoryEventStore):
    """For several threads, of which one at a time runs."""

    def __init__(self, *, now: Any) -> None:
        super().__init__(projections=inline(), now=now)
        shared = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        shared.deserialize(self._tables.serialize())
        self._tables.close()
        self._tables = shared


def _ids() -> Iterator[str]:
    return (f"deploy-20260318-143022-{number:04}" for number in count(1))


def _document(random: Random) -> dict[str, Any]:
    names = ["web", "api"][: random.choice([1, 1, 2])]
    return {"version": "1.0", "project_name": PROJECT, "targets": {name: _entry(random, name, len(names)) for name in names}}


def _entry(random: Random, name: str, of: int) -> dict[str, Any]:
    return {
        "type": "fake",
        "enabled": True,
        "primary": of > 1 and name == "web",
        "auto_rollback": random.random() < 0.6,
        "hooks": random.choice(_HOOKS),
        "config": {"dir": f"{name}-world", "steps": random.choice(_SCRIPTS), "canary": random.choice(_CANARIES)},
        **({"health_check": {"url": "http://localhost/health"}} if random.random() < 0.3 else {}),
    }


@cache
def _config(document: str) -> ProjectConfig:
    return config.parse(document.encode(), "deploy.json", config_types=registry.config_type, kinds=tuple(registry.KINDS))
