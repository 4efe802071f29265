"""Which records of a deploy.json's history were written by somebody else and are not yet in the store: `outside_records`.

Pure. The file is read and written by `adapters/deploy_json.py`; the import stream holds what was taken in.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Any]


class OutsideRecord(NamedTuple):
    """A record from outside, as it stood in the file; *identity* is `record_identity` of it."""

    identity: str
    record: dict[str, Any]


def outside_records(
    existing: Iterable[Record], *, store_id: str, ours: Iterable[Record], taken_in: Mapping[str, int]
) -> list[OutsideRecord]:
    """The records of *existing* that must be taken in as events, oldest first.

    A record is ours when it carries our *store_id*, or when it carries no store's and equals one of *ours* in time, target,
    version and status: then another tool has rewritten it and dropped the keys it did not know. All others are from outside, also
    those of another store, which come with a checkout. Two equal records are two deployments, so they are counted.

    Args:
        existing: The history as it stands in the file, newest first.
        ours: Our own records, at least all that can stand in the file.
        taken_in: Identity to how often a record of it was taken in already.
    """
    same_as_ours = {_key(record) for record in ours}
    seen: Counter[str] = Counter()
    found = []
    for record in existing:
        if _is_ours(record, store_id, same_as_ours):
            continue
        identity = record_identity(record)
        seen[identity] += 1
        if seen[identity] > taken_in.get(identity, 0):
            found.append(OutsideRecord(identity, dict(record)))
    return found[::-1]


def record_identity(record: Record) -> str:
    """SHA-256 of the canonical JSON of *record*, hexadecimal: the same for any order of keys and any layout."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # JSON may hold half a surrogate pair, which plain UTF-8 cannot.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_ours(record: Record, store_id: str, same_as_ours: set[tuple[str, ...]]) -> bool:
    if "store_id" in record:
        return bool(record["store_id"] == store_id)
    return _key(record) in same_as_ours


def _key(record: Record) -> tuple[str, ...]:
    names = ("target", "version", "status")
    return (_instant(record.get("timestamp")), *(json.dumps(record.get(name), sort_keys=True) for name in names))


def _instant(timestamp: Any) -> str:
    """*timestamp* in UTC, so that ``Z`` and ``+02:00`` compare; one without an offset, or that is no time, as it stands."""
    from datetime import UTC, datetime

    try:
        time = datetime.fromisoformat(timestamp)
    except (TypeError, ValueError):
        return json.dumps(timestamp, sort_keys=True)
    return time.astimezone(UTC).isoformat() if time.tzinfo else str(timestamp)
