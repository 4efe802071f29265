"""Which deployments `store archive` may move away: `streams_to_archive`. How they are moved is in `eventstore.archive`.

Nothing that a later decision may need: what is live, what can be gone back to, what is unfinished. Streams of slots, the import
and the audit are not deployments and always stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from eventstore import EventReader
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.ids import decisions_of, id_of, stream_of
from orchestrator.domain.lifecycle import ENDED
from orchestrator.domain.plan import Slot
from orchestrator.projections import deployments, releases
from orchestrator.projections.deployments_table import NAME, PROGRESS

KEEP = 5
"""Verified releases of each slot that stay, those that were live last."""


def before_time(text: str) -> str:
    """*text*, a date or a time with offset, as events write their times.

    Raises:
        UsageProblem: It is neither, or lies in the future.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageProblem(f"--before {text}: expected a date like 2026-03-18, or a time with offset") from None
    if moment.tzinfo is None and len(text) > 10:
        raise UsageProblem(f"--before {text}: a time needs an offset: {text}+00:00")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if moment > datetime.now(UTC):
        raise UsageProblem(f"--before {text}: lies in the future")
    return moment.isoformat(timespec="microseconds")


def streams_to_archive(reader: EventReader, before: str, keep: int = KEEP) -> list[str]:
    """The streams of deployments whose last event is older than *before* and that nothing needs any more, oldest first."""
    needed = _needed(reader, keep)
    found = []
    for deployment_id in _ended(reader, before):
        stream = stream_of(deployment_id)
        if deployment_id not in needed and _last_time(reader, stream) < before:
            answers = decisions_of(deployment_id)
            found += [stream, *([answers] if reader.version(answers) >= 0 else [])]
    return found


def must_stay(reader: EventReader, keep: int = KEEP) -> object:
    """What has to be the same before and after: what is live in each slot, and what can be gone back to."""
    slots = [Slot(*slot) for slot in deployments.slots_seen(reader)]
    live = releases.live_slots(reader)
    back = [releases.verified(reader, Slot(each.project, each.environment, each.target), limit=keep) for each in live]
    unfinished = {row.id for row in deployments.unfinished(reader)}
    return live, back, unfinished, [latest for slot in slots if (latest := _latest(reader, slot))]


def _ended(reader: EventReader, before: str) -> Iterator[str]:
    states = sorted(str(state) for state in ENDED)
    statement = (
        f"SELECT {NAME}.id FROM {NAME} LEFT JOIN {PROGRESS.name} AS progress ON progress.id = {NAME}.id "  # noqa: S608 - constants
        f"WHERE state IN ({', '.join('?' * len(states))}) AND {NAME}.updated_at < ? "
        "AND coalesce(progress.updated_at, '') < ? ORDER BY position"
    )
    return (str(row[0]) for row in reader.query(statement, (*states, before, before)))


def _needed(reader: EventReader, keep: int) -> set[str]:
    needed: set[str | None] = set()
    for live in releases.live_slots(reader):
        slot = Slot(live.project, live.environment, live.target)
        needed |= {live.made_by, live.put_there_by, live.in_doubt, live.release.deployment_id if live.release else None}
        needed |= {found.deployment_id for found in releases.verified(reader, slot, limit=keep)}
        needed |= {id_of(stream) for stream in _made_live_by(reader, slot, keep)}
    needed |= {_latest(reader, Slot(*slot)) for slot in deployments.slots_seen(reader)}
    for row in deployments.unfinished(reader, limit=10_000):
        needed |= {row.id, *_leads_to(reader, row.id)}
    return {each for each in needed if each is not None}


def _made_live_by(reader: EventReader, slot: Slot, keep: int) -> Iterator[str]:
    """Streams with the event that last made each of these releases live: without it, their order would be another one."""
    statement = (
        "SELECT events.stream FROM releases JOIN events ON events.position = releases.position "
        "WHERE project = ? AND environment = ? AND target = ? AND verified = 1 ORDER BY releases.position DESC LIMIT ?"
    )
    return (str(row[0]) for row in reader.query(statement, (slot.project, slot.environment, slot.target, keep)))


def _leads_to(reader: EventReader, deployment_id: str) -> Iterator[str | None]:
    """The deployments whose releases an unfinished one may go back to."""
    for event in reader.read_stream(stream_of(deployment_id)):
        if event.type in {"DeploymentPrepared", "RollbackStarted"}:
            data: dict[str, Any] = orjson.loads(event.data)
            release = data.get("reference") or data.get("to") or {}
            yield release.get("deployment_id")


def _latest(reader: EventReader, slot: Slot) -> str | None:
    row = deployments.latest(reader, slot)
    return row.id if row is not None else None


def _last_time(reader: EventReader, stream: str) -> str:
    last = next(reader.read_stream(stream, reader.version(stream) - 1), None)
    return last.time if last is not None else ""
