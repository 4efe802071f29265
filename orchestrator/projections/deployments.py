"""One row per deployment: what lists, IDs and "what is unfinished" are answered from. Start at `newest`.

Only reads; the rows are kept by `deployments_fold`, which `history` does not need to import. Every query walks an index in the
order it wants: it costs the same with a thousand and with ten million events. Where an index has more columns than a query
names (the slots of an environment, say), the few slots there are get enumerated, never the deployments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from orchestrator.domain.errors import UsageProblem
from orchestrator.projections.deployments_table import (
    LISTED,
    NAME,
    PROGRESS,
    RUNNING,
    STARTED,
    STATUSES,
    WAITING,
    DeploymentRow,
)

if TYPE_CHECKING:
    from eventstore.store import EventReader
    from orchestrator.domain.plan import Slot

_COLUMNS = {name: f"progress.{name}" if name in PROGRESS.columns else name for name in DeploymentRow._fields}
# Of the later one; said so that every database understands it.
_UPDATED = "CASE WHEN progress.updated_at > deployments.updated_at THEN progress.updated_at ELSE deployments.updated_at END"
_COLUMNS |= {"id": "deployments.id", "updated_at": _UPDATED}
_READ = (
    f"SELECT {', '.join(_COLUMNS.values())} FROM deployments "  # noqa: S608 - constants
    "LEFT JOIN deployments_progress AS progress ON progress.id = deployments.id"
)
_ID = "deploy-"
_BY_SLOT = "project = ? AND environment = ? AND target = ?"


def newest(
    reader: EventReader,
    *,
    limit: int,
    project: str | None = None,
    target: str | None = None,
    environment: str | None = None,
    status: str | None = None,
    include_dry_runs: bool = False,
) -> list[DeploymentRow]:
    """The newest deployments first, at most *limit*.

    Args:
        status: One of `STATUSES`; it alone then decides.
        include_dry_runs: Also dry runs, and what was aborted before it did anything.
    """
    statuses = (status,) if status is not None else STATUSES if include_dry_runs else LISTED
    if project is None and target is None and environment is None:
        return _merged((_newest_where(reader, "status = ?", (one,), limit) for one in statuses), limit)
    slots = [
        slot
        for slot in slots_seen(reader, project)
        if (target is None or slot[2] == target) and (environment is None or slot[1] == environment)
    ]
    return _merged((_of_slot(reader, slot, one, limit) for slot in slots for one in statuses), limit)


def latest(reader: EventReader, slot: Slot) -> DeploymentRow | None:
    """The newest live deployment of *slot* that began to run."""
    rows = _merged((_of_slot(reader, _key(slot), status, 1) for status in STARTED), 1)
    return rows[0] if rows else None


def has_live(reader: EventReader, slot: Slot) -> bool:
    """Whether any live deployment of *slot* ever began to run, and was not aborted before it did anything."""
    return latest(reader, slot) is not None


def unfinished(reader: EventReader, *, project: str | None = None, limit: int = 50) -> list[DeploymentRow]:
    """What waits, runs, was interrupted, or still claims its slot, newest first; *limit* bounds those that only wait.

    Of one *project*, or of all that share the store.

    Whether a process is at work on one of them is not known here: ask its slot's holder.
    """
    holders = [row[0] for row in reader.query("SELECT deployment_id FROM slots WHERE deployment_id IS NOT NULL")]
    found = [_newest_where(reader, "status = ?", (status,), limit) for status in (WAITING, RUNNING)]
    rows = {row.id: row for rows in (*found, get(reader, *holders)) for row in rows if project in (None, row.project)}
    return sorted(rows.values(), key=attrgetter("position"), reverse=True)


def get(reader: EventReader, *ids: str) -> list[DeploymentRow]:
    """The rows of those of *ids* that exist, in that order."""
    return [row for one in ids for row in _rows(reader, f"{_READ} WHERE deployments.id = ?", (one,))]


def by_plan_digest(reader: EventReader, digest: str) -> str | None:
    """ID of the newest deployment with this plan.

    Args:
        digest: ``sha256:<hex>``, with or without the name, or a beginning of at least 8 hex digits.

    Raises:
        UsageProblem: Plans differ that begin like this.
    """
    wanted = f"sha256:{digest.removeprefix('sha256:')}"
    if len(wanted) < len("sha256:") + 8:
        raise UsageProblem(f"--plan {digest}: at least 8 hex digits of the digest are needed")
    first = _digest_from(reader, wanted, ">=")
    if first is None:
        return None
    if (second := _digest_from(reader, first, ">")) is not None and second.startswith(wanted):
        raise UsageProblem(f"--plan {digest}: more than one plan begins like this: {first}, {second}")
    statement = f"SELECT id FROM {NAME} WHERE plan_digest = ? ORDER BY position DESC LIMIT 1"  # noqa: S608 - constants
    return str(reader.query(statement, (first,))[0][0]) if first.startswith(wanted) else None


def find(reader: EventReader, prefix: str, *, limit: int = 20) -> list[str]:
    """IDs that begin with *prefix*, newest first; ``deploy-`` may be left out."""
    wanted = prefix if prefix.startswith(_ID) or _ID.startswith(prefix) else _ID + prefix
    statement = f"SELECT id FROM {NAME} WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?"  # noqa: S608 - constants
    return [row[0] for row in reader.query(statement, (wanted, f"{wanted}\U0010ffff", limit))]


def resolve(reader: EventReader, text: str, *, project: str | None = None) -> str:
    """The ID that a person means: an ID, its unambiguous beginning, or ``latest`` (of *project*, if that is given).

    Raises:
        UsageProblem: None or several; names the nearest.
    """
    if text == "latest":
        rows = newest(reader, limit=1, project=project, include_dry_runs=True)
        if not rows:
            raise UsageProblem("there is no deployment yet. Next: pop-deploy execute")
        return rows[0].id
    found = find(reader, text, limit=6) if text.isprintable() else []
    if len(found) == 1 or text in found:
        return text if text in found else found[0]
    if found:
        shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise UsageProblem(f"{text} is the beginning of more than one deployment: {shown}")
    if (moved := _archived(reader, text)) is not None:
        raise UsageProblem(moved)
    raise UsageProblem(f"no deployment {text!r}. {_nearest(reader, text)}")


def slots_seen(reader: EventReader, project: str | None = None) -> list[tuple[str, str, str]]:
    """Every (project, environment, target) that was ever deployed to, in order; "" for a target that is still open.

    Of one *project*, or of all that share the store.
    """
    found: list[tuple[str, str, str]] = []
    after: tuple[str, ...] = (project or "", "", "")
    sign = ">="
    # One seek for each: SELECT DISTINCT would walk over every deployment.
    while True:
        statement = (
            f"SELECT project, environment, target FROM {NAME} WHERE (project, environment, target) {sign} (?, ?, ?) "  # noqa: S608
            "ORDER BY project, environment, target LIMIT 1"
        )
        rows = reader.query(statement, after)
        if not rows or project not in (None, rows[0][0]):
            return found
        found.append((rows[0][0], rows[0][1], rows[0][2]))
        after, sign = rows[0], ">"


def _archived(reader: EventReader, text: str) -> str | None:
    """Where the deployment went that *text* means, if it was archived. Only asked where there is none of that name."""
    from eventstore.archived import notes
    from orchestrator.domain.ids import id_of, stream_of

    wanted = stream_of(text)
    for note in notes(reader):
        found = [stream for stream in note.streams if stream.startswith(wanted)]
        if found and text.removeprefix(_ID):
            named = id_of(found[0]) if len(found) == 1 else f"{text}..."
            return f"{named} was moved to the archive {note.file} on {note.time}; the store keeps only its place in the chain"
    return None


def _nearest(reader: EventReader, text: str) -> str:
    from difflib import get_close_matches

    last = [row.id for row in newest(reader, limit=50, include_dry_runs=True)]
    near = get_close_matches(text, last, n=1, cutoff=0.7)
    if near:
        return f"Did you mean {near[0]}?"
    return f"The last ones: {', '.join(last[:3])}" if last else "There is none yet. Next: pop-deploy execute"


def _of_slot(reader: EventReader, slot: tuple[str, str, str], status: str, limit: int) -> list[DeploymentRow]:
    return _newest_where(reader, f"{_BY_SLOT} AND status = ?", (*slot, status), limit)


def _newest_where(reader: EventReader, where: str, parameters: Sequence[Any], limit: int) -> list[DeploymentRow]:
    return _rows(reader, f"{_READ} WHERE {where} ORDER BY position DESC LIMIT ?", (*parameters, limit))


def _merged(lists: Iterable[list[DeploymentRow]], limit: int) -> list[DeploymentRow]:
    rows = [row for rows in lists for row in rows]
    return sorted(rows, key=attrgetter("position"), reverse=True)[:limit]


def _digest_from(reader: EventReader, digest: str, sign: str) -> str | None:
    statement = f"SELECT plan_digest FROM {NAME} WHERE plan_digest {sign} ? ORDER BY plan_digest LIMIT 1"  # noqa: S608 - constants
    rows = reader.query(statement, (digest,))
    return str(rows[0][0]) if rows else None


def _rows(reader: EventReader, statement: str, parameters: Sequence[Any]) -> list[DeploymentRow]:
    return list(_typed(map(DeploymentRow._make, reader.query(statement, parameters))))


def _typed(rows: Iterable[DeploymentRow]) -> Iterator[DeploymentRow]:
    """SQLite has neither truth values nor, in our index, a target that is not known yet."""
    for row in rows:
        yield row._replace(
            target=row.target or None,
            dry_run=bool(row.dry_run),
            simulate=bool(row.simulate),
            dirty=bool(row.dirty),
            effect=bool(row.effect),
            touched_live=bool(row.touched_live),
            simulated_ok=None if row.simulated_ok is None else bool(row.simulated_ok),
        )


def _key(slot: Slot) -> tuple[str, str, str]:
    return slot.project, slot.environment, slot.target
