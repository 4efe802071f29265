"""Whose a directory is, and how `current` moves."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.domain.plan import Slot
from orchestrator.targets.base import ForeignResource, StepError, Unreachable
from orchestrator.targets.local_place import MARKER, Record, release_name, write_json
from tests.unit.orchestrator.targets.local_world import ID, World

OTHER = Slot("shop", "production", "web")
RECORD = Record(
    name="1.0.0-x", version="1.0.0", commit_sha=None, deployment_id=ID, sequence=1, digest="sha256:1", files=1, bytes=1, run=None
)


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("1.2.0", f"1.2.0-{ID}"),
        ("1.2.0+build.5", f"1.2.0+build.5-{ID}"),
        ("release/1.2", f"release_1.2-{ID}"),
        ("../../etc", f"_.._etc-{ID}"),
        ("..", f"_-{ID}"),
        ("-rf", f"rf-{ID}"),
    ],
)
def test_makes_a_harmless_directory_name_of_any_version(version: str, name: str) -> None:
    assert release_name(version, ID) == name


def test_is_nobodys_before_it_exists_and_while_it_is_empty(world: World) -> None:
    before = world.place().is_ours()
    world.srv.mkdir()

    assert not before
    assert not world.place().is_ours()


def test_lets_an_administrator_prepare_shared_files(world: World) -> None:
    (world.srv / "shared").mkdir(parents=True)

    assert not world.place().is_ours()


def test_is_ours_once_claimed_and_not_another_slots(world: World) -> None:
    world.place().claim()

    assert world.place().is_ours()
    with pytest.raises(ForeignResource, match=r"belongs to shop staging/web\. Give production/web a path of its own"):
        world.place(OTHER).is_ours()


def test_refuses_a_directory_with_foreign_contents(world: World) -> None:
    world.srv.mkdir()
    (world.srv / "index.html").write_text("somebody's")

    with pytest.raises(ForeignResource, match="is not empty and has no marker of ours"):
        world.place().claim()
    assert [path.name for path in world.srv.iterdir()] == ["index.html"]


def test_refuses_a_file_in_its_place(world: World) -> None:
    world.srv.write_text("a file")

    with pytest.raises(ForeignResource):
        world.place().is_ours()


def test_refuses_a_marker_that_it_cannot_read(world: World) -> None:
    world.srv.mkdir()
    (world.srv / MARKER).write_text("{")

    with pytest.raises(ForeignResource):
        world.place().is_ours()


def test_takes_over_another_slots_place_when_told_to(world: World) -> None:
    world.place().claim()

    world.place(OTHER, adopt=True).claim()

    assert world.place(OTHER).is_ours()
    with pytest.raises(ForeignResource):
        world.place().is_ours()


def test_lets_one_of_several_slots_win_a_new_place(world: World) -> None:
    slots = [Slot("shop", f"env{number}", "web") for number in range(8)]
    barrier, winners = threading.Barrier(len(slots)), []

    def claim(slot: Slot) -> None:
        barrier.wait()
        try:
            world.place(slot).claim()
            winners.append(slot)
        except (ForeignResource, OSError):
            return

    threads = [threading.Thread(target=claim, args=(slot,)) for slot in slots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(winners) == 1
    assert world.place(winners[0]).is_ours()


def test_says_that_it_may_not_be_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.srv.mkdir()

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)  # as root, who runs these tests in CI, may read everything

    with pytest.raises(Unreachable, match=r"cannot read .*/srv: Permission denied"):
        world.place().is_ours()


def test_keeps_records_apart_by_slot_and_by_directory(world: World) -> None:
    place = world.place()
    place.claim()
    place.directory(RECORD.name).mkdir()
    place.write_record(RECORD)
    place.write_record(replace(RECORD, name="no-directory"))

    assert place.record(RECORD.name) == RECORD
    assert place.record("no-directory") is None
    assert world.place(OTHER).record(RECORD.name) is None
    assert place.records() == [RECORD]


def test_switches_without_a_moment_without_current(world: World) -> None:
    place = world.place()
    place.claim()
    for name in ("a", "b"):
        place.directory(name).mkdir()
        place.write_record(replace(RECORD, name=name))
    place.switch("a")
    stop, missing = threading.Event(), []

    def watch() -> None:
        while not stop.is_set():
            if not (place.current / ".").is_dir():
                missing.append(1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(200):
        place.switch("b")
        place.switch("a")
    stop.set()
    watcher.join()

    assert not missing
    assert place.current_name() == "a"
    assert str(place.current.readlink()) == "releases/a"


def test_replaces_what_a_killed_switch_left(world: World) -> None:
    place = world.place()
    place.claim()
    place.directory(RECORD.name).mkdir()
    place.write_record(RECORD)
    (place.root / ".current.new").symlink_to("releases/half")

    place.switch(RECORD.name)

    assert place.current_name() == RECORD.name
    assert not (place.root / ".current.new").is_symlink()


def test_refuses_to_replace_a_real_directory(world: World) -> None:
    place = world.place()
    place.claim()
    place.current.mkdir()

    with pytest.raises(StepError, match="is a directory, not a link: move it away"):
        place.switch("a")
    assert place.current.is_dir()


@pytest.mark.parametrize("target", ["/somewhere/else", "releases/unknown", "releases/../srv", "elsewhere"])
def test_refuses_a_current_that_it_has_not_made(world: World, target: str) -> None:
    place = world.place()
    place.claim()
    place.current.symlink_to(target)

    with pytest.raises(ForeignResource, match="which staging/web has not made"):
        place.current_name()
    assert world.place(adopt=True).current_name() is None


def test_writes_whole_documents_or_nothing(world: World) -> None:
    file = world.root / "state.json"
    write_json(file, {"a": 1})

    write_json(file, {"a": 2}, mode=0o600)
    write_json(file, {"a": 3}, replace=False)

    assert json.loads(file.read_text()) == {"a": 2}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in world.root.iterdir() if path.name.startswith("state")] == ["state.json"]
