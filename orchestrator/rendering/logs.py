"""The output of steps: the lines around it (`header`, `footer`), the whole as data (`document`), `Harmless` for a terminal."""

from __future__ import annotations

import codecs
from typing import Any

from orchestrator.domain.masking import strip_controls
from orchestrator.projections.step_logs import DONE, FAILED, INTERRUPTED, StepLog
from orchestrator.rendering.text import duration, one_line

_HELD_BACK = 4096


class Harmless:
    """Bytes from outside to text that a terminal may show: escape codes and other controls are left out.

    The last unfinished line is held back, 4,096 characters of it at most, so that no code is cut in two.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def feed(self, data: bytes) -> str:
        self._held += self._decoder.decode(data)
        end = self._held.rfind("\n") + 1
        if not end and len(self._held) > _HELD_BACK:
            end = len(self._held)
        shown, self._held = self._held[:end], self._held[end:]
        return strip_controls(shown)

    def close(self) -> str:
        """The rest."""
        rest, self._held = self._held + self._decoder.decode(b"", final=True), ""
        return strip_controls(rest)


def header(log: StepLog) -> str:
    """``==> [2/5] Pushing to registry (push)``; the phase and the attempt where they are not the usual ones."""
    more = [] if log.phase == "deploy" else [log.phase.replace("_", " ")]
    more += [f"attempt {log.attempt}"] if log.attempt > 1 else []
    return f"==> [{log.number}/{log.total}] {one_line(log.title)} ({', '.join([log.step, *more])})\n"


def footer(log: StepLog) -> str:
    """How the attempt ended; notes of the step before it."""
    notes = "".join(f"{one_line(note)}\n" for note in log.notes)
    took = f" ({duration(log.duration_ms / 1000)})" if log.duration_ms is not None and not log.found else ""
    ends = {
        DONE: f"done{took}{' (found on resume)' if log.found else ''}",
        FAILED: f"failed{took}: {one_line(log.error or '')}",
        INTERRUPTED: f"interrupted: {one_line(log.error or '')}",
    }
    return f"{notes}<== {log.step}: {ends.get(log.status, 'no outcome is on record')}\n"


def document(log: StepLog, output: bytes) -> dict[str, Any]:
    """One attempt with its whole *output*; what is not UTF-8 is replaced."""
    names = ("phase", "step", "attempt", "title", "status", "started_at", "duration_ms", "found", "error", "size_bytes")
    fields = {name: getattr(log, name) for name in names}
    return {**fields, "notes": list(log.notes), "output": output.decode(errors="replace")}
