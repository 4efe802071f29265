"""The critical section of a slot: what a step does while it changes the world. Nobody may be in it beside somebody else.

Kept by means that are not the program's own: a file that is made exclusively, and a log of epochs. A process that was killed
leaves the file; only a holder with a newer epoch may remove it, and only when that process is gone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eventstore import EventReader
from orchestrator.targets import processes
from orchestrator.targets.base import StepRun
from orchestrator.targets.fake import FakeTarget
from tests.soak.place import Place, append

LINGER_S = 0.03
"""Between the effect and its record, so that many are killed or stopped just there."""
GONE_S = 2.0
"""The lock of a killed process comes free a moment before the process is seen to be gone."""


def guard_steps(place: Place, reader: Callable[[], EventReader]) -> None:
    """From now on every step of a fake target in this process is made inside its slot's section."""
    apply = FakeTarget.apply

    def guarded(target: FakeTarget, step: Any, run: StepRun) -> Any:
        slot = target.tools.slot
        with _inside(place, place.world(slot.target), slot.stream, run.deployment_id, reader()):
            outcome = apply(target, step, run)
            time.sleep(LINGER_S)
            return outcome

    FakeTarget.apply = guarded  # type: ignore[assignment, method-assign]


@contextmanager
def _inside(place: Place, world: Path, stream: str, deployment_id: str, reader: EventReader) -> Iterator[None]:
    world.mkdir(parents=True, exist_ok=True)
    epoch, holder = _claim(reader, stream)
    mine = {"epoch": epoch, "deployment": deployment_id, "process": processes.current().to_json()}
    if holder != (deployment_id, os.getpid()):
        place.note("violations", f"{stream}: {deployment_id} of pid {os.getpid()} is at work, the slot is held by {holder}")
    _enter(place, world, mine)
    append(world / "sections.log", f"{epoch} {os.getpid()} {deployment_id}")
    try:
        yield
    finally:
        _leave(place, world, mine)


def _claim(reader: EventReader, stream: str) -> tuple[int, tuple[str, int]]:
    """The epoch of the slot, and who has it: deployment and pid."""
    version = reader.version(stream)
    data = json.loads(next(iter(reader.read_stream(stream, version - 1))).data)
    return version, (data["deployment_id"], data.get("pid", 0))


def _enter(place: Place, world: Path, mine: dict[str, Any]) -> None:
    draft, section = world / f"draft-{os.getpid()}", world / "inside"
    draft.write_text(json.dumps(mine), encoding="utf-8")
    try:
        os.link(draft, section)  # unlike a rename it never replaces what is there
    except FileExistsError:
        found = json.loads(section.read_text(encoding="utf-8"))
        if found["epoch"] >= mine["epoch"]:
            place.note("violations", f"{world.name}: {mine} found {found} inside, whose epoch is not older")
        if not processes.wait_end(processes.ProcessId.from_json(found["process"]), GONE_S):
            place.note("violations", f"{world.name}: {mine} found {found} inside, alive")
        section.unlink()
        os.link(draft, section)
    draft.unlink()


def _leave(place: Place, world: Path, mine: dict[str, Any]) -> None:
    section = world / "inside"
    found = json.loads(section.read_text(encoding="utf-8")) if section.exists() else None
    if found != mine:
        place.note("violations", f"{world.name}: {mine} came out, and {found} was inside")
        return
    section.unlink()
