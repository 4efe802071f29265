"""A replay as an aligned table: version, time, state, event, summary and who wrote it."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.projections.replaying import Moment, Replay
from orchestrator.rendering.history import shortened

Paint = Callable[[str, str], str]

LONGEST_SUMMARY = 300


def text(replay: Replay, *, paint: Paint, width: int | None) -> str:
    """Only a changed state is shown as ``before -> after``; the summary is cut to *width* on a terminal."""
    cells = [_cells(moment) for moment in replay.events]
    widths = [max((len(line[column]) for line in cells), default=0) for column in range(5)]
    room = max(30, width - sum(widths) - 10) if width else LONGEST_SUMMARY
    lines = []
    for moment, line in zip(replay.events, cells, strict=True):
        padded = [cell.ljust(size) for cell, size in zip(line, widths, strict=True)]
        if moment.before != moment.after:
            padded[2] = paint(padded[2], "cyan")
        lines.append("  ".join([*padded, shortened(moment.summary, room)]).rstrip())
    last = replay.events[-1].version if replay.events else None
    lines.append(f"\n{replay.deployment_id} is {replay.state.replace('_', ' ')} at version {last}.")
    if replay.problem is not None:
        lines.append(paint(f"This history is not legal: {shortened(replay.problem, LONGEST_SUMMARY)}", "red"))
    return "\n".join(lines) + "\n"


def _cells(moment: Moment) -> tuple[str, ...]:
    changed = moment.before != moment.after
    state = f"{moment.before or '*'} -> {moment.after}" if changed else ""
    who = moment.actor or "?"
    return str(moment.version), f"{moment.time[:10]} {moment.time[11:23]}", state, moment.event, shortened(who, 40)
