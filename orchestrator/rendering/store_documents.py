"""The shapes of the answers of `store` and of `audit key`, which are made as plain dicts. The others: `documents`."""

from __future__ import annotations

from typing import TypedDict


class KeyMade(TypedDict):
    """A new pair of keys: the files, and the fingerprint to compare."""

    key: str
    public_key: str
    fingerprint: str


class StoreUpgraded(TypedDict):
    """*upgraded*: something had to be done; the revisions are the schema's."""

    store: str
    upgraded: bool
    from_revision: str | None
    to_revision: str | None
    read_models_built: list[str]


class StoreRebuilt(TypedDict):
    """All read models were folded anew from so many events."""

    success: bool
    events: int


class StoreBackedUp(TypedDict):
    """A copy that was read back. *problems*: of the store's own chain of events, and therefore of the copy's."""

    success: bool
    file: str
    events: int
    size_bytes: int
    problems: list[str]


class StoreArchived(TypedDict):
    """Old streams that were moved to a file.

    Attributes:
        already_done: The same call had done it before; resumed: an interrupted one had begun it.
        not_compacted: Why the database's file did not become smaller; None where it did.
    """

    success: bool
    file: str
    digest: str
    before: str
    streams: int
    events: int
    already_done: bool
    resumed: bool
    not_compacted: str | None


class StoreCopied(TypedDict):
    """Both stores end at *events*, with this *hash*; the others were copied now."""

    success: bool
    events: int
    copied_events: int
    copied_attachments: int
    hash: str
