"""Edits of deploy.json's configuration become events: `take_in`, what others did since the last look; `note_own`, what we did.

Each edit is recorded once, by the next command that writes, whoever that is: the read model says what was seen last, and the
stream's version keeps two commands from recording the same. The history in the file is another matter (`deploy_history`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from eventstore import EventReader, EventStore, WrongExpectedVersion
from orchestrator.domain.configuration_edits import digest_of, edits, field_digests
from orchestrator.domain.ids import configuration_stream
from orchestrator.domain.side_events import ConfigurationChanged
from orchestrator.projections import configuration
from orchestrator.projections.configuration import ConfigurationEdit
from orchestrator.services.codec import CODEC

OUTSIDE = "outside"
TRIES = 5

Document = Mapping[str, Any]


class Masks(Protocol):
    """A field's name may hold a secret too."""

    def mask(self, text: str) -> str: ...


def take_in(store: EventStore, project: str, document: Document, *, actor: str, host: str, mask: Masks) -> None:
    """Record that *document* is not what it was when a command looked last; nothing where it is.

    The first look at a project's file is on record too, by nobody: who wrote it is not known.
    """
    _record(store, project, document, by=OUTSIDE, first_by="", metadata=_metadata(OUTSIDE, host, taken_in_by=actor), mask=mask)


def note_own(
    store: EventStore, project: str, before: Document | None, after: Document, *, actor: str, host: str, mask: Masks
) -> None:
    """Record a change that *actor* has made with `init`. What was edited before that is taken in first, as by others."""
    if before is not None:
        take_in(store, project, before, actor=actor, host=host, mask=mask)
    _record(store, project, after, by=actor, first_by=actor, metadata=_metadata(actor, host), mask=mask)


def on_record(reader: EventReader, limit: int) -> list[ConfigurationEdit]:
    """The newest edits in the whole store, newest first, from the events themselves: for an audit, which trusts no read model."""
    newest: deque[ConfigurationEdit] = deque(maxlen=limit)
    for recorded in reader.read_all(types={ConfigurationChanged.__name__}):
        event = CODEC.decode(recorded)
        if event.before is None:
            continue  # the first look
        taken_in_by = str(orjson.loads(recorded.metadata).get("taken_in_by", ""))
        newest.append(ConfigurationEdit(at=recorded.time, by=event.by, taken_in_by=taken_in_by, places=tuple(event.changed)))
    return list(reversed(newest))


def _metadata(actor: str, host: str, **more: str) -> dict[str, str]:
    return {"actor": actor, "host": host, **more}


def _record(
    store: EventStore, project: str, document: Document, *, by: str, first_by: str, metadata: dict[str, str], mask: Masks
) -> None:
    stream, now = configuration_stream(project), digest_of(document)
    for _ in range(TRIES):
        known = configuration.last_seen(store, project)
        if known is not None and known.digest == now:
            return
        changed = {
            mask.mask(place): digest for place, digest in edits(known.fields if known else {}, field_digests(document)).items()
        }
        event = ConfigurationChanged(
            project=project,
            before=known.digest if known else None,
            after=now,
            by=by if known else first_by,
            changed=changed,
        )
        try:
            # What was seen last is as old as this version: whoever was faster makes it the wrong one.
            store.append(stream, [CODEC.encode(event, metadata)], expected_version=known.version if known else -1)
        except WrongExpectedVersion:
            continue  # another command has taken an edit in, perhaps this one
        return
    # Five others were faster in a row. Nothing is lost: the next command sees the same difference.
