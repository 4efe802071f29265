"""Whether, from where and to where a slot can be rolled back: `assessment`, before anything is decided.

What can really be gone back to is said by the store alone: a release that was verified. The records of deploy.json's history,
also those that another tool wrote, only say what was deployed last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.plan import Slot
from orchestrator.projections.releases import VerifiedRelease

Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class LastFailed:
    """The newest failed record."""

    version: str | None
    timestamp: str | None
    error: str | None


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """See the module.

    Attributes:
        current_version: Of the newest record; after a rollback, the one that was restored.
        current_status: success, failed or rolled_back; None without a record.
        leaves: Deployment that a rollback would leave; None when there is none.
        rollback_version: What a rollback without ``--to`` brings back; None when it cannot.
        rollback_commit: Of that release.
        rollback_timestamp: When it was last verified.
        versions: All verified versions that ``--to`` takes, the last one live first.
        total_deployments: Records of the target in the environment; a rollback is one too.
        reason: Why there, or why not.
    """

    target: str
    environment: str
    current_version: str | None
    current_status: str | None
    leaves: str | None
    rollback_version: str | None
    rollback_commit: str | None
    rollback_timestamp: str | None
    versions: tuple[str, ...]
    total_deployments: int
    last_failed: LastFailed | None
    can_rollback: bool
    reason: str


def assessment(
    slot: Slot,
    records: Sequence[Record],
    *,
    leaves: str | None,
    to: VerifiedRelease | None,
    choices: Sequence[VerifiedRelease] = (),
    reason: str,
) -> Assessment:
    """Put together.

    Args:
        records: deploy.json's history, newest first, as it stands there: anybody may have written it.
        leaves: The deployment that a rollback would leave.
        to: What it would bring back; None when it cannot, with the *reason*.
    """
    own = [record for record in records if _is_of(record, slot)]
    newest = own[0] if own else {}
    status = _text(newest.get("status"))
    foreign = bool(own) and "store_id" not in newest
    return Assessment(
        target=slot.target,
        environment=slot.environment,
        current_version=_text(newest.get("rollback_to") if status == "rolled_back" else newest.get("version")),
        current_status=status,
        leaves=leaves,
        rollback_version=to.release.version if to is not None else None,
        rollback_commit=to.release.commit_sha if to is not None else None,
        rollback_timestamp=to.verified_at if to is not None else None,
        versions=tuple(dict.fromkeys(found.release.version for found in choices)),
        total_deployments=len(own),
        last_failed=next((_failed(record) for record in own if record.get("status") == "failed"), None),
        can_rollback=to is not None,
        reason=f"{reason}. The newest record was written by another tool: nothing proves what it says" if foreign else reason,
    )


def _is_of(record: Record, slot: Slot) -> bool:
    """Records of other tools know no environment: they count everywhere."""
    return record.get("target") == slot.target and record.get("environment", slot.environment) == slot.environment


def _failed(record: Record) -> LastFailed:
    return LastFailed(
        version=_text(record.get("version")), timestamp=_text(record.get("timestamp")), error=_text(record.get("error"))
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
