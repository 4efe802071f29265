"""`store archive`, `store copy` and `store backup` as real processes: killed at any time, and beside a busy writer."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from eventstore import Attachment, NewEvent
from eventstore.archive_file import ArchiveFile
from eventstore.reading import open_read_only
from eventstore.sqlite import SqliteEventStore
from orchestrator.domain.ids import id_of
from orchestrator.projections.registry import inline
from tests.e2e.project import COMMAND, Project
from tests.published import check_printed
from tests.unit.orchestrator.histories import Clock, World

pytestmark = pytest.mark.e2e

DEPLOYMENTS = 120


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with many old deployments, each with some output."""
    clock = Clock("2024-03-18T14:30:22+00:00")
    with closing(SqliteEventStore(f"sqlite:///{tmp_path}/events.db", projections=inline(), now=clock)) as opened:
        world = World(opened, clock)
        for number in range(DEPLOYMENTS):
            world.deployment(version=f"1.{number}.0").to_verified()
    return tmp_path / "events.db"


def pop_deploy(store: Path, *arguments: str, after_s: float | None = None) -> subprocess.CompletedProcess[str]:
    """Runs it on *store*; killed after *after_s* seconds if that is given."""
    url = ["--store", f"sqlite:///{store}"] if "copy" not in arguments else []
    child = subprocess.Popen(
        [COMMAND, *arguments, *url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=store.parent
    )
    if after_s is not None:
        time.sleep(after_s)  # the instant is the subject of the test
        child.send_signal(signal.SIGKILL)
    out, err = child.communicate(timeout=60)
    if child.returncode >= 0:
        check_printed(arguments, out)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def events(store: Path) -> list[tuple[object, ...]]:
    with closing(open_read_only(str(store))) as reader:
        return list(reader.read_all())


def test_an_archive_that_was_killed_again_and_again_loses_nothing(store: Path) -> None:
    before, file, killed = events(store), store.parent / "old.archive", 0
    for instant in range(1, 400):
        ended = pop_deploy(store, "store", "archive", "--before", "2025-01-01", str(file), after_s=instant * 0.02)
        killed += ended.returncode == -signal.SIGKILL
        now = events(store)
        if file.exists():
            with closing(ArchiveFile(str(file))) as opened:
                kept = {event.position: event for stream in opened.streams() for event in opened.read_stream(stream)}
        else:
            kept = {}
        assert [event if event.data else kept[event.position] for event in now[: len(before)]] == before  # type: ignore[attr-defined]
        if ended.returncode == 0:
            break

    assert killed > 3
    assert pop_deploy(store, "audit", "verify").returncode == 0
    assert pop_deploy(store, "store", "check").returncode == 0
    assert sum(1 for event in events(store) if not event[6]) > len(before) / 2


def test_a_copy_that_was_killed_goes_on_and_ends_equal(store: Path) -> None:
    target, killed = store.parent / "copy.db", 0
    words = ("store", "copy", "--from", f"sqlite:///{store}", "--to", f"sqlite:///{target}")
    for instant in range(1, 400):
        ended = pop_deploy(store, *words, after_s=0.1 + instant * 0.02)
        killed += ended.returncode == -signal.SIGKILL
        if ended.returncode == 0:
            break

    assert killed > 3
    assert events(target) == events(store)
    assert pop_deploy(target, "store", "check").returncode == 0


def test_a_backup_beside_a_busy_writer_is_consistent(store: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with closing(SqliteEventStore(f"sqlite:///{store}")) as busy:
            version = -1
            while not stop.is_set():
                new = [NewEvent("X", b"{}")]
                output = Attachment(f"a{version}", (b"x" * 9000,))
                version = busy.append("busy", new, expected_version=version, attachments=[output]).version

    writer = threading.Thread(target=write)
    writer.start()
    try:
        results = [pop_deploy(store, "store", "backup", str(store.parent / f"backup-{number}.db")) for number in range(3)]
    finally:
        stop.set()
        writer.join()

    assert [ended.returncode for ended in results] == [0, 0, 0], results
    whole = events(store)
    lengths = [
        len(copied) for number in range(3) if (copied := events(store.parent / f"backup-{number}.db")) == whole[: len(copied)]
    ]
    assert len(lengths) == 3
    assert lengths[0] < lengths[-1]


def test_an_archived_deployment_is_said_to_be_archived(store: Path) -> None:
    pop_deploy(store, "store", "archive", "--before", "2025-01-01", str(store.parent / "old.archive"))
    with closing(ArchiveFile(str(store.parent / "old.archive"))) as opened:
        moved = next(iter(opened.streams()))

    ended = pop_deploy(store, "show", id_of(moved), "--json")

    assert ended.returncode == 2
    assert "was moved to the archive" in json.loads(ended.stdout)["error"]["message"]


def test_a_configured_receiver_gets_the_head_after_each_deployment_and_its_failure_fails_nothing(live: Project) -> None:
    live.configure(top={"audit": {"anchor_file": "../anchors.jsonl"}})
    live.set_version("1.1.0")
    good = live.run("execute", "--mode", "deploy", "--yes")
    live.configure(top={"audit": {"anchor_command": ["./missing"]}})
    live.set_version("1.2.0")
    bad = live.run("execute", "--mode", "deploy", "--yes")

    verified = live.run("audit", "verify", "--anchor", str(live.root / "anchors.jsonl"))

    assert (good.code, bad.code, verified.code) == (0, 0, 0), bad.err
    assert good.err == ""
    assert "the signed head (event" in bad.err and "./missing: No such file" in bad.err
    assert "are those that stood there" in verified.out
    assert "Heads that were not delivered:" in verified.out
