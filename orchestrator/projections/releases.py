"""Which releases of a slot were verified, in the order they went live, and what is live now.

`reference` is where a failure goes back to, `live` what the events say is there (nothing is asked of the target), `verified` all
that may be gone back to. A verification that fails later takes the mark away until the release is verified again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from eventstore.events import RecordedEvent
from eventstore.projection import Row, Rows, Table
from orchestrator.domain.ids import id_of
from orchestrator.projections.deployments_table import DEPLOYMENTS, PROGRESS
from orchestrator.projections.fields import empty, fields

if TYPE_CHECKING:
    from eventstore.store import EventReader
    from orchestrator.domain.plan import Release, Slot

Data = dict[str, Any]

_SLOT = ("project", "environment", "target")
_SLOT_COLUMNS = dict.fromkeys(_SLOT, "text")

# deployment_id: which deployment made the release; position: of the event that last made it live.
RELEASES = Table(
    "releases",
    {**_SLOT_COLUMNS, "deployment_id": "text", "version": "text", "release": "text"}
    | {"verified": "integer", "verified_at": "text", "position": "integer"},
    key=(*_SLOT, "deployment_id"),
    indexes=((*_SLOT, "verified", "position"), (*_SLOT, "verified", "version", "position")),
)
# made_by: the deployment whose release it is; put_there_by: the one that made it live, by its steps or by its rollback; position:
# of the event that did.
LIVE = Table(
    "live_releases",
    {**_SLOT_COLUMNS, "release": "text", "since": "text", "verified": "integer", "made_by": "text"}
    | {"put_there_by": "text", "actor": "text", "in_doubt": "text", "position": "integer"},
    key=_SLOT,
)

# What has to be remembered of a deployment until its end: that it has failed, who began its latest rollback, and the position of
# the event with which it, or that rollback, began to change things.
ENDINGS = Table("releases_endings", {"id": "text", "failed": "integer", "rollback_by": "text", "begun": "integer"}, key=("id",))


class VerifiedRelease(NamedTuple):
    """A release that may be gone back to. *verified_at*: when it was last verified."""

    release: Release
    deployment_id: str
    verified_at: str


class LiveRelease(NamedTuple):
    """What the events say is live in a slot.

    Attributes:
        release: None while nothing was ever deployed there completely.
        made_by: Deployment whose release it is.
        put_there_by: Deployment that made it live, also by its rollback; *actor* started that.
        in_doubt: Deployment that failed since after it may have changed what is live; None if there is none.
    """

    project: str
    environment: str
    target: str
    release: Release | None
    since: str | None
    verified: bool
    made_by: str | None
    put_there_by: str | None
    actor: str | None
    in_doubt: str | None


def live(reader: EventReader, slot: Slot) -> Release | None:
    """The release deployed, or restored by a rollback, last."""
    found = live_slots(reader, slot)
    return found[0].release if found else None


def live_slots(reader: EventReader, slot: Slot | None = None) -> list[LiveRelease]:
    """What is live, of every slot that was ever changed, by project, environment and target."""
    where = "WHERE project = ? AND environment = ? AND target = ? " if slot is not None else ""
    columns = ", ".join(LiveRelease._fields)
    statement = f"SELECT {columns} FROM live_releases {where}ORDER BY project, environment, target"  # noqa: S608 - constants
    rows = reader.query(statement, _key(slot) if slot is not None else ())
    found = map(LiveRelease._make, rows)
    return [row._replace(release=_release(row.release), verified=bool(row.verified)) for row in found]


def reference(reader: EventReader, slot: Slot) -> Release | None:
    """The verified release that was live last: after a rollback the restored one."""
    found = verified(reader, slot, limit=1)
    return found[0].release if found else None


def verified(reader: EventReader, slot: Slot, limit: int) -> list[VerifiedRelease]:
    """The verified releases, those that were live last first."""
    return _verified(reader, slot, "", (), limit)


def find_version(reader: EventReader, slot: Slot, version: str) -> VerifiedRelease | None:
    """The verified release of *version* that was live last."""
    found = _verified(reader, slot, "AND version = ? ", (version,), 1)
    return found[0] if found else None


class ReleasesProjection:
    """Keeps these tables."""

    name = "releases"
    version = 2
    tables = (RELEASES, LIVE, ENDINGS)

    @property
    def types(self) -> frozenset[str]:
        return frozenset(_FOLDS)

    def apply(self, event: RecordedEvent, rows: Rows) -> None:
        deployment = rows.get(DEPLOYMENTS, id_of(event.stream))
        if deployment is not None:
            _FOLDS[event.type](event, fields(event), deployment, rows)


def _begun(event: RecordedEvent, data: Data, deployment: Row, rows: Rows) -> None:
    # Only once does a deployment begin, and nothing of this has happened before.
    rows.put(ENDINGS, {**empty(ENDINGS), "id": deployment["id"], "begun": event.position})


def _deployed(event: RecordedEvent, data: Data, deployment: Row, rows: Rows) -> None:
    made = {"made_by": deployment["id"], "actor": deployment["actor"], "verified": False}
    _now_live(event, data["release"], deployment, rows, made)


def _verified_now(event: RecordedEvent, data: Data, deployment: Row, rows: Rows) -> None:
    slot = _slot_of(deployment)
    known = rows.get(RELEASES, *slot.values(), deployment["id"])
    position = known["position"] if known is not None else event.position
    _keep(rows, slot, deployment["id"], data["release"], event.time, position)
    current = rows.get(LIVE, *slot.values())
    if current is not None and current["made_by"] == deployment["id"]:
        rows.put(LIVE, {**current, "verified": True})


def _doubted(event: RecordedEvent, data: Data, deployment: Row, rows: Rows) -> None:
    slot = _slot_of(deployment)
    known = rows.get(RELEASES, *slot.values(), deployment["id"])
    if known is not None:
        rows.put(RELEASES, {**known, "verified": False})
    current = rows.get(LIVE, *slot.values())
    if current is not None and current["made_by"] == deployment["id"]:
        rows.put(LIVE, {**current, "verified": False})


def _failed(event: RecordedEvent, data: Data, deployment: Row, rows: Rows) -> None:
    rows.put(ENDINGS, {**_ending(deployment, rows), "failed": True})
    if not data["unchanged"]:
        _doubt_live(deployment, rows)


def _aborted(event: RecordedEvent, data: Data, deployment: Row, rows: Rows) -> None:
    # What a deployment that had failed before changed, or did not, was said then; another one may be live by now.
    progress = rows.get(PROGRESS, deployment["id"])
    if progress is not None and progress["touched_live"] and not _ending(deployment, rows)["failed"]:
        _doubt_live(deployment, rows)


def _rollback_started(event: RecordedEvent, data: Data, deployment: Row, rows: Rows) -> None:
    rows.put(ENDINGS, {**_ending(deployment, rows), "rollback_by": data["by"], "begun": event.position})


def _rollback_failed(event: RecordedEvent, data: Data, deployment: Row, rows: Rows) -> None:
    _doubt_live(deployment, rows)


def _rolled_back(event: RecordedEvent, data: Data, deployment: Row, rows: Rows) -> None:
    release = data["release"]
    made_by = release["deployment_id"] or deployment["id"]
    _keep(rows, _slot_of(deployment), made_by, release, event.time, event.position)
    made = {"made_by": made_by, "actor": _ending(deployment, rows)["rollback_by"], "verified": True}
    _now_live(event, release, deployment, rows, made)


def _ending(deployment: Row, rows: Rows) -> Row:
    return rows.get(ENDINGS, deployment["id"]) or {**empty(ENDINGS), "id": deployment["id"]}


def _keep(rows: Rows, slot: Data, made_by: str, release: Data, time: str, position: int) -> None:
    row = {"deployment_id": made_by, "version": release["version"], "release": _dump(release)}
    rows.put(RELEASES, {**slot, **row, "verified": True, "verified_at": time, "position": position})


def _now_live(event: RecordedEvent, release: Data, deployment: Row, rows: Rows, made: Data) -> None:
    row = {"release": _dump(release), "since": event.time, "position": event.position, "put_there_by": deployment["id"], **made}
    rows.put(LIVE, {**empty(LIVE), **_slot_of(deployment), **row})


def _doubt_live(deployment: Row, rows: Rows) -> None:
    slot = _slot_of(deployment)
    current = rows.get(LIVE, *slot.values()) or {**empty(LIVE), **slot}
    begun = _ending(deployment, rows)["begun"]
    if begun is not None and (current["position"] or 0) > begun and current["put_there_by"] != deployment["id"]:
        return  # its claim was released: what another deployment has put there since is not its doing any more
    rows.put(LIVE, {**current, "in_doubt": deployment["id"], "verified": False})


def _verified(reader: EventReader, slot: Slot, more: str, parameters: tuple[Any, ...], limit: int) -> list[VerifiedRelease]:
    statement = (
        "SELECT release, deployment_id, verified_at FROM releases "  # noqa: S608 - constants
        f"WHERE project = ? AND environment = ? AND target = ? AND verified = 1 {more}ORDER BY position DESC LIMIT ?"
    )
    rows = reader.query(statement, (*_key(slot), *parameters, limit))
    return [VerifiedRelease(_release(release), made_by, at) for release, made_by, at in rows]


def _release(text: Any) -> Any:
    if text is None:
        return None
    from orchestrator.domain.plan import Release

    return Release.from_json(orjson.loads(text))


def _dump(release: Data) -> str:
    from orchestrator.domain.plan import Release

    Release.from_json(release)  # what cannot be read back must not be kept: the fold says which event it came from
    return orjson.dumps(release).decode()


def _slot_of(deployment: Row) -> Data:
    return {name: deployment[name] for name in _SLOT}


def _key(slot: Slot) -> tuple[str, str, str]:
    return slot.project, slot.environment, slot.target


_FOLDS: dict[str, Callable[[RecordedEvent, Data, Row, Rows], None]] = {
    "ExecutionStarted": _begun,
    "DeploymentDeployed": _deployed,
    "DeploymentVerified": _verified_now,
    "VerificationFailed": _doubted,
    "DeploymentFailed": _failed,
    "DeploymentAborted": _aborted,
    "RollbackStarted": _rollback_started,
    "RollbackFailed": _rollback_failed,
    "RolledBack": _rolled_back,
}
