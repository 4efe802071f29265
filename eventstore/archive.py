"""Moving whole old streams out of a SQLite store into a file: `archive`. Nothing is deleted: the chain keeps every event's place.

What stays of an event is a tombstone (`chain.tombstone`): position, stream, version, time and both hashes. So the chain still
links from the first event to the newest, and an archived event is proven by its content in the file, whose hash the store has.

Order, so that a kill at any instant loses nothing: the file is written beside its name, read back and compared, made durable and
named; then, in one transaction, the streams become tombstones, the note of it is appended and the read models are folded anew
from what is left. Killed before the last, the store is untouched: the same call goes on with the file that is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from typing import NamedTuple

from eventstore import archive_file
from eventstore.archive_file import ArchiveFile
from eventstore.archived import ArchiveNote, notes
from eventstore.backup import new_file
from eventstore.errors import EventStoreError
from eventstore.sqlite import SqliteEventStore

Choose = Callable[[], Collection[str]]
"""The streams that may be archived now, in the order in which they are to be written."""


class NothingToArchive(EventStoreError):
    """No stream may be archived: nothing was done."""


class ArchiveRefused(EventStoreError):
    """The file cannot be used, or the store has changed meanwhile: nothing was moved."""


class Archived(NamedTuple):
    """*already*: an earlier call had done it; *resumed*: the file was there, its streams were moved now."""

    note: ArchiveNote
    already: bool
    resumed: bool


def archive(
    store: SqliteEventStore,
    file: str,
    before: str,
    choose: Choose,
    *,
    check: Callable[[], object] = lambda: None,
    progress: Callable[[str, int], None] = lambda phase, done: None,
) -> Archived:
    """Move the streams that *choose* names to *file*, or finish moving those that *file* holds already.

    Args:
        file: A new one, or one that an interrupted call has left.
        before: Recorded with the streams: they had ended by then.
        choose: Asked at the beginning, and again inside the transaction: what may not be archived any more stays.
        check: Its answer must be the same before and after, else nothing is moved.
        progress: Told what is done (writing, checking) and how many events of it.

    Raises:
        NothingToArchive, ArchiveRefused: Nothing was moved.
        NotAnArchive, BackupFailed: Nothing was moved: *file* is something else, or cannot be written.
    """
    path = os.path.abspath(file)  # noqa: PTH100
    resumed = os.path.lexists(path)
    if not resumed:
        _write(store, path, before, choose, progress)
    with closing(ArchiveFile(path)) as opened:
        note = _note(store, opened)
        if any(known.digest == note.digest for known in notes(store)):
            return Archived(note, already=True, resumed=False)
        _require_intact(store, opened, progress)
    store.bury(note.streams, note.to_events(), allowed=lambda: _require_allowed(note.streams, choose), check=check)
    return Archived(note, already=False, resumed=resumed)


def _write(store: SqliteEventStore, path: str, before: str, choose: Choose, progress: Callable[[str, int], None]) -> None:
    streams = choose()
    if not streams:
        raise NothingToArchive(f"nothing may be archived: no deployment ended before {before} that is not needed any more")
    with new_file(path) as partial:
        archive_file.write(partial, store, streams, before, lambda done: progress("writing", done))
        with closing(ArchiveFile(partial)) as written:
            _require_intact(store, written, progress)


def _note(store: SqliteEventStore, opened: ArchiveFile) -> ArchiveNote:
    if opened.store_id != store.store_id:
        raise ArchiveRefused(f"{opened.path} is an archive of another store. Name another file.")
    return ArchiveNote(opened.digest(), opened.path, "", opened.before, opened.streams(), opened.parts())


def _require_intact(store: SqliteEventStore, opened: ArchiveFile, progress: Callable[[str, int], None]) -> None:
    """Every event in the file has its recorded hash and is the whole stream; every attachment is byte for byte the store's."""
    problem = next(opened.problems(store, lambda done: progress("checking", done)), None)
    if problem is not None:
        place = f"event {problem.position} ({problem.stream})"
        raise ArchiveRefused(
            f"{place}: {problem.message}. Nothing was moved. Remove the file and try again, or: pop-deploy audit verify"
        )
    for stream in opened.streams():
        mine = [(name, *store.attachments(stream, name)) for _, name in store.attached(stream)]
        there = [(name, *opened.attachments(stream, name)) for _, name in opened.attached(stream)]
        if mine != there:
            raise ArchiveRefused(f"{opened.path}: the attachments of {stream} are not those of the store. Nothing was moved.")


def _require_allowed(streams: Mapping[str, int], choose: Choose) -> None:
    kept = sorted(streams.keys() - set(choose()))
    if kept:
        raise ArchiveRefused(
            f"{', '.join(kept[:3])}: in use again, it has to stay. Nothing was moved. Archive into another file."
        )
