"""Where a soak test takes place: checkouts of one project with one store, and the files in which processes leave what they saw.

DIR/checkout-N/         deploy.json with some of the targets, as colleagues have it; each target is a fake with a world of its own
DIR/world/TARGET/       effects.log and live.json of the fake; sections.log: who was inside, with which epoch; inside: who is
DIR/logs/acknowledged-* each worker's own: appends that returned
DIR/logs/ended-*        each worker's own: commands, their exit codes, and what they said if that was not expected
DIR/logs/violations     what must never be
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROJECT = "soak"
BAD_VERSION = "0.0.1"
"""Fails its verification, and is rolled back."""
TARGETS = 20
"""In each checkout, at most."""


@dataclass(frozen=True)
class Place:
    """One soak test's directory.

    Attributes:
        store: URL.
        targets: One slot each.
    """

    directory: str
    store: str
    targets: tuple[str, ...]

    @property
    def logs(self) -> Path:
        return Path(self.directory) / "logs"

    def checkout(self, target: str) -> Path:
        """The directory whose deploy.json has *target*."""
        return Path(self.directory) / f"checkout-{self.targets.index(target) // TARGETS}"

    def deploy_json(self, target: str) -> Path:
        return self.checkout(target) / ".claude" / "popkit" / "deploy.json"

    def world(self, target: str) -> Path:
        return Path(self.directory) / "world" / target

    def note(self, file: str, line: object) -> None:
        """One line, in one write: what was noted before a SIGKILL is there, and never half of it."""
        append(self.logs / file, json.dumps(line))

    def noted(self, pattern: str) -> list[Any]:
        """All lines of the files that *pattern* names."""
        return [json.loads(line) for file in sorted(self.logs.glob(pattern)) for line in lines(file)]

    def has_appended(self, pid: int) -> bool:
        return (self.logs / f"acknowledged-{pid}").exists()

    def save(self) -> None:
        (Path(self.directory) / "place.json").write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, directory: str) -> Place:
        given = json.loads((Path(directory) / "place.json").read_text(encoding="utf-8"))
        return cls(given["directory"], given["store"], tuple(given["targets"]))


def make(directory: Path, slots: int, store: str | None) -> Place:
    """A new place in *directory*, which is empty; a SQLite store in it unless *store* names another."""
    targets = tuple(f"t{number:03}" for number in range(slots))
    place = Place(str(directory), store or f"sqlite:///{directory / 'store' / 'events.db'}", targets)
    place.logs.mkdir()
    for first in range(0, slots, TARGETS):
        some = targets[first : first + TARGETS]
        path = place.deploy_json(some[0])
        path.parent.mkdir(parents=True)
        document = {"project_name": PROJECT, "targets": {target: _target(place, target) for target in some}, "history": []}
        path.write_text(json.dumps(document, indent=2), encoding="utf-8")
    place.save()
    return place


def append(path: Path, line: str) -> None:
    """One line more, in one write."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


def lines(path: Path) -> list[str]:
    """None for a file that nobody has written."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _target(place: Place, target: str) -> dict[str, object]:
    steps = [{"name": "build", "delay_s": 0.03}, {"name": "switch", "live": True}, {"name": "sweep", "delay_s": 0.03}]
    config = {"dir": str(place.world(target)), "steps": steps, "bad_versions": [BAD_VERSION]}
    return {"type": "fake", "auto_rollback": True, "config": config}
