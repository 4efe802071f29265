"""deploy.json's configuration as commands have seen it: `last_seen` of a project, and `changes`, who changed which fields when.

Its tables belong to the read model of the history (`deploy_history`): both are what is known of that one file, and a read model
of its own would cost every append a row. No value of any field is here, only digests (`domain/configuration_edits.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from eventstore.events import RecordedEvent
from eventstore.projection import Rows, Table
from orchestrator.domain.configuration_edits import edited

if TYPE_CHECKING:
    from eventstore.store import EventReader

SEEN = Table(
    "configuration_seen", {"project": "text", "digest": "text", "version": "integer", "fields": "text"}, key=("project",)
)
CHANGES = Table(
    "configuration_changes",
    {"project": "text", "position": "integer", "time": "text", "author": "text", "taken_in_by": "text", "places": "text"},
    key=("project", "position"),
)


class Seen(NamedTuple):
    """What was seen last. *version* is that of the event in the project's stream; *fields* see `field_digests`."""

    digest: str
    version: int
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationEdit:
    """An edit that is on record.

    Attributes:
        at: When it was taken in; when it was made is not known.
        by: ``outside``, or who ran `init`.
        taken_in_by: Whose command saw it, "" for one's own.
        places: Fields that were changed, added or removed.
    """

    at: str
    by: str
    taken_in_by: str
    places: tuple[str, ...]


def last_seen(reader: EventReader, project: str) -> Seen | None:
    """One row by its key; None before the first look."""
    rows = reader.query("SELECT digest, version, fields FROM configuration_seen WHERE project = ?", (project,))
    return Seen(rows[0][0], rows[0][1], orjson.loads(rows[0][2])) if rows else None


def changes(reader: EventReader, project: str | None = None, *, limit: int = 20) -> list[ConfigurationEdit]:
    """The newest edits, newest first, of one project or of all that share the store."""
    where, given = ("WHERE project = ? ", (project,)) if project is not None else ("", ())
    statement = f"SELECT time, author, taken_in_by, places FROM configuration_changes {where}ORDER BY position DESC LIMIT ?"  # noqa: S608 - constants
    return [
        ConfigurationEdit(at=at, by=by, taken_in_by=taken_in_by, places=tuple(orjson.loads(places)))
        for at, by, taken_in_by, places in reader.query(statement, (*given, limit))
    ]


def changed(event: RecordedEvent, data: dict[str, Any], rows: Rows) -> None:
    """Fold `ConfigurationChanged`. The first look is no change."""
    project, known = data["project"], rows.get(SEEN, data["project"])
    fields = edited(orjson.loads(known["fields"]) if known is not None else {}, data["changed"])
    seen = {"project": project, "digest": data["after"], "version": event.version, "fields": orjson.dumps(fields).decode()}
    rows.put(SEEN, seen)
    if data["before"] is None:
        return
    rows.put(
        CHANGES,
        {
            "project": project,
            "position": event.position,
            "time": event.time,
            "author": data["by"],
            "taken_in_by": orjson.loads(event.metadata).get("taken_in_by", ""),
            "places": orjson.dumps(list(data["changed"])).decode(),
        },
    )
