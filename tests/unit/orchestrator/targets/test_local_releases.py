"""Copying a source to a release, keeping and pruning releases."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.excludes import Excludes
from orchestrator.targets.base import StepError
from orchestrator.targets.local_copy import Copied, copy_tree, measure, size
from orchestrator.targets.local_place import Place, Record
from orchestrator.targets.local_releases import make_release, prune, sweep
from tests.contract.harness import tree
from tests.unit.orchestrator.targets.local_world import ID, World, numbered

FACTS: dict[str, Any] = {"version": "1.0.0", "commit_sha": "abc", "deployment_id": ID, "run": None, "shared": {}}


def ignore(copied: Copied) -> None:
    """Nobody watches the copy."""


def make(
    world: World, name: str = "1.0.0-x", *, excludes: Excludes | None = None, shared: Sequence[str] = (), **facts: Any
) -> Record:
    place = world.place()
    place.claim()
    given = {**FACTS, **facts, "shared": {entry: world.project / entry for entry in shared}}
    return make_release(place, name, world.project, excludes or Excludes(), given, ignore)[0]


def test_copies_names_contents_modes_and_links(world: World) -> None:
    (world.project / "bin").mkdir(mode=0o750)
    (world.project / "bin" / "tool").write_bytes(b"\0\xff" * 1_000_000)
    (world.project / "bin" / "tool").chmod(0o4755)
    (world.project / "empty").mkdir()
    (world.project / "latest").symlink_to("bin/tool")
    (world.project / "system").symlink_to("/usr")
    (world.project / os.fsdecode(b"caf\xe9")).write_text("not UTF-8")
    (world.project / "two\nlines").write_text("odd name")

    record = make(world)

    copy = world.place().directory(record.name)
    expected = tree(world.project) | {"bin/tool": ("file", 0o100755, b"\0\xff" * 1_000_000)}
    assert tree(copy) == expected
    assert (record.files, record.bytes) == (4, 2_000_000 + len("not UTF-8odd name") + len((copy / "serve.py").read_bytes()))


def test_keeps_the_times_of_files(world: World) -> None:
    os.utime(world.project / "serve.py", (1_000_000_000, 1_000_000_000))

    record = make(world)

    assert (world.place().directory(record.name) / "serve.py").stat().st_mtime == 1_000_000_000


def test_makes_directories_that_can_be_removed_again(world: World) -> None:
    (world.project / "sealed").mkdir()
    (world.project / "sealed" / "file").write_text("x")
    (world.project / "sealed").chmod(0o555)

    record = make(world)
    (world.project / "sealed").chmod(0o755)

    assert (world.place().directory(record.name) / "sealed").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "change",
    [
        lambda project: (project / "serve.py").write_text("other"),
        lambda project: (project / "serve.py").chmod(0o755),
        lambda project: (project / "serve.py").rename(project / "served.py"),
        lambda project: (project / "more").mkdir(),
        lambda project: (project / "link").symlink_to("serve.py"),
    ],
)
def test_gives_another_digest_to_other_contents(world: World, change: Any) -> None:
    before = copy_tree(world.project, world.root / "one", Excludes(), ignore)[1]
    again = copy_tree(world.project, world.root / "two", Excludes(), ignore)[1]
    change(world.project)

    after = copy_tree(world.project, world.root / "three", Excludes(), ignore)[1]

    assert before == again
    assert after != before


def test_leaves_out_what_is_excluded(world: World) -> None:
    (world.project / ".git").mkdir()
    (world.project / ".git" / "HEAD").write_text("ref")
    (world.project / "debug.log").write_text("log")

    record = make(world, excludes=Excludes((".git", "*.log")))

    assert [path.name for path in world.place().directory(record.name).iterdir()] == ["serve.py"]


def test_leaves_out_what_is_neither_file_nor_directory_nor_link(world: World) -> None:
    os.mkfifo(world.project / "pipe")  # opening it would wait for ever
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(world.project / "sock"))

        copied, _ = copy_tree(world.project, world.root / "copy", Excludes(), ignore)

    assert copied.skipped == ["pipe", "sock"]
    assert [path.name for path in (world.root / "copy").iterdir()] == ["serve.py"]


def test_refuses_a_link_that_would_lead_elsewhere_in_the_release(world: World) -> None:
    (world.project / "lib").symlink_to("../lib")

    with pytest.raises(StepError, match=r"project/lib is a link to \.\./lib, which lies outside the source"):
        make(world)
    assert not list(world.place().releases.iterdir())
    assert measure(world.project, Excludes()).escaping == ["lib"]


def test_refuses_a_source_that_is_nested_too_deeply_to_remove_again(world: World) -> None:
    (world.project / "/".join(["d"] * 300)).mkdir(parents=True)

    with pytest.raises(StepError, match="nested deeper than 200 directories"):
        make(world)
    assert not list(world.place().releases.iterdir())


def test_refuses_to_release_nothing(world: World) -> None:
    with pytest.raises(StepError, match=r"holds nothing to release\. Check `source`, `exclude` and what `build` leaves there"):
        make(world, excludes=Excludes(("*",)))
    assert not list(world.place().releases.iterdir())


def test_measures_what_would_be_copied(world: World) -> None:
    (world.project / "sub").mkdir()
    (world.project / "sub" / "file").write_text("12345")
    (world.project / "debug.log").write_text("log")

    found = measure(world.project, Excludes(("*.log",)))

    assert (found.files, found.bytes) == (2, 5 + (world.project / "serve.py").stat().st_size)


def test_has_no_release_before_it_is_complete(world: World) -> None:
    seen: list[list[str]] = []
    place = world.place()
    place.claim()

    def tick(copied: Copied) -> None:
        seen.append(sorted(path.name for path in place.releases.iterdir()))

    make_release(place, "1.0.0-x", world.project, Excludes(), FACTS, tick)

    assert seen
    assert {tuple(names) for names in seen} == {("1.0.0-x.partial",)}
    assert sorted(path.name for path in place.releases.iterdir()) == ["1.0.0-x", "1.0.0-x.json"]


def test_removes_the_half_copy_when_it_has_to_stop(world: World) -> None:
    def tick(copied: Copied) -> None:
        if copied.bytes:
            raise StepError("time is up")

    place = world.place()
    place.claim()

    with pytest.raises(StepError, match="time is up"):
        make_release(place, "1.0.0-x", world.project, Excludes(), FACTS, tick)
    assert not list(place.releases.iterdir())


FULL_DISK = """
import sys
from pathlib import Path
from orchestrator.domain.excludes import Excludes
from orchestrator.domain.plan import Slot
from orchestrator.targets.base import StepError
from orchestrator.targets.local_place import Place
from orchestrator.targets.local_releases import make_release
place = Place(Path(sys.argv[1]), Slot("shop", "staging", "web"))
place.claim()
facts = {"version": "1", "commit_sha": None, "deployment_id": "d", "run": None, "shared": {}}
try:
    make_release(place, "1-d", Path(sys.argv[2]), Excludes(), facts, lambda copied: None)
except StepError as error:
    print(error)
print(sorted(path.name for path in place.releases.iterdir()))
"""


def test_says_that_the_disk_is_full_and_leaves_nothing_behind(world: World) -> None:
    """On a real file system of one megabyte, in a mount namespace of its own."""
    mounted = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*mounted, "true"], capture_output=True, check=False).returncode:
        mounted = ["unshare", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*mounted, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets us make no mount namespace")
    (world.project / "big.bin").write_bytes(bytes(4_000_000))
    world.srv.mkdir()
    script = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1" "$4"'

    done = subprocess.run(
        [*mounted, "sh", "-c", script, "sh", str(world.srv), sys.executable, FULL_DISK, str(world.project)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )

    message, left = done.stdout.splitlines()
    assert "cannot copy" in message
    assert f"No space left on device: {world.srv}/releases/1-d.partial/big.bin. Free some space on that disk" in message
    assert left == "[]"


def test_says_which_file_may_not_be_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: Any, *rest: Any, **more: Any) -> int:
        if path == "serve.py" and more.get("dir_fd") is not None:
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)  # root may read everything

    with pytest.raises(StepError, match=r"Permission denied: .*/project/serve\.py\. Grant access and run it again\."):
        make(world)


def test_shares_what_releases_have_in_common(world: World) -> None:
    first = make(world, "1.0.0-a", shared=["uploads", "data/files"])
    place = world.place()
    (place.directory(first.name) / "uploads" / "photo").write_text("kept")
    second = make(world, "1.1.0-b", shared=["uploads", "data/files"])

    copy = place.directory(second.name)

    assert (copy / "uploads" / "photo").read_text() == "kept"
    assert str((copy / "uploads").readlink()) == "../../shared/uploads"
    assert str((copy / "data" / "files").readlink()) == "../../../shared/data/files"


def test_starts_shared_paths_with_what_the_source_has(world: World) -> None:
    (world.project / "uploads").mkdir()
    (world.project / "uploads" / "sample").write_text("sample")
    (world.project / "app.db").write_text("empty database")
    leave_out = Excludes((), (world.project / "uploads", world.project / "app.db"))
    make(world, "1.0.0-a", shared=["uploads", "app.db"], excludes=leave_out)
    (world.srv / "shared" / "app.db").write_text("used database")

    second = make(world, "1.1.0-b", shared=["uploads", "app.db"], excludes=leave_out)

    copy = world.place().directory(second.name)
    assert (copy / "uploads" / "sample").read_text() == "sample"
    assert (copy / "app.db").read_text() == "used database"


def test_refuses_a_shared_path_below_a_link_out_of_the_release(world: World) -> None:
    (world.project / "data").symlink_to(world.root)

    with pytest.raises(StepError, match="leads its parent directory out of the release"):
        make(world, shared=["data/files"])
    assert not (world.root / "files").exists()


def test_counts_releases_instead_of_trusting_the_clock(world: World) -> None:
    for number in (3, 1, 2):
        make(world, f"1.{number}.0-x")

    assert [record.name for record in world.place().records()] == ["1.3.0-x", "1.1.0-x", "1.2.0-x"]


def test_sweeps_what_dead_deployments_left(world: World) -> None:
    made = make(world)
    place = world.place()
    place.partial("2.0.0-dead").mkdir()
    (place.partial("2.0.0-dead") / "half").write_text("half")
    place.write_record(replace(made, name="2.0.0-no-directory"))
    place.log("2.0.0-gone").write_text("old output")
    place.log(made.name).write_text("output")
    (place.releases / "1.0.0-x.json.abcd1234.new").write_text("half a record")

    swept = sweep(place)

    assert sorted(swept) == ["2.0.0-dead.partial", "2.0.0-gone.log", "2.0.0-no-directory.json"]
    assert sorted(path.name for path in place.releases.iterdir()) == ["1.0.0-x", "1.0.0-x.json"]
    assert place.log(made.name).exists()


def several(world: World, count: int) -> Place:
    for number in range(1, count + 1):
        make(world, f"1.{number}.0-x", deployment_id=numbered(number))
    return world.place()


def names(place: Place) -> list[str]:
    return [record.name for record in place.records()]


def test_keeps_the_newest_releases(world: World) -> None:
    place = several(world, 4)

    removed, problems = prune(place, 2, ())

    assert (removed, problems) == (["1.1.0-x", "1.2.0-x"], [])
    assert sorted(path.name for path in place.releases.iterdir()) == ["1.3.0-x", "1.3.0-x.json", "1.4.0-x", "1.4.0-x.json"]


def test_never_removes_what_is_protected(world: World) -> None:
    place = several(world, 4)

    removed, _ = prune(place, 1, ("1.1.0-x", "1.3.0-x"))

    assert removed == ["1.2.0-x"]
    assert names(place) == ["1.1.0-x", "1.3.0-x", "1.4.0-x"]


def test_keeps_all_while_there_are_few(world: World) -> None:
    assert prune(several(world, 2), 5, ()) == ([], [])


def test_says_what_it_could_not_remove_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    place, real = several(world, 3), Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "1.1.0-x":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, target)

    monkeypatch.setattr(Path, "rename", refuse)

    removed, problems = prune(place, 1, ())

    assert removed == ["1.2.0-x"]
    assert len(problems) == 1
    assert problems[0].startswith("1.1.0-x stays: Permission denied")


def test_says_that_it_could_not_delete_what_it_has_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    place = several(world, 2)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)

    removed, problems = prune(place, 1, ())

    assert removed == ["1.1.0-x"]
    assert len(problems) == 1
    assert problems[0].startswith("not all of what was removed could be deleted: Permission denied")
    assert names(place) == ["1.2.0-x"]


def test_says_when_a_half_copy_could_not_be_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    def full(copied: Copied) -> None:
        monkeypatch.setattr(shutil, "rmtree", refuse)
        raise OSError(28, "No space left on device")

    place = world.place()
    place.claim()

    with pytest.raises(StepError, match=r"No space left on device.* What was copied is still there: Permission denied"):
        make_release(place, "1.0.0-x", world.project, Excludes(), FACTS, full)


def test_measures_nothing_that_it_may_not_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode, **_: False)  # root may read everything

    with pytest.raises(PermissionError, match=r"serve\.py"):
        measure(world.project, Excludes())


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (4200, "4.2 kB"), (4_200_000, "4.2 MB"), (5e9, "5 GB"), (5e12, "5,000 GB")]
)
def test_says_sizes_in_words(count: float, words: str) -> None:
    assert size(count) == words
