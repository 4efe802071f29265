"""A process of the soak test, run by `soak.py`: ``python -m tests.soak.worker DIRECTORY UNTIL`` (seconds since 1970).

It calls the program's own commands in this process, one after the other: `execute` of a random target, and `resume` of what it
finds interrupted there. Each append that has returned is noted in a file of its own, each command with its exit code as well.
With UNTIL ``finish`` it resumes everything that is under way, and then deploys to every slot once.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import re
import sys
import time
from contextlib import closing, redirect_stderr, redirect_stdout
from typing import Any

from eventstore import Appended, EventReader
from orchestrator import bootstrap
from orchestrator.cli.main import main as pop_deploy
from orchestrator.domain.lifecycle import UNDER_WAY
from tests.soak.place import BAD_VERSION, Place
from tests.soak.section import guard_steps

BAD_SHARE = 0.1
EXPECTED = frozenset({0, 1, 4, 5, 6, 8})
"""Done, failed with nothing to go back to, held, planned before somebody else's deployment, rolled back, claimed by the dead."""
ROUNDS = 3

_opened: list[EventReader] = []


class NotingStore:
    """An event store that notes what was acknowledged: stream, version and digest of each event."""

    def __init__(self, inner: Any, place: Place) -> None:
        self._inner, self._place, self._file = inner, place, f"acknowledged-{os.getpid()}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def append(self, stream: str, events: Any, **options: Any) -> Appended:
        appended: Appended = self._inner.append(stream, events, **options)
        digests = [digest(event.type, event.data) for event in events]
        self._place.note(self._file, [stream, appended.version - len(digests) + 1, digests])
        return appended


def digest(type_: str, data: bytes) -> str:
    return hashlib.sha256(type_.encode() + b"\n" + data).hexdigest()[:16]


def arm(place: Place) -> None:
    """Every store that this process opens is watched, and every step is made inside its slot's section."""
    open_store = bootstrap.open_store

    def opened(directory: str, store: str | None) -> Any:
        noting = NotingStore(open_store(directory, store), place)
        _opened[:] = [noting]
        return noting

    bootstrap.open_store = opened
    guard_steps(place, lambda: _opened[0])


def command(place: Place, target: str, *words: str) -> tuple[int, str]:
    """Run ``pop-deploy WORDS`` where *target* is configured; its exit code and all that it said."""
    said = io.StringIO()
    code: object = 0
    with redirect_stdout(said), redirect_stderr(said):
        try:
            pop_deploy([*words, "--dir", str(place.checkout(target)), "--store", place.store])
        except SystemExit as ended:
            code = ended.code
    done = code if isinstance(code, int) else int(code is not None)
    place.note(f"ended-{os.getpid()}", [words[0], done, "" if done in EXPECTED else said.getvalue()])
    return done, said.getvalue()


def deploy(place: Place, target: str, version: str) -> tuple[int, str]:
    return command(place, target, "execute", "--target", target, "--version", version, "--mode", "deploy", "--yes")


def work(place: Place, until: float) -> None:
    chance = random.Random(os.getpid())  # noqa: S311 - which slot is next
    count = 0
    while time.time() < until:
        count += 1
        version = BAD_VERSION if chance.random() < BAD_SHARE else f"1.{os.getpid()}.{count}"
        target = chance.choice(place.targets)
        code, said = deploy(place, target, version)
        interrupted = re.search(r"pop-deploy resume (deploy-[0-9a-z-]+)", said)
        if code == 8 and interrupted:
            command(place, target, "resume", interrupted[1])


def finish(place: Place) -> None:
    """Resume what is left, round after round, then deploy to every slot: none is held for ever."""
    for _ in range(ROUNDS):
        for deployment_id, target in left_over(place):
            command(place, target, "resume", deployment_id)
    for target in place.targets:
        code, said = deploy(place, target, "9.0.0")
        if code:
            place.note("violations", f"{target}: cannot be deployed to afterwards: exit code {code}: {said}")


def left_over(place: Place) -> list[tuple[str, str]]:
    """Deployments that are under way although nobody is at work any more: ID and target."""
    with closing(bootstrap.open_reader(place.directory, place.store)) as reader:
        rows = reader.query("SELECT id, target, state FROM deployments ORDER BY position")
    return [(deployment_id, target) for deployment_id, target, state in rows if state in UNDER_WAY]


def main(directory: str, until: str) -> None:
    place = Place.load(directory)
    arm(place)
    if until == "finish":
        finish(place)
    else:
        work(place, float(until))


if __name__ == "__main__":
    main(*sys.argv[1:])
