"""`pop-deploy slots` as text: a table of who has what, and what a release came to."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.projections.slot_results import DEAD, LIVING, STOPPED, ReleaseResult, SlotList, SlotResult
from orchestrator.rendering.history import shortened, when
from orchestrator.rendering.report import next_line
from orchestrator.rendering.text import one_line

Paint = Callable[[str, str], str]

NONE_YET = "No slot was ever taken here.\n"
_HEAD = ("SLOT", "STATE", "DEPLOYMENT", "HELD BY", "STEP", "SINCE", "EPOCH")
_STATES = {LIVING: "held", STOPPED: "held, stopped", DEAD: "claimed, dead"}
_COLOURS = {LIVING: "green", STOPPED: "yellow", DEAD: "red"}


def table(listed: SlotList, *, paint: Paint, projects: bool = False) -> str:
    """One line a slot. *projects*: with a column for whose it is."""
    if not listed.slots:
        return NONE_YET
    lines = [_HEAD, *map(_cells, listed.slots)]
    if projects:
        lines = [
            (name, *line)
            for name, line in zip(("PROJECT", *(one_line(each.project) for each in listed.slots)), lines, strict=True)
        ]
    state = lines[0].index("STATE")
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [_line(lines[0], widths)]
    for slot, cells in zip(listed.slots, lines[1:], strict=True):
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        padded[state] = paint(padded[state], _COLOURS[slot.holder]) if slot.holder in _COLOURS else padded[state]
        text.append("  ".join(padded).rstrip())
    return "\n".join(text) + "\n"


def released(result: ReleaseResult) -> str:
    """A sentence, and what comes next."""
    end = ", whose process was killed" if result.killed else ", whose process was gone"
    said = f"{result.slot}: the claim of {result.deployment_id} is released. It was that of {result.former_holder}{end}.\n"
    warning = f"Look there: {one_line(result.warning)}.\n" if result.warning else ""
    return one_line(said) + "\n" + warning + next_line(result.next)


def _cells(slot: SlotResult) -> tuple[str, ...]:
    if slot.deployment_id is None:
        return slot.slot, "free", "-", "-", "-", "-", str(slot.epoch)
    state = _STATES.get(slot.holder or "", "held or claimed")
    who = shortened(f"{slot.actor or '?'} (pid {slot.pid} on {slot.host})", 60)
    step = shortened(slot.step or (slot.state or "?").replace("_", " "), 40)
    return slot.slot, state, slot.deployment_id, who, step, when(slot.step_since or slot.since or ""), str(slot.epoch)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
