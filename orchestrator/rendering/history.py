"""Deployments as a list: one object for programs (`document`), one aligned table for people (`table`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.projections.configuration import ConfigurationEdit
    from orchestrator.projections.deployments_table import DeploymentRow

Paint = Callable[[str, str], str]

COLOURS = {"success": "green", "failed": "red", "rolled_back": "yellow", "running": "cyan", "waiting": "yellow"}
LONGEST_VERSION = 24
LONGEST_NOTE = 160
LONGEST_EDIT = 400
NONE_YET = "No deployments yet. Next: pop-deploy\n"
NONE_FOUND = (
    "No deployment fits. Dry runs and aborted ones: pop-deploy history --all-attempts; "
    "of other projects in the same store: --all-projects\n"
)
MOST_PLACES = 5

_HEAD = ("WHEN (UTC)", "TARGET", "VERSION", "STATE", "TOOK", "BY", "ID")


def document(rows: Sequence[DeploymentRow], edits: Sequence[ConfigurationEdit] | None = None) -> dict[str, Any]:
    """``{"deployments": [...]}``, newest first; a value that is not there is null.

    Args:
        edits: Of deploy.json; with them ``"configuration_edits": [{"at", "by", "taken_in_by", "fields"}]`` too.
    """
    found: dict[str, Any] = {"deployments": [deployment(row) for row in rows]}
    if edits is not None:
        found["configuration_edits"] = [
            {"at": edit.at, "by": edit.by, "taken_in_by": edit.taken_in_by or None, "fields": list(edit.places)} for edit in edits
        ]
    return found


def deployment(row: DeploymentRow) -> dict[str, Any]:
    """One deployment with the names that all our JSON uses."""
    fields = row._asdict()
    del fields["position"]
    step = {"name": fields.pop("step")} | {
        name: fields.pop(f"step_{name}") for name in ("title", "number", "total", "started_at")
    }
    error = {"step": fields.pop("error_step"), "message": fields.pop("error")}
    return {
        "deployment_id": fields.pop("id"),
        **fields,
        "step": step if step["name"] is not None else None,
        "error": error if error["message"] is not None else None,
    }


def edits(found: Sequence[ConfigurationEdit]) -> str:
    """Who changed what in deploy.json; "" where nobody did."""
    return "\nEdits of deploy.json (UTC):\n" + "".join(f"  {edit_line(edit)}\n" for edit in found) if found else ""


def edit_line(edit: ConfigurationEdit) -> str:
    """``2026-03-18 14:30  outside, seen by ann@ci-7: targets.web.config.path``."""
    more = f" and {len(edit.places) - MOST_PLACES} more" if len(edit.places) > MOST_PLACES else ""
    seen = f", seen by {edit.taken_in_by}" if edit.taken_in_by else ""
    return shortened(f"{when(edit.at)}  {edit.by}{seen}: {', '.join(edit.places[:MOST_PLACES])}{more}", LONGEST_EDIT)


def table(rows: Sequence[DeploymentRow], *, paint: Paint, width: int | None, projects: bool = False) -> str:
    """Aligned columns, the note (an error, an open question) last.

    Args:
        width: Columns of the terminal: notes are cut to fit. None off a terminal.
        projects: With a column for whose they are.
    """
    cells = [_HEAD, *(_cells(row) for row in rows)]
    if projects:
        whose = ("PROJECT", *(shortened(row.project, LONGEST_VERSION) for row in rows))
        cells = [(name, *line) for name, line in zip(whose, cells, strict=True)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    room = max(20, width - sum(widths) - 2 * len(widths)) if width else LONGEST_NOTE
    lines = [_line(cells[0], widths, "", paint, "")]
    for row, line in zip(rows, cells[1:], strict=True):
        lines.append(_line(line, widths, COLOURS.get(row.status, ""), paint, shortened(_note(row), room)))
    return "\n".join(lines) + "\n"


def shortened(text: str, longest: int) -> str:
    """*text* on one line, harmless on a terminal, cut with ``...`` where it is longer than *longest*."""
    if not text.isprintable():
        from orchestrator.rendering.text import one_line

        text = one_line(text)
    return text if len(text) <= longest else text[: longest - 3].rstrip() + "..."


def when(time: str) -> str:
    """``2026-03-18T14:30:22.000000+00:00`` as ``2026-03-18 14:30``."""
    return f"{time[:10]} {time[11:16]}"


def state_words(row: DeploymentRow) -> str:
    """The state for people; a simulation says whether its checks passed."""
    if row.state == "simulated":
        return "simulated" if row.simulated_ok else "checks failed"
    return row.state.replace("_", " ")


def _cells(row: DeploymentRow) -> tuple[str, ...]:
    took = row.duration_ms
    if took is not None:
        from orchestrator.rendering.text import duration
    return (
        when(row.requested_at),
        shortened(f"{row.environment}/{row.target or '?'}", 2 * LONGEST_VERSION),
        shortened(row.version, LONGEST_VERSION),
        state_words(row),
        duration(took / 1000) if took is not None else "-",
        shortened(row.actor, LONGEST_VERSION),
        row.id,
    )


def _note(row: DeploymentRow) -> str:
    if row.decision_id is not None:
        return f"waits for {row.decision_id}"
    if row.state == "rolled_back":
        return f"back to {row.rollback_to}"
    if row.error is not None:
        return f"{row.error_step}: {row.error}" if row.error_step else row.error
    if row.freeze_override is not None:
        return f"freeze overridden: {row.freeze_override}"
    return "dry run" if row.dry_run and row.state != "simulated" else ""


def _line(cells: Sequence[str], widths: Sequence[int], colour: str, paint: Paint, note: str) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    if colour:
        padded[-4] = paint(padded[-4], colour)  # the state
    return "  ".join([*padded, note]).rstrip()
