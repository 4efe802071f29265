"""`pop-deploy store check|backup|archive|copy|rebuild` on a real store, as a user meets them."""

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from eventstore import NO_STREAM, NewEvent
from eventstore.reading import open_read_only
from eventstore.sqlite import SqliteEventStore
from orchestrator.domain.ids import stream_of
from orchestrator.projections.registry import inline
from tests.unit.orchestrator.cli.conftest import Run
from tests.unit.orchestrator.histories import Story, World

Edit = Callable[..., None]


@pytest.fixture
def path(project: Path) -> Path:
    return project / ".claude" / "popkit" / "events.db"


@pytest.fixture
def edit(path: Path) -> Edit:
    def run(*statements: str) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as editor:
            for (name,) in editor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                editor.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                editor.execute(statement)

    return run


@pytest.fixture
def stories(world: World) -> list[Story]:
    """Eight releases a week apart, one failure, one dry run."""
    told = []
    for number in range(8):
        told.append(world.deployment(version=f"1.{number}.0").to_verified())
        world.clock.wait(days=7)
    told.append(world.deployment(version="2.0.0", mode="dry_run").to_simulated())
    return told


# check


def test_a_sound_store_passes_and_stays_as_it_is(run: Run, stories: list[Story], path: Path) -> None:
    before = path.read_bytes()

    ended = run("store", "check")

    assert ended.code == 0, ended.out
    assert "Read models that equal a rebuild: deployments, deploy_history, releases, slots, metrics" in ended.out
    assert ended.out.endswith("Result: SOUND\n")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE deployments SET actor = 'eve' WHERE version = '1.3.0'", "differs in actor"),
        ("DELETE FROM deployments WHERE version = '1.3.0'", "the row is missing"),
        ("INSERT INTO deployments (id, position) VALUES ('deploy-x', 9)", "a row that no event accounts for"),
        ("UPDATE releases SET verified = 0 WHERE version = '1.7.0'", "differs in verified"),
        ("DROP TABLE slots", "no such table: slots"),
    ],
)
def test_finds_a_read_model_that_no_rebuild_would_make(
    run: Run, stories: list[Story], edit: Edit, statement: str, words: str
) -> None:
    edit(statement)

    ended = run("store", "check")

    assert ended.code == 1
    assert words in ended.out
    assert run("store", "rebuild").code == 0
    assert run("store", "check").code == 0


def test_check_finds_a_broken_chain_and_a_damaged_file(run: Run, stories: list[Story], edit: Edit, path: Path) -> None:
    edit("UPDATE events SET time = 'x' WHERE position = 5")
    assert "CHANGED event 5" in run("store", "check").out
    edit("PRAGMA writable_schema = 1", "UPDATE sqlite_master SET rootpage = 2 WHERE name = 'events_stream_version'")
    stories[0].world.store.close()
    raw = bytearray(path.read_bytes())
    raw[4096 * 3 : 4096 * 3 + 64] = b"\xff" * 64
    path.write_bytes(bytes(raw))

    ended = run("store", "check")

    assert ended.code == 1
    assert "damaged" in ended.out + ended.err


def test_a_read_model_that_is_behind_is_no_mistake(run: Run, stories: list[Story], path: Path) -> None:
    with closing(SqliteEventStore(f"sqlite:///{path}")) as other:  # a writer that knows no read models
        other.append("more", [NewEvent("X", b"{}")], expected_version=NO_STREAM)

    ended = run("store", "check")

    assert ended.code == 0
    assert "not compared: deployments: has followed up to event" in ended.out


# backup


def test_a_backup_is_the_whole_store_private_and_readable_anywhere(
    run: Run, stories: list[Story], path: Path, tmp_path: Path
) -> None:
    file = tmp_path / "backup.db"

    ended = run("store", "backup", str(file), "--json")

    store = stories[0].world.store
    assert ended.data["events"] == store.head().position
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [name.name for name in tmp_path.iterdir() if name.name.startswith(("backup", ".backup"))] == ["backup.db"]
    with closing(open_read_only(str(file))) as reader:
        assert list(reader.read_all()) == list(store.read_all())
        assert reader.store_id == store.store_id


def test_a_backup_never_overwrites(run: Run, stories: list[Story], tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    file.write_bytes(b"mine")

    ended = run("store", "backup", str(file))

    assert ended.code == 1
    assert "exists already and is not overwritten" in ended.err
    assert file.read_bytes() == b"mine"


def test_a_backup_of_a_broken_chain_says_so(run: Run, stories: list[Story], edit: Edit, tmp_path: Path) -> None:
    edit("UPDATE events SET time = 'x' WHERE position = 5")

    ended = run("store", "backup", str(tmp_path / "backup.db"))

    assert ended.code == 1
    assert "chain is broken, and so is the backup's (event 5" in ended.out
    assert (tmp_path / "backup.db").exists()


# archive


def test_archives_what_nothing_needs_and_says_where_it_went(run: Run, stories: list[Story], tmp_path: Path, path: Path) -> None:
    file, store = tmp_path / "old.archive", stories[0].world.store

    ended = run("store", "archive", "--before", "2026-04-30", "--keep", "2", str(file), "--json")

    assert ended.code == 0, ended.err
    moved = [story for story in stories if not next(store.read_stream(stream_of(story.id))).data]
    assert [story.request.version for story in moved] == [f"1.{number}.0" for number in range(6)]
    assert ended.data["streams"] == 6
    for command in ("show", "replay", "logs"):
        refused = run(command, stories[0].id)
        assert refused.code == 2
        assert f"{stories[0].id} was moved to the archive {file}" in refused.err
    assert run("audit", "verify").code == 0
    assert run("store", "check").code == 0
    assert [row["version"] for row in run("history", "--json").data["deployments"]] == ["1.7.0", "1.6.0"]


def test_an_audit_needs_the_archive_and_takes_it_from_anywhere(run: Run, stories: list[Story], tmp_path: Path) -> None:
    file, moved = tmp_path / "old.archive", tmp_path / "elsewhere"
    run("store", "archive", "--before", "2026-04-30", str(file))
    file.rename(moved)

    without, with_it = run("audit", "verify"), run("audit", "verify", "--archive", str(moved))

    assert (without.code, with_it.code) == (1, 0)
    assert "the file is not there. Give it with --archive" in without.out
    assert without.out.endswith("Result: INCOMPLETE\n")
    assert "archived events are what the chain says stood in their place" in with_it.out


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET metadata = x'7b7d' WHERE position = (SELECT min(position) FROM events)",
        "DELETE FROM events WHERE position = (SELECT max(position) FROM events)",
        "INSERT INTO attachments VALUES ('more', 'output', 0, x'00')",
    ],
)
def test_an_audit_finds_what_was_changed_in_an_archive(run: Run, stories: list[Story], tmp_path: Path, statement: str) -> None:
    file = tmp_path / "old.archive"
    run("store", "archive", "--before", "2026-04-30", str(file))
    with closing(sqlite3.connect(file, isolation_level=None)) as editor:
        editor.execute(statement)

    ended, where_it_was_written = run("audit", "verify", "--archive", str(file)), run("audit", "verify")

    assert (ended.code, where_it_was_written.code) == (1, 1)
    assert str(file) in ended.out
    assert ended.out.endswith("Result: BROKEN\n")


def test_keeps_what_is_live_can_be_gone_back_to_or_is_unfinished(run: Run, world: World, tmp_path: Path) -> None:
    first, second = (world.deployment(version=version).to_verified() for version in ("1.0.0", "1.1.0"))
    third = world.deployment(version="1.2.0").to_verified()
    third.to_rolled_back(to=first.release)
    waiting = world.deployment(version="1.3.0").prepare(reference=first.release)
    simulated = world.deployment(version="1.4.0", mode="dry_run").to_simulated()
    world.clock.wait(days=1)

    ended = run("store", "archive", "--before", "2026-03-19", "--keep", "1", str(tmp_path / "a"))

    assert ended.code == 0, ended.err
    gone = {
        story
        for story in (first, second, third, waiting, simulated)
        if not next(world.store.read_stream(stream_of(story.id))).data
    }
    assert gone == {second, simulated}


def test_keeps_the_rollback_that_made_a_release_the_one_to_go_back_to(run: Run, world: World, tmp_path: Path) -> None:
    first, second = (world.deployment(version=version).to_verified() for version in ("1.0.0", "1.1.0"))
    third = world.deployment(version="1.2.0").to_verified().to_rolled_back(to=first.release)
    fourth = world.deployment(version="1.3.0").to_verified()
    world.clock.wait(days=1)

    ended = run("store", "archive", "--before", "2026-03-19", "--keep", "2", str(tmp_path / "a"))

    assert ended.code == 0, ended.err
    kept = [story for story in (first, second, third, fourth) if next(world.store.read_stream(stream_of(story.id))).data]
    assert kept == [first, third, fourth]


def test_refuses_dates_that_are_none_and_a_store_that_is_not_there(run: Run, project: Path, tmp_path: Path) -> None:
    for before in ("yesterday", "2026-03-18T10:00:00", "9999-01-01"):
        assert run("store", "archive", "--before", before, str(tmp_path / "a")).code == 2
    ended = run("store", "archive", "--before", "2026-03-18", str(tmp_path / "a"))

    assert ended.code == 1
    assert "nothing was recorded here yet" in ended.err


# copy


def test_copies_a_store_and_goes_on_where_it_stopped(run: Run, stories: list[Story], path: Path, tmp_path: Path) -> None:
    source, target = f"sqlite:///{path}", f"sqlite:///{tmp_path}/copy.db"
    store = stories[0].world.store
    first = run("store", "copy", "--from", source, "--to", target, "--json")
    stories[0].world.deployment(version="3.0.0").to_verified()

    second = run("store", "copy", "--from", source, "--to", target, "--json")

    assert (first.code, second.code) == (0, 0)
    assert first.data["events"] + second.data["copied_events"] == second.data["events"] == store.head().position
    with closing(SqliteEventStore(target, projections=inline())) as copied:
        assert list(copied.read_all()) == list(store.read_all())
        assert list(copied.attached()) == list(store.attached())
        assert copied.store_id == store.store_id
        for table in ("deployments", "deployments_progress", "releases", "slots", "projections"):
            assert copied.query(f"SELECT * FROM {table} ORDER BY 1") == store.query(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608


def test_refuses_to_copy_into_a_store_that_went_its_own_way(run: Run, stories: list[Story], path: Path, tmp_path: Path) -> None:
    source, target = f"sqlite:///{path}", f"sqlite:///{tmp_path}/copy.db"
    with closing(SqliteEventStore(target, projections=inline())) as other:
        World(other).deployment()
        before = other.head()

    ended = run("store", "copy", "--from", source, "--to", target)

    assert ended.code == 1
    assert "the target holds another store" in ended.err
    with closing(open_read_only(f"{tmp_path}/copy.db")) as reader:
        assert reader.head() == before


def test_copies_no_broken_chain(run: Run, stories: list[Story], path: Path, tmp_path: Path, edit: Edit) -> None:
    edit("UPDATE events SET time = 'x' WHERE position = 5")

    ended = run("store", "copy", "--from", f"sqlite:///{path}", "--to", f"sqlite:///{tmp_path}/copy.db")

    assert ended.code == 1
    assert "the chain of the source is broken at event 5" in ended.err


def test_copies_archived_streams_as_they_are(run: Run, stories: list[Story], path: Path, tmp_path: Path) -> None:
    run("store", "archive", "--before", "2026-04-30", str(tmp_path / "old.archive"))

    ended = run("store", "copy", "--from", f"sqlite:///{path}", "--to", f"sqlite:///{tmp_path}/copy.db")

    assert ended.code == 0, ended.err
    assert run("audit", "verify", "--store", f"sqlite:///{tmp_path}/copy.db").code == 0
