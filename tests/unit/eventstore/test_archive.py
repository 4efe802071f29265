"""Whole old streams move to a file; the chain stays provable with it, and a kill at any instant loses nothing."""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventstore import NO_STREAM, Attachment, ChainBroken, EventStoreError
from eventstore.archive import Archived, ArchiveRefused, NothingToArchive, archive
from eventstore.archive_file import ArchiveFile, NotAnArchive
from eventstore.archived import archive_of, archived_streams, notes
from eventstore.backup import BackupFailed
from eventstore.chain import verify
from eventstore.comparing import compare
from eventstore.sqlite import SqliteEventStore
from eventstore.walking import walk
from tests.contract.event_store_examples import Steps, event, events

BEFORE = "2026-01-01T00:00:00.000000+00:00"


class KilledError(BaseException):
    """Stands for SIGKILL at one instant."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteEventStore]:
    opened = SqliteEventStore(f"sqlite:///{tmp_path}/events.db", projections=[Steps()])
    for stream in ("old-1", "new", "old-2"):
        output = Attachment("output", (stream.encode(), b"x" * 3000))
        opened.append(stream, [*events(3), event("Other")], expected_version=NO_STREAM, attachments=[output])
    opened.append("new", [event()], expected_version=3)
    yield opened
    opened.close()


@pytest.fixture
def move(store: SqliteEventStore, tmp_path: Path) -> Callable[..., Archived]:
    def run(*streams: str, file: str = "old.archive") -> Archived:
        return archive(store, str(tmp_path / file), BEFORE, lambda: streams or ("old-1", "old-2"))

    return run


def state(store: SqliteEventStore) -> list[object]:
    return [
        list(store.read_all()),
        [(*each, *store.attachments(*each)) for each in store.attached()],
        store.query("SELECT * FROM steps"),
    ]


def test_moves_whole_streams_and_keeps_their_places_in_the_chain(
    store: SqliteEventStore, move: Callable[..., Archived], tmp_path: Path
) -> None:
    before, head = list(store.read_all()), store.head()

    done = move()

    after = list(store.read_all())
    assert [(new.position, new.stream, new.version, new.time, new.previous_hash, new.hash) for new in after[:-1]] == [
        (old.position, old.stream, old.version, old.time, old.previous_hash, old.hash) for old in before
    ]
    assert [new.data for new in store.read_stream("old-1")] == [b""] * 4
    assert list(store.read_stream("new")) == [old for old in before if old.stream == "new"]
    assert list(store.attached()) == [("new", "output")]
    assert after[-1].previous_hash == head.hash
    assert dict(done.note.streams) == {"old-1": 4, "old-2": 4}
    assert stat.S_IMODE((tmp_path / "old.archive").stat().st_mode) == 0o600


def test_the_file_holds_what_was_moved(store: SqliteEventStore, move: Callable[..., Archived], tmp_path: Path) -> None:
    before = {stream: list(store.read_stream(stream)) for stream in ("old-1", "old-2")}

    move()

    with closing(ArchiveFile(str(tmp_path / "old.archive"))) as opened:
        assert {stream: list(opened.read_stream(stream)) for stream in opened.streams()} == before
        assert list(opened.attachments("old-1", "output")) == [b"old-1", b"x" * 3000]
        assert opened.digest() == notes(store)[0].digest
        assert list(opened.problems(store)) == []


def test_the_chain_is_sound_afterwards_and_says_what_only_the_archive_proves(
    store: SqliteEventStore, move: Callable[..., Archived]
) -> None:
    move()

    walked = walk(store, archived=archived_streams(store))
    assert (walked.problems, walked.tombstones, walked.head) == ((), 8, store.head())
    assert verify(store.read_all(), tombstones=True) == store.head()
    with pytest.raises(ChainBroken, match="event 1:"):
        verify(store.read_all())


def test_says_where_a_stream_went(store: SqliteEventStore, move: Callable[..., Archived], tmp_path: Path) -> None:
    move("old-1")

    note = archive_of(store, "old-1")
    assert note is not None
    assert (note.file, note.before) == (str(tmp_path / "old.archive"), BEFORE)
    assert archive_of(store, "old-2") is None


def test_read_models_equal_a_rebuild_of_what_is_left(store: SqliteEventStore, move: Callable[..., Archived]) -> None:
    move()

    assert store.query("SELECT stream, done FROM steps") == [("new", 4)]
    assert compare(store, [Steps()]).equal == ("steps",)


def test_events_stay_append_only_afterwards(store: SqliteEventStore, move: Callable[..., Archived], tmp_path: Path) -> None:
    move()

    with closing(sqlite3.connect(tmp_path / "events.db")) as editor:
        for statement in ("UPDATE events SET type = 'X'", "DELETE FROM events", "DELETE FROM attachments"):
            with pytest.raises(sqlite3.IntegrityError):
                editor.execute(statement)
    assert store.append("new", [event()], expected_version=4).version == 5


def test_a_stream_that_was_archived_cannot_begin_again(store: SqliteEventStore, move: Callable[..., Archived]) -> None:
    move()

    with pytest.raises(EventStoreError, match="old-1 is at version 3"):
        store.append("old-1", [event()], expected_version=NO_STREAM)


def test_archives_again_and_again(store: SqliteEventStore, move: Callable[..., Archived]) -> None:
    move("old-1")
    move("old-2", file="more.archive")

    assert [dict(note.streams) for note in notes(store)] == [{"old-1": 4}, {"old-2": 4}]
    assert walk(store, archived=archived_streams(store)).problems == ()


def test_a_large_archive_is_noted_in_several_events(store: SqliteEventStore, move: Callable[..., Archived]) -> None:
    names = [f"small-{number:04}" for number in range(1100)]
    for name in names:
        store.append(name, [event()], expected_version=NO_STREAM)

    move(*names)

    (note,) = notes(store)
    assert store.version("archive") == 2
    assert list(note.streams) == names


def test_does_nothing_where_nothing_may_be_archived(store: SqliteEventStore, tmp_path: Path) -> None:
    with pytest.raises(NothingToArchive):
        archive(store, str(tmp_path / "old.archive"), BEFORE, tuple)

    assert os.listdir(tmp_path) == [name for name in os.listdir(tmp_path) if name.startswith("events.db")]  # noqa: PTH208


@pytest.mark.parametrize("contents", [b"", b"mine", "store"])
def test_refuses_a_file_that_is_something_else(
    store: SqliteEventStore, move: Callable[..., Archived], tmp_path: Path, contents: bytes | str
) -> None:
    file = tmp_path / "old.archive"
    if isinstance(contents, bytes):
        file.write_bytes(contents)
    else:
        SqliteEventStore(f"sqlite:///{file}").close()
    bytes_before, before = file.read_bytes(), state(store)

    with pytest.raises(NotAnArchive):
        move()

    assert (file.read_bytes(), state(store)) == (bytes_before, before)


def test_refuses_the_archive_of_another_store(store: SqliteEventStore, move: Callable[..., Archived], tmp_path: Path) -> None:
    other = SqliteEventStore(f"sqlite:///{tmp_path}/other.db")
    other.append("old-1", events(1), expected_version=NO_STREAM)
    archive(other, str(tmp_path / "old.archive"), BEFORE, lambda: ["old-1"])
    other.close()

    with pytest.raises(ArchiveRefused, match="another store"):
        move()


def test_refuses_a_directory_where_nothing_can_be_written(store: SqliteEventStore, tmp_path: Path) -> None:
    before = state(store)

    with pytest.raises(BackupFailed, match="cannot be made"):
        archive(store, str(tmp_path / "missing" / "old.archive"), BEFORE, lambda: ["old-1"])

    assert state(store) == before


def test_moves_nothing_when_a_stream_has_grown_meanwhile(store: SqliteEventStore, tmp_path: Path) -> None:
    def grow(phase: str, done: int) -> None:
        if phase == "checking" and store.version("old-1") == 3 and (tmp_path / "old.archive").exists():
            store.append("old-1", [event()], expected_version=3)

    with pytest.raises(EventStoreError, match="has changed since"):
        archive(store, str(tmp_path / "old.archive"), BEFORE, lambda: ["old-1"], progress=grow)

    assert all(each.data for each in store.read_stream("old-1"))


def test_moves_nothing_that_came_into_use_again(store: SqliteEventStore, tmp_path: Path) -> None:
    answers = iter([["old-1", "old-2"], ["old-1"]])
    before = state(store)

    with pytest.raises(ArchiveRefused, match="old-2: in use again"):
        archive(store, str(tmp_path / "old.archive"), BEFORE, lambda: next(answers))

    assert state(store) == before


def test_moves_nothing_when_the_answer_that_must_stay_would_change(store: SqliteEventStore, tmp_path: Path) -> None:
    before = state(store)

    with pytest.raises(EventStoreError, match="nothing was moved"):
        archive(store, str(tmp_path / "a"), BEFORE, lambda: ["old-1"], check=lambda: store.query("SELECT count(*) FROM steps"))

    assert state(store) == before


@pytest.mark.parametrize("instant", range(1, 60))
def test_a_kill_at_any_statement_loses_nothing_and_the_same_call_finishes(
    store: SqliteEventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instant: int
) -> None:
    before, file = state(store), tmp_path / "old.archive"
    left = instant

    def tick(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KilledError

    original = {name: getattr(os, name) for name in ("link", "fsync", "unlink", "open")}
    for name, function in original.items():
        monkeypatch.setattr(os, name, lambda *given, _f=function, **more: (tick(), _f(*given, **more))[1])
    rebuild = store._projector.rebuild
    monkeypatch.setattr(store._projector, "rebuild", lambda *given: (tick(), rebuild(*given), tick())[1])
    killed = False
    try:
        archive(store, str(file), BEFORE, lambda: ["old-1", "old-2"], progress=tick, check=tick)
    except KilledError:
        killed = True
    monkeypatch.undo()

    if killed and not notes(store):
        assert state(store) == before
    archive(store, str(file), BEFORE, lambda: ["old-1", "old-2"])
    with closing(ArchiveFile(str(file))) as opened:
        kept = [each for stream in ("old-1", "old-2") for each in opened.read_stream(stream)]
    assert kept == [each for each in before[0] if each.stream.startswith("old")]  # type: ignore[attr-defined]
    assert len(notes(store)) == 1
    assert walk(store, archived=archived_streams(store)).problems == ()
    assert killed or instant > 20, "more instants than there are: raise the limit"


@pytest.mark.parametrize(
    "column", ["data", "metadata", "type", "time", "stream", "version", "schema_version", "hash", "previous_hash"]
)
def test_finds_what_was_changed_in_the_file(
    store: SqliteEventStore, move: Callable[..., Archived], tmp_path: Path, column: str
) -> None:
    move()
    with closing(sqlite3.connect(tmp_path / "old.archive", isolation_level=None)) as editor:
        editor.execute(f"UPDATE events SET {column} = 77 WHERE position = 2")  # noqa: S608

    with closing(ArchiveFile(str(tmp_path / "old.archive"))) as opened:
        found = [problem.kind for problem in opened.problems(store)]
        differs = opened.digest() != notes(store)[0].digest

    assert found or differs
    assert found


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE attachments SET data = x'00' WHERE part = 1",
        "DELETE FROM attachments WHERE part = 1",
        "UPDATE attachments SET name = 'x'",
    ],
)
def test_the_digest_covers_the_attachments(
    store: SqliteEventStore, move: Callable[..., Archived], tmp_path: Path, statement: str
) -> None:
    move()
    with closing(sqlite3.connect(tmp_path / "old.archive", isolation_level=None)) as editor:
        editor.execute(statement)

    with closing(ArchiveFile(str(tmp_path / "old.archive"))) as opened:
        assert opened.digest() != notes(store)[0].digest


def test_compacting_gives_room_back(store: SqliteEventStore, move: Callable[..., Archived], tmp_path: Path) -> None:
    store.append("old-3", [event()], expected_version=NO_STREAM, attachments=[Attachment("output", (os.urandom(400_000),))])
    move("old-3")
    store.query("PRAGMA wal_checkpoint(TRUNCATE)")
    before = (tmp_path / "events.db").stat().st_size

    store.compact()

    assert (tmp_path / "events.db").stat().st_size < before - 300_000
    assert store.append("new", [event()], expected_version=4).version == 5
