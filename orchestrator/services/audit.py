"""`audit verify`: what the store proves about itself, and what not. Start at `verify`; docs/audit.md says it for people.

It reads only. The chain is walked by `eventstore.walking`; here are the things around it: attachments, archives and anchors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from eventstore import EventReader, EventStoreError, StoreUnavailable
from eventstore.archive_file import ArchiveFile
from eventstore.archived import ArchiveNote, notes
from eventstore.undecodable import Unspoiled
from eventstore.walking import Walked, walk
from orchestrator.domain.anchor import Anchor
from orchestrator.projections.audit import AuditReport, CheckedAnchor, CheckedArchive, Finding
from orchestrator.services.anchoring import failures
from orchestrator.services.attachments import MARK, AttachmentAudit
from orchestrator.services.configuration import on_record

MOST_EDITS = 20
Progress = Callable[[str, int], None]
CheckSignature = Callable[[Anchor], str | None]
"""Why the signature is wrong, or None."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the caller has kept elsewhere.

    Attributes:
        anchors: (file, anchor) pairs.
        public_key: Hexadecimal; the only key whose anchors count. None: the key that each anchor carries.
        check_signature: Of an anchor, by the key that it carries.
        archives: Files, wherever they lie now.
    """

    anchors: Sequence[tuple[str, Anchor]] = ()
    public_key: str | None = None
    check_signature: CheckSignature = lambda anchor: None
    archives: Sequence[str] = ()


@dataclass
class _Found:
    problems: list[Finding] = field(default_factory=list)
    anchors: list[CheckedAnchor] = field(default_factory=list)
    archives: list[CheckedArchive] = field(default_factory=list)
    attachments: int = 0


def verify(reader: EventReader, given: Given, progress: Progress = lambda phase, done: None) -> AuditReport:
    """Check everything that can be checked.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = _Found()
    noted = _notes(reader, found)
    audit = AttachmentAudit(reader)
    streams = frozenset(stream for note in noted for stream in note.streams)
    walked = walk(
        reader, archived=streams, wanted=MARK, seen=audit.seen, progress=lambda done: progress("checking the chain", done)
    )
    found.problems += [Finding(**problem._asdict()) for problem in walked.problems]
    try:
        _attachments(reader, audit, found)
    except StoreUnavailable as error:  # text that is none, in a column of their own table or of an event that has some
        found.problems.append(Finding(kind="attachment", message=f"they could not all be compared: {error}"))
    _archives(reader, noted, given.archives, found, progress)
    for file, anchor in given.anchors:
        _anchor(reader, walked, file, anchor, given, found)
    return _report(reader, walked, found)


def _notes(reader: EventReader, found: _Found) -> list[ArchiveNote]:
    try:
        return notes(reader)
    except EventStoreError as error:
        found.problems.append(Finding(kind="archive", message=str(error)))
        return []


def _attachments(reader: EventReader, audit: AttachmentAudit, found: _Found) -> None:
    """Where there are more than the events have on record, look which: usually there are just as many."""
    if sum(1 for _ in reader.attached()) != audit.checked or audit.problems:
        audit.unrecorded(iter(dict.fromkeys(stream for stream, _ in reader.attached())))
    found.attachments += audit.checked
    found.problems += audit.problems


def _archives(reader: EventReader, noted: Sequence[ArchiveNote], files: Sequence[str], found: _Found, progress: Progress) -> None:
    given: dict[str, str] = {}
    for file in files:
        with closing(ArchiveFile(file)) as opened:
            given[opened.digest()] = file
    for note in noted:
        found.archives.append(_archive(reader, note, given.pop(note.digest, note.file), found, progress))
    for file in given.values():
        message = "the store has no such archive on record, or what is in the file was changed"
        found.problems.append(Finding(kind="archive", message=f"{file}: {message}"))


def _archive(reader: EventReader, note: ArchiveNote, file: str, found: _Found, progress: Progress) -> CheckedArchive:
    counts = {"streams": len(note.streams), "events": note.events}
    if not os.path.exists(file):  # noqa: PTH110 - a name is all that is asked about
        return CheckedArchive(file=note.file, found=None, holds=False, **counts)
    wrong: list[Finding] = []
    try:
        with closing(ArchiveFile(file)) as opened:
            wrong += [
                Finding(**each._asdict()) for each in opened.problems(reader, lambda done: progress("checking archives", done))
            ]
            if opened.digest() != note.digest:
                wrong.append(Finding(kind="archive", message=f"{file}: what is in it is not what was archived on {note.time}"))
            wrong += _archived_attachments(opened, note, found)
    except EventStoreError as error:
        wrong.append(Finding(kind="archive", message=str(error)))
    found.problems += wrong
    return CheckedArchive(file=note.file, found=file, holds=not wrong, **counts)


def _archived_attachments(opened: ArchiveFile, note: ArchiveNote, found: _Found) -> list[Finding]:
    audit = AttachmentAudit(opened)
    for stream in note.streams:
        for event in opened.read_stream(stream):
            audit.seen(event)
    found.attachments += audit.checked
    return audit.problems


def _anchor(reader: EventReader, walked: Walked, file: str, anchor: Anchor, given: Given, found: _Found) -> None:
    wrong = _wrong_with(reader, walked, anchor, given)
    if wrong is not None:
        message = f"{file}: the anchor of {anchor.time} at event {anchor.position}: {wrong}"
        found.problems.append(Finding(kind="anchor", position=anchor.position, message=message))
    found.anchors.append(
        CheckedAnchor(
            file=file,
            position=anchor.position,
            time=anchor.time,
            fingerprint=anchor.fingerprint,
            trusted=given.public_key is not None and anchor.public_key == given.public_key,
            holds=wrong is None,
        )
    )


def _wrong_with(reader: EventReader, walked: Walked, anchor: Anchor, given: Given) -> str | None:
    if given.public_key is not None and anchor.public_key != given.public_key:
        return f"it was signed by another key ({anchor.fingerprint})"
    if (problem := given.check_signature(anchor)) is not None:
        return problem
    if anchor.store_id != reader.store_id:
        return f"it is of another store ({anchor.store_id})"
    if anchor.position > walked.head.position:
        gone = anchor.position - walked.head.position
        return f"the store ends at event {walked.head.position}: the newest {gone} of that time were removed"
    event = next(Unspoiled(reader).read_all(anchor.position - 1), None) if anchor.position else None
    if anchor.position and (event is None or event.position != anchor.position or event.hash != _bytes(anchor.hash)):
        return "another event stands there now: the chain was written anew"
    return None


def _report(reader: EventReader, walked: Walked, found: _Found) -> AuditReport:
    absent = [archive for archive in found.archives if archive.found is None]
    return AuditReport(
        success=not found.problems and not absent,
        store_id=reader.store_id,
        events=walked.events,
        archived=walked.tombstones,
        position=walked.head.position,
        hash=walked.head.hash.hex() if isinstance(walked.head.hash, bytes) else "",
        attachments=found.attachments,
        problems=tuple(found.problems),
        more_problems=walked.more,
        anchors=tuple(found.anchors),
        archives=tuple(found.archives),
        proven=tuple(_proven(walked, found)) if not found.problems else (),
        not_proven=tuple(_not_proven(walked, found, absent)),
        anchor_failures=tuple(failures(reader)),
        configuration_edits=tuple(on_record(reader, MOST_EDITS)) if not found.problems else (),
    )


def _proven(walked: Walked, found: _Found) -> Iterable[str]:
    if walked.events:
        yield f"Between event 1 and event {walked.head.position} none was changed, removed, inserted or reordered."
    if found.attachments:
        yield f"{found.attachments} attachments are what their events have on record."
    if held := [archive for archive in found.archives if archive.holds]:
        yield f"{sum(archive.events for archive in held)} archived events are what the chain says stood in their place."
    if holding := [anchor for anchor in found.anchors if anchor.holds]:
        last = max(holding, key=lambda anchor: anchor.position)
        whose = "the given key" if last.trusted else f"the key {last.fingerprint}"
        yield f"Events 1 to {last.position} are those that stood there on {last.time}, as {whose} has signed."


def _not_proven(walked: Walked, found: _Found, absent: Sequence[CheckedArchive]) -> Iterable[str]:
    holding = [anchor for anchor in found.anchors if anchor.holds]
    last = max((anchor.position for anchor in holding), default=0)
    for archive in absent:
        yield f"The content of {archive.events} events in {archive.file}: the file is not there. Give it with --archive."
    if not holding:
        yield "That the newest events were not removed, and not all was written anew: only an anchor kept elsewhere shows it."
    elif last < walked.head.position:
        yield f"That none of the events after {last} was removed or written anew since: the anchor is older."
    if holding and not any(anchor.trusted for anchor in holding):
        yield "Whose key signed the anchor: compare its fingerprint with the one you keep, or give --public-key."


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
