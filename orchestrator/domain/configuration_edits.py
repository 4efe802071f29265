"""What tells one state of deploy.json's configuration from another: `digest_of` the whole, `field_digests`, `edits` between two.

Pure, and without a value in it: events keep digests and the places of fields only. `history` is no configuration. Not here:
taking an edit in (`services/configuration.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.domain.plan import canonical_json

HISTORY = "history"
MOST_FIELDS = 2000
"""A file with more is looked at less deeply: an event is no place for a copy of it."""
DEEPEST = 8

Fields = dict[str, str]


def digest_of(document: Mapping[str, Any]) -> str:
    """``sha256:<hex>`` of all but the history; the same for any order of keys and any layout."""
    covered = {key: value for key, value in document.items() if key != HISTORY}
    return "sha256:" + hashlib.sha256(canonical_json(covered)).hexdigest()


def field_digests(document: Mapping[str, Any]) -> Fields:
    """The place of each field (``targets.web.config.path``) to the first 8 hex digits of its digest; a list is one field.

    The place is a part of what is digested, so equal values in two places cannot be told from different ones.
    """
    covered = {key: value for key, value in document.items() if key != HISTORY}
    found: Fields = {}
    for depth in range(DEEPEST, 0, -1):
        found = {place: _short(place, value) for place, value in _fields(covered, "", depth)}
        if len(found) <= MOST_FIELDS:
            return found
    return {}  # more top-level keys than that: the digest of the whole has to do


def edits(before: Fields, now: Fields) -> dict[str, str | None]:
    """Places whose digest differs, to the new one; None for what is not there any more. In the order of *now*, gone ones last."""
    changed: dict[str, str | None] = {place: digest for place, digest in now.items() if before.get(place) != digest}
    return changed | dict.fromkeys((place for place in before if place not in now), None)


def edited(before: Fields, changed: Mapping[str, str | None]) -> Fields:
    """What `edits` was made for: *before* with *changed* applied."""
    return {place: digest for place, digest in {**before, **changed}.items() if digest is not None}


def _fields(value: Mapping[str, Any], above: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        place = f"{above}.{key}" if above else key
        if isinstance(item, dict) and item and depth > 1:
            yield from _fields(item, place, depth - 1)
        else:
            yield place, item


def _short(place: str, value: Any) -> str:
    return hashlib.sha256(canonical_json([place, value])).hexdigest()[:8]
