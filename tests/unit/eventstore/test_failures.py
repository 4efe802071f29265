"""What happens when the disk, the lock or the caller does not play along: a message, and nothing half written."""

import os
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from eventstore import NO_STREAM, Attachment, EventStore, EventStoreError, StoreUnavailable, sqlite
from eventstore.chain import verify
from eventstore.reading import open_read_only
from eventstore.sqlite import SqliteEventStore
from tests.contract.event_store_examples import Steps, event, events

NOBODY = 65534
BIG = Attachment("output", (b"x" * 100_000, b"y" * 100_000))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteEventStore]:
    store = SqliteEventStore(f"sqlite:///{path}", projections=[Steps()], busy_timeout_s=0.05)
    store.append("a", events(2), expected_version=NO_STREAM)
    yield store
    store.close()


# locked


@pytest.fixture
def holder(path: Path, store: SqliteEventStore) -> Iterator[subprocess.Popen[bytes]]:
    """Another process in the middle of writing."""
    code = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.communicate()


def test_says_that_another_program_holds_the_lock(store: SqliteEventStore, path: Path, holder: subprocess.Popen[bytes]) -> None:
    with pytest.raises(StoreUnavailable, match=r"is locked by another program .* nothing was written"):
        store.append("a", [event()], expected_version=1)
    with pytest.raises(StoreUnavailable, match="is locked by another program"):
        store.rebuild()

    holder.communicate()
    assert store.append("a", [event()], expected_version=1).version == 2


def test_reads_while_another_program_holds_the_lock(store: SqliteEventStore, path: Path, holder: subprocess.Popen[bytes]) -> None:
    reader = open_read_only(str(path))

    assert [store.version("a"), reader.version("a")] == [1, 1]
    reader.close()


def test_waits_for_another_program_to_finish(path: Path, store: SqliteEventStore, holder: subprocess.Popen[bytes]) -> None:
    patient = SqliteEventStore(f"sqlite:///{path}", busy_timeout_s=30)
    ending = threading.Timer(0.1, holder.communicate)
    ending.start()

    assert patient.append("a", [event()], expected_version=1).version == 2
    ending.join()
    patient.close()


# no space


@contextmanager
def _pages_limited(store: EventStore) -> Iterator[None]:
    """As many pages as there are, and no more: SQLite's own SQLITE_FULL."""
    ((pages,),) = store.query("PRAGMA page_count")
    store.query(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        store.query("PRAGMA max_page_count = 1000000")


@contextmanager
def _files_limited(store: EventStore) -> Iterator[None]:
    """The kernel refuses to let any file grow, in the middle of an append or at its commit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("limited", "said"), [(_pages_limited, "the disk is full"), (_files_limited, "the disk failed")], ids=["pages", "files"]
)
def test_nothing_is_half_written_when_the_disk_is_full(
    store: SqliteEventStore, limited: Callable[[EventStore], AbstractContextManager[None]], said: str
) -> None:
    before = _everything(store)

    with limited(store):
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match=said):
                store.append("a", events(3), expected_version=1, attachments=[BIG])
        in_between = _everything(store)

    assert in_between == before
    assert _everything(store) == before
    assert store.append("a", events(3), expected_version=1, attachments=[BIG]).version == 4
    assert list(store.attachments("a", "output")) == list(BIG.parts)
    assert verify(store.read_all()) == store.head()


def test_small_appends_go_on_where_a_big_one_does_not_fit(store: SqliteEventStore) -> None:
    with _pages_limited(store):
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            store.append("a", [event()], expected_version=1, attachments=[BIG])

        assert store.append("a", [event()], expected_version=1).version == 2


def _everything(store: EventStore) -> list[list[tuple[object, ...]]]:
    return [
        store.query("SELECT * FROM events"),
        store.query("SELECT * FROM attachments"),
        store.query("SELECT * FROM steps"),
        store.query("SELECT * FROM projections"),
    ]


# no permission


@contextmanager
def _without_rights() -> Iterator[None]:
    """Permissions mean nothing to root: the test goes on as nobody, as which nothing here may be written."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store in a directory that anybody may enter and nobody may write to."""
    directory = tmp_path_factory.mktemp("foreign")
    way = [directory, *directory.parents]
    modes = {item: item.stat().st_mode for item in way if item.stat().st_uid == os.geteuid() and item != Path("/")}
    for item, mode in modes.items():
        item.chmod(mode | 0o055)
    store = SqliteEventStore(f"sqlite:///{directory}/events.db")
    store.append("a", events(2), expected_version=NO_STREAM)
    store.close()
    yield directory / "events.db"
    for item, mode in modes.items():
        item.chmod(mode)


def test_names_a_store_that_may_not_be_read(foreign: Path) -> None:
    foreign.chmod(0)

    with _without_rights(), pytest.raises(StoreUnavailable, match=r"events\.db cannot be opened\. Reading needs"):
        open_read_only(str(foreign))
    with _without_rights(), pytest.raises(StoreUnavailable, match=r"events\.db cannot be opened"):
        SqliteEventStore(f"sqlite:///{foreign}")


def test_names_a_store_that_may_not_be_written(foreign: Path) -> None:
    foreign.chmod(0o444)
    foreign.parent.chmod(0o777)

    with (
        _without_rights(),
        pytest.raises(StoreUnavailable, match="cannot be written: it, its directory or its disk is read-only"),
    ):
        SqliteEventStore(f"sqlite:///{foreign}").append("a", [event()], expected_version=1)

    assert open_read_only(str(foreign)).version("a") == 1


def test_names_a_directory_that_may_not_be_written(foreign: Path) -> None:
    foreign.chmod(0o666)
    foreign.parent.chmod(0o555)

    with (
        _without_rights(),
        pytest.raises(StoreUnavailable, match=r"is read-only\. Reading needs write access to its directory"),
    ):
        open_read_only(str(foreign))
    with _without_rights(), pytest.raises(StoreUnavailable, match="it, its directory or its disk is read-only"):
        SqliteEventStore(f"sqlite:///{foreign}")
    with _without_rights(), pytest.raises(StoreUnavailable, match=r"new\.db cannot be created: Permission denied"):
        SqliteEventStore(f"sqlite:///{foreign.with_name('new.db')}")

    assert [item.name for item in foreign.parent.iterdir()] == ["events.db"]


# a disk that cannot keep a log


def test_refuses_a_disk_without_shared_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's VFS `unix-none` has none, like some network disks; the pragma then says so only in its answer."""

    def connect(path: str, _: float) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{path}?vfs=unix-none", uri=True, isolation_level=None)

    monkeypatch.setattr(sqlite, "_connect", connect)

    with pytest.raises(StoreUnavailable, match=r"cannot hold a write-ahead log .* Use a local one"):
        SqliteEventStore(f"sqlite:///{path}")


# damage


def test_names_a_store_that_is_damaged(path: Path) -> None:
    store = SqliteEventStore(f"sqlite:///{path}")
    store.append("a", [event(text="x" * 1000)] * 100, expected_version=NO_STREAM)
    store.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xab" * (len(content) - 8192)
    path.write_bytes(content)

    with pytest.raises(StoreUnavailable, match=r"events\.db is damaged \(.*\): restore a backup"):
        list(SqliteEventStore(f"sqlite:///{path}").read_all())


# the caller


def test_refuses_another_thread(store: SqliteEventStore) -> None:
    """Two threads on one connection would share a transaction, and one's ROLLBACK would let half of the other's append stand."""
    caught: list[BaseException] = []

    def append() -> None:
        try:
            store.append("b", [event()], expected_version=NO_STREAM)
        except EventStoreError as error:
            caught.append(error)

    thread = threading.Thread(target=append)
    thread.start()
    thread.join()

    assert len(caught) == 1
    assert "can only be used in that same thread" in str(caught[0])
    assert store.append("a", [event()], expected_version=1).version == 2


def test_an_interrupted_append_writes_nothing(path: Path) -> None:
    class Interrupted(Steps):
        def apply(self, *_: object) -> None:
            raise KeyboardInterrupt

    store = SqliteEventStore(f"sqlite:///{path}", projections=[Interrupted()])

    with pytest.raises(KeyboardInterrupt):
        store.append("a", events(3), expected_version=NO_STREAM)

    assert store.head().position == 0
    assert store.append("a", [event("Unrelated")], expected_version=NO_STREAM).version == 0
    store.close()


def test_a_forgotten_iterator_holds_up_nobody(store: SqliteEventStore, path: Path) -> None:
    """An open statement would pin its snapshot: the log could not be taken over, and an append after another's would fail."""
    store.append("a", events(600), expected_version=1)
    forgotten = store.read_all()
    next(forgotten)
    other = SqliteEventStore(f"sqlite:///{path}")
    other.append("b", [event()], expected_version=NO_STREAM)

    assert store.append("a", [event()], expected_version=601).version == 602
    assert other.query("PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
    other.close()


def test_a_closed_store_says_that_it_is_closed(path: Path) -> None:
    store = SqliteEventStore(f"sqlite:///{path}")
    store.close()
    store.close()

    with pytest.raises(StoreUnavailable, match="closed database"):
        store.version("a")


def test_a_refused_store_is_not_kept_open(path: Path, store: SqliteEventStore) -> None:
    store.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE projections SET version = 99")
    database.close()

    with pytest.raises(StoreUnavailable, match="read model steps is of version 99"):
        SqliteEventStore(f"sqlite:///{path}", projections=[Steps()])

    assert not [link for link in _open_files() if link.startswith(str(path))]


def _open_files() -> list[str]:
    found = []
    for item in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(item.readlink()))
        except FileNotFoundError:  # The descriptor that listed the directory.
            continue
    return found
