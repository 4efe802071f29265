"""What an audit has found, as data: `AuditReport`, and `CheckReport` of the whole store. Made by `services/audit.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.projections.configuration import ConfigurationEdit


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong. *kind*: changed, removed, inserted, reordered, attachment, anchor or archive.

    *position*, *stream* and *version* are None where it concerns no single event.
    """

    kind: str
    message: str
    position: int | None = None
    stream: str | None = None
    version: int | None = None
    events: int = 1


@dataclass(frozen=True, kw_only=True)
class CheckedAnchor:
    """*trusted*: its key is the one that was given with ``--public-key``."""

    file: str
    position: int
    time: str
    fingerprint: str
    trusted: bool
    holds: bool


@dataclass(frozen=True, kw_only=True)
class CheckedArchive:
    """*found*: where it was read, or None; *holds*: what is in it is what was recorded."""

    file: str
    found: str | None
    streams: int
    events: int
    holds: bool


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """See the module.

    Attributes:
        success: Nothing is wrong, and nothing that stands in the chain was left unproven.
        events: How many the chain has; *archived*: how many of them have their content in archives.
        attachments: How many were compared with their recorded digests.
        problems: At most a hundred of each kind; *more_problems*: how many were found beyond.
        proven, not_proven: What follows from it, in sentences.
        anchor_failures: Why configured anchors were not delivered, newest first.
        configuration_edits: Who has changed which fields of deploy.json, the newest few; none where something is wrong.
    """

    success: bool
    store_id: str
    events: int
    archived: int
    position: int
    hash: str
    attachments: int
    problems: tuple[Finding, ...]
    more_problems: int
    anchors: tuple[CheckedAnchor, ...]
    archives: tuple[CheckedArchive, ...]
    proven: tuple[str, ...]
    not_proven: tuple[str, ...]
    anchor_failures: tuple[str, ...] = ()
    configuration_edits: tuple[ConfigurationEdit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """`store check`: *integrity* says what the database itself finds wrong, "" for nothing.

    Attributes:
        equal: Read models that equal a rebuild; *pending*: those that wait for the next command that writes, with the reason.
        differences: ``{"read_model", "table", "key", "message"}``.
    """

    success: bool
    integrity: str
    audit: AuditReport | None
    equal: tuple[str, ...]
    pending: tuple[str, ...]
    differences: tuple[dict[str, Any], ...]
