"""A file is replaced only while it holds what was read; nobody's edit is lost, not even when we are killed."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.adapters import exchange as module
from orchestrator.adapters.exchange import ExchangeUnavailable, recover, replace_if_unchanged, write_new
from orchestrator.adapters.held_file import HeldFile
from tests.unit.orchestrator.adapters.support import NOBODY, directory_for_all, run_python, without_privileges

OLD, NEW, EDIT, LATER = b"old", b"new", b"an edit", b"a later edit"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")


@pytest.fixture
def open_file() -> Iterator[Path]:
    """The same in a directory that every user may write to."""
    with directory_for_all() as directory:
        path = directory / "deploy.json"
        path.write_bytes(OLD)
        yield path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "deploy.json"
    path.write_bytes(OLD)
    return path


def save(path: Path, contents: bytes) -> None:
    """As most editors do: write another file, rename it over."""
    other = path.with_name("editor.tmp")
    other.write_bytes(contents)
    other.replace(path)


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def before_exchange(monkeypatch: pytest.MonkeyPatch, *actions: Callable[[], object]) -> None:
    """Run one of *actions* right before each exchange, in turn."""
    left, real = list(actions), module.exchange

    def exchange(one: str, other: str) -> None:
        if left:
            left.pop(0)()
        real(one, other)

    monkeypatch.setattr(module, "exchange", exchange)


def test_an_older_edit_is_not_put_back_over_a_newer_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """We stopped for a while after the exchange: the editor has gone on and saved over ours."""
    real, exchanges = module.exchange, 0

    def slow_exchange(one: str, other: str) -> None:
        nonlocal exchanges
        exchanges += 1
        save(file, b"edit 1")
        real(one, other)
        save(file, b"edit 2, made from edit 1")

    monkeypatch.setattr(module, "exchange", slow_exchange)

    replaced = replace_if_unchanged(str(file), OLD, NEW)

    assert (replaced, exchanges) == (False, 1)
    assert file.read_bytes() == b"edit 2, made from edit 1"
    assert names(file) == ["deploy.json"]


def test_replaces_what_was_read(file: Path) -> None:
    assert replace_if_unchanged(str(file), OLD, NEW)

    assert file.read_bytes() == NEW
    assert names(file) == ["deploy.json"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o700])
def test_keeps_the_mode(file: Path, mode: int) -> None:
    file.chmod(mode)

    replace_if_unchanged(str(file), OLD, NEW)

    assert file.stat().st_mode & 0o7777 == mode


@needs_root
def test_keeps_owner_and_group(file: Path) -> None:
    os.chown(file, 4242, 4343)

    replace_if_unchanged(str(file), OLD, NEW)

    assert (file.stat().st_uid, file.stat().st_gid) == (4242, 4343)


def test_leaves_a_file_alone_that_somebody_has_changed(file: Path) -> None:
    save(file, EDIT)

    assert not replace_if_unchanged(str(file), OLD, NEW)

    assert file.read_bytes() == EDIT
    assert names(file) == ["deploy.json"]


def test_does_not_make_a_file_that_is_gone(file: Path) -> None:
    file.unlink()

    assert not replace_if_unchanged(str(file), OLD, NEW)

    assert names(file) == []


def test_does_not_make_a_file_that_goes_at_the_last_moment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before_exchange(monkeypatch, file.unlink)

    assert not replace_if_unchanged(str(file), OLD, NEW)

    assert names(file) == []


def test_puts_back_an_edit_saved_at_the_last_moment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before_exchange(monkeypatch, lambda: save(file, EDIT))

    assert not replace_if_unchanged(str(file), OLD, NEW)

    assert file.read_bytes() == EDIT
    assert names(file) == ["deploy.json"]


def test_puts_back_the_newest_when_edits_follow_each_other(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before_exchange(monkeypatch, lambda: save(file, b"1"), lambda: save(file, b"2"), lambda: save(file, b"3"))

    assert not replace_if_unchanged(str(file), OLD, NEW)

    assert file.read_bytes() == b"3"
    assert names(file) == ["deploy.json"]


@pytest.fixture
def leases(file: Path) -> None:
    with HeldFile(str(file)) as held:
        if not held.leased:
            pytest.skip("this file system has no leases")


WRITE_IN_PLACE = f"""
import sys
with open(sys.argv[1], "r+b") as file:
    print("opened", flush=True)
    sys.stdin.readline()
    file.write({EDIT!r})
"""
OVERWRITE = f"import sys; open(sys.argv[1], 'wb').write({LATER!r})"
READ = "import sys; print(open(sys.argv[1]).read())"


def start(code: str, file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def start_until_it_waits(code: str, file: Path) -> subprocess.Popen[str]:
    """Until the kernel makes the process wait for our lease on what *file* is now."""
    process, inode = start(code, file), f":{file.stat().st_ino} "
    while not any("BREAK" in line and inode in line for line in Path("/proc/locks").read_text().splitlines()):
        assert process.poll() is None
    return process


@pytest.mark.usefixtures("leases")
def test_leaves_a_file_to_somebody_who_has_it_open_for_writing(file: Path) -> None:
    writer = start(WRITE_IN_PLACE, file)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "opened\n"

    replaced = replace_if_unchanged(str(file), OLD, NEW)
    writer.communicate("go on\n", timeout=10)

    assert not replaced
    assert file.read_bytes() == EDIT
    assert names(file) == ["deploy.json"]


@pytest.mark.usefixtures("leases")
def test_gives_the_file_back_to_somebody_who_wants_to_write_in_place(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writers: list[subprocess.Popen[str]] = []
    before_exchange(monkeypatch, lambda: writers.append(start_until_it_waits(WRITE_IN_PLACE, file)))

    replaced = replace_if_unchanged(str(file), OLD, NEW)
    writers[0].communicate("go on\n", timeout=10)

    assert not replaced
    assert file.read_bytes() == EDIT
    assert names(file) == ["deploy.json"]


@pytest.mark.usefixtures("leases")
def test_nobody_reads_what_is_taken_back(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[subprocess.Popen[str]] = []
    before_exchange(monkeypatch, lambda: save(file, EDIT), lambda: readers.append(start_until_it_waits(READ, file)))

    replaced = replace_if_unchanged(str(file), OLD, NEW)

    assert not replaced
    assert readers[0].communicate(timeout=10)[0] == f"{EDIT.decode()}\n"
    assert file.read_bytes() == EDIT
    assert names(file) == ["deploy.json"]


@pytest.mark.usefixtures("leases")
def test_nobody_writes_into_what_is_taken_back(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writers: list[subprocess.Popen[str]] = []
    before_exchange(monkeypatch, lambda: save(file, EDIT), lambda: writers.append(start_until_it_waits(OVERWRITE, file)))

    replaced = replace_if_unchanged(str(file), OLD, NEW)
    writers[0].communicate(timeout=10)

    assert not replaced
    assert file.read_bytes() == LATER
    assert names(file) == ["deploy.json"]


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.EAGAIN])  # EAGAIN is what network file systems say
def test_looks_again_where_there_are_no_leases(file: Path, monkeypatch: pytest.MonkeyPatch, refusal: int) -> None:
    monkeypatch.setattr(HeldFile, "_lease", lambda held: refusal)
    before_exchange(monkeypatch, lambda: file.write_bytes(EDIT))

    assert not replace_if_unchanged(str(file), OLD, NEW)
    assert file.read_bytes() == EDIT
    assert replace_if_unchanged(str(file), EDIT, NEW)
    assert file.read_bytes() == NEW


def test_gives_up_when_edits_never_end_and_loses_none(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_S", 0.05)
    count = iter(range(1_000_000))
    before_exchange(monkeypatch, *[lambda: save(file, str(next(count)).encode())] * 100_000)

    with pytest.raises(TimeoutError, match="again and again"):
        replace_if_unchanged(str(file), OLD, NEW)

    last = str(next(count) - 1).encode()
    beside = [entry.read_bytes() for entry in file.parent.iterdir() if ".pop-deploy-" in entry.name]
    assert last in (file.read_bytes(), *beside)


def test_does_without_exchange_where_there_is_none(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "exchange", no_exchange)

    assert replace_if_unchanged(str(file), OLD, NEW)
    assert not replace_if_unchanged(str(file), OLD, b"newer")

    assert file.read_bytes() == NEW
    assert names(file) == ["deploy.json"]


def no_exchange(one: str, other: str) -> None:
    raise ExchangeUnavailable(errno.EINVAL, "not here")


def test_a_file_that_says_read_only_is_not_renamed_over(open_file: Path) -> None:
    os.chown(open_file, NOBODY if os.geteuid() == 0 else -1, -1)
    open_file.chmod(0o444)

    with pytest.raises(PermissionError, match="not writable"):
        without_privileges(lambda: replace_if_unchanged(str(open_file), OLD, NEW))

    assert open_file.read_bytes() == OLD
    assert names(open_file) == ["deploy.json"]


@needs_root
def test_keeps_the_group_of_a_file_shared_in_a_team(open_file: Path) -> None:
    os.chown(open_file, 4242, NOBODY)
    open_file.chmod(0o664)

    assert without_privileges(lambda: replace_if_unchanged(str(open_file), OLD, NEW))

    assert open_file.stat().st_gid == NOBODY
    assert open_file.stat().st_mode & 0o777 == 0o664


@needs_root
def test_refuses_when_neither_owner_nor_group_can_be_kept(open_file: Path) -> None:
    os.chown(open_file, 4242, 4343)
    open_file.chmod(0o666)

    with pytest.raises(PermissionError):
        without_privileges(lambda: replace_if_unchanged(str(open_file), OLD, NEW))

    assert open_file.read_bytes() == OLD
    assert names(open_file) == ["deploy.json"]


def test_never_writes_over_what_is_there(file: Path) -> None:
    with pytest.raises(FileExistsError):
        write_new(str(file), NEW, 0o600)

    assert file.read_bytes() == OLD


DIE_AFTER_EXCHANGE = f"""
import os, signal, sys
from pathlib import Path
from orchestrator.adapters import exchange as module
path, edited = sys.argv[1], sys.argv[2] == "edited"
real = module.exchange
def exchange(one, other):
    if edited:
        Path(path + "~").write_bytes({EDIT!r})
        os.replace(path + "~", path)
    real(one, other)
    os.kill(os.getpid(), signal.SIGKILL)
module.exchange = exchange
module.replace_if_unchanged(path, {OLD!r}, {NEW!r})
"""


def test_an_edit_comes_back_where_there_are_no_leases(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_python(DIE_AFTER_EXCHANGE, file, "edited")
    monkeypatch.setattr(HeldFile, "_lease", lambda held: errno.EAGAIN)

    recover(str(file))

    assert file.read_bytes() == EDIT
    assert names(file) == ["deploy.json"]


def test_an_edit_pushed_aside_by_a_killed_process_comes_back(file: Path) -> None:
    died = run_python(DIE_AFTER_EXCHANGE, file, "edited")
    assert (died.returncode, file.read_bytes()) == (-signal.SIGKILL, NEW)

    kept = recover(str(file))

    assert file.read_bytes() == EDIT
    assert (kept, names(file)) == ((), ["deploy.json"])


def test_an_edit_pushed_aside_is_kept_beside_a_newer_one(file: Path) -> None:
    run_python(DIE_AFTER_EXCHANGE, file, "edited")
    save(file, LATER)

    kept = recover(str(file))

    assert file.read_bytes() == LATER
    assert [Path(name).read_bytes() for name in kept] == [EDIT]
    assert names(file) == ["deploy.json", Path(kept[0]).name]


def test_a_killed_process_that_lost_nothing_is_only_cleared_away(file: Path) -> None:
    run_python(DIE_AFTER_EXCHANGE, file, "unchanged")
    assert len(names(file)) == 2

    assert recover(str(file)) == ()

    assert file.read_bytes() == NEW
    assert names(file) == ["deploy.json"]


def test_sweeps_what_was_written_in_part_and_what_was_never_swapped_in(file: Path) -> None:
    mine = file.parent / ".deploy.json.pop-deploy-0a1b2c3d"
    mine.with_name(f"{mine.name}.part").write_bytes(b"hal")
    mine.with_name(f"{mine.name}-{module.digest(OLD)}-{module.digest(NEW)}").write_bytes(NEW)
    (file.parent / ".deploy.json.swp").write_bytes(b"an editor's")

    recover(str(file))

    assert names(file) == [".deploy.json.swp", "deploy.json"]


def test_backups_of_one_second_have_different_names(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "gmtime", lambda: (2026, 3, 18, 14, 30, 22, 2, 77, 0))
    made = []
    for _ in range(3):
        made.append(module.backup_name(str(file)))
        Path(made[-1]).touch()

    assert [Path(name).name for name in made] == [
        "deploy.json.bak-20260318T143022Z",
        "deploy.json.bak-20260318T143022Z-2",
        "deploy.json.bak-20260318T143022Z-3",
    ]
