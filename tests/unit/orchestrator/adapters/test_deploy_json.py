"""deploy.json belongs to its user: only `history` changes, and only when it is wrong."""

import errno
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import orchestrator.config.reading  # noqa: F401 - imported lazily by what runs without privileges
from orchestrator.adapters import deploy_json as module
from orchestrator.adapters import exchange
from orchestrator.adapters.deploy_json import DeployJsonBusy, DeployJsonFile, DeployJsonUnwritable, History
from orchestrator.adapters.exclusive import exclusive
from orchestrator.config.errors import ConfigError, ConfigMissing
from tests.unit.orchestrator.adapters.deploy_json_files import RECORD, TEXT, names, say
from tests.unit.orchestrator.adapters.support import directory_for_all, without_privileges


def test_reads_what_is_there_and_changes_nothing(path: Path) -> None:
    path.chmod(0o640)

    found = DeployJsonFile(path).read()

    assert (found.raw, found.mode) == (TEXT.encode(), 0o640)
    assert found.document["x-mine"] == [1.0, 100000.0]
    assert [entry.name for entry in path.parent.iterdir()] == ["deploy.json"]


def test_a_missing_history_is_an_empty_one(path: Path) -> None:
    path.write_text("{}")

    assert DeployJsonFile(path).read_history() == []


def test_publishes_the_history_and_nothing_else(path: Path) -> None:
    published = DeployJsonFile(path).publish(say(RECORD))

    assert published.changed
    assert path.read_text() == TEXT.replace(
        "[],",
        '[\n    {\n      "target": "web",\n      "version": "1.0.0",\n      "status": "success"\n    }\n  ],',
    )


def test_shows_what_stands_there_to_whoever_renders(path: Path) -> None:
    path.write_text(json.dumps({"history": [RECORD, {"a": 1}]}))
    shown: list[History] = []

    DeployJsonFile(path).publish(shown.append)

    assert shown == [[RECORD, {"a": 1}]]


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.rstrip("\n"),
        '{"history": [], "s": "\\u00e9 \\/ é", "n": -0.0}',
        '{\n\t"targets": {"history": {"history": [1]}},\n\t"history": []\n}\n\n',
        '{"n": 9223372036854775807, "e": 1E+5, "history":\n[\n]\n}',
    ],
)
def test_keeps_every_byte_outside_the_history(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    file = DeployJsonFile(path)

    file.publish(say(RECORD))
    published = json.loads(path.read_bytes())
    file.publish(say())

    assert published == {**json.loads(text), "history": [RECORD]}
    assert path.read_bytes() == text.replace("[\n]", "[]").encode()


def test_writes_nothing_when_the_history_is_right(path: Path) -> None:
    file = DeployJsonFile(path)
    file.publish(say(RECORD))
    before = path.stat()

    published = file.publish(say(dict(reversed(RECORD.items()))))

    after = path.stat()
    assert not published.changed
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (before.st_ino, before.st_mtime_ns, before.st_ctime_ns)


def test_writes_nothing_when_told_so(path: Path) -> None:
    assert not DeployJsonFile(path).publish(lambda existing: None).changed

    assert path.read_text() == TEXT


def test_an_empty_history_is_not_added_where_there_is_none(path: Path) -> None:
    path.write_text('{"a": 1}')

    DeployJsonFile(path).publish(say())

    assert path.read_text() == '{"a": 1}'


def test_tells_true_from_one(path: Path) -> None:
    path.write_text('{"history": [{"a": 1}]}')

    DeployJsonFile(path).publish(say({"a": True}))

    assert path.read_text() == '{"history": [{"a": true}]}'


def test_never_writes_what_it_would_refuse_to_read(path: Path) -> None:
    file = DeployJsonFile(path)

    file.publish(say({"error": "no such file: \udcff\0.txt"}))

    assert file.read_history() == [{"error": "no such file: ?\ufffd.txt"}]
    assert not file.publish(say({"error": "no such file: \udcff\0.txt"})).changed


def test_refuses_to_write_a_history_that_is_too_large(path: Path) -> None:
    with pytest.raises(ConfigError, match="5 MB"):
        DeployJsonFile(path).publish(say({"error": "x" * 5_000_000}))

    assert path.read_text() == TEXT


def test_follows_a_symbolic_link_and_keeps_it(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "deploy.json"
    link.symlink_to(path)

    DeployJsonFile(link).publish(say(RECORD))

    assert link.is_symlink()
    assert json.loads(path.read_text())["history"] == [RECORD]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "stands twice"),
        ('{"history": [], "history": []}', "stands twice"),
        ("[]", "expected a JSON object, got a list"),
        ("{", "line 1, column 2"),
        ('{"history": {}}', "history: expected a list of objects"),
        ('{"history": [1]}', "history: expected a list of objects"),
        ('{"history": [{"a": 123456789012345678901234567890}]}', "64 bits"),
    ],
)
def test_leaves_a_file_alone_that_is_not_right(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    os.utime(path, (1, 1))

    with pytest.raises(ConfigError, match=message):
        DeployJsonFile(path).publish(say(RECORD))

    assert path.read_text() == text
    assert names(path) == ["deploy.json"]


def test_does_not_wait_for_a_file_that_nobody_is_saving(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("{")
    os.utime(path, (1, 1))
    monkeypatch.setattr(module.time, "sleep", lambda seconds: pytest.fail("waited"))

    with pytest.raises(ConfigError):
        DeployJsonFile(path).read()


def test_reads_again_while_somebody_is_saving(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(TEXT[:20])
    monkeypatch.setattr(module.time, "sleep", lambda seconds: path.write_text(TEXT))

    assert DeployJsonFile(path).read().raw == TEXT.encode()


def test_gives_a_half_saved_file_half_a_second(path: Path) -> None:
    path.write_text("{")
    started = time.monotonic()

    with pytest.raises(ConfigError, match="not valid JSON"):
        DeployJsonFile(path).read()

    assert 0.4 < time.monotonic() - started < 2


def test_a_missing_file_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "sleep", lambda seconds: pytest.fail("waited"))

    with pytest.raises(ConfigMissing, match="pop-deploy init"):
        DeployJsonFile(tmp_path / "deploy.json").read()


def test_publishing_waits_for_an_editor_that_has_unlinked_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.unlink()
    monkeypatch.setattr(module.time, "sleep", lambda seconds: path.write_text(TEXT))

    DeployJsonFile(path).publish(say(RECORD))

    assert json.loads(path.read_text())["history"] == [RECORD]


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), os.mkfifo])
def test_refuses_what_is_no_file(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "deploy.json")

    with pytest.raises(ConfigError, match=r"deploy\.json"):
        DeployJsonFile(tmp_path / "deploy.json").read()


def test_merges_again_with_an_edit_made_while_rendering(path: Path) -> None:
    edits = iter([TEXT.replace("1e5", "2"), TEXT.replace("1e5", "3")])

    def render(existing: History) -> History:
        if (edit := next(edits, None)) is not None:
            path.write_text(edit)
        return [RECORD]

    DeployJsonFile(path).publish(render)

    assert json.loads(path.read_text()) == {**json.loads(TEXT), "x-mine": [1.0, 3], "history": [RECORD]}


def test_gives_up_when_edits_never_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PUBLISH_S", 0.05)
    count = iter(range(1_000_000))

    def render(existing: History) -> History:
        path.write_text(json.dumps({"edit": next(count)}))
        return [RECORD]

    with pytest.raises(DeployJsonBusy, match=r"again and again.*events are safe"):
        DeployJsonFile(path).publish(render)

    assert json.loads(path.read_text()) == {"edit": next(count) - 1}


def test_waits_for_the_lock_no_longer_than_its_deadline(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PUBLISH_S", 0.05)

    with (
        exclusive(f"{path.parent}/locks/deploy.json.lock", timeout_s=1),
        pytest.raises(DeployJsonBusy, match="held by another process"),
    ):
        DeployJsonFile(path).publish(say(RECORD))

    assert path.read_text() == TEXT


def test_an_error_of_whoever_renders_is_not_taken_for_one_of_the_file(path: Path) -> None:
    def render(existing: History) -> History:
        raise OSError(errno.ENOSPC, "the store's disc is full")

    with pytest.raises(OSError, match="the store's disc") as caught:
        DeployJsonFile(path).publish(render)

    assert not isinstance(caught.value, DeployJsonUnwritable)


@pytest.fixture
def closed() -> Iterator[Path]:
    """A deploy.json whose directory others may not write to."""
    with directory_for_all() as directory:
        path = directory / "deploy.json"
        path.write_text(TEXT)
        path.chmod(0o666)
        (directory / "locks").mkdir()
        (directory / "locks").chmod(0o777)
        directory.chmod(0o555)
        yield path
        directory.chmod(0o777)


def test_says_that_nothing_is_lost_when_the_directory_is_closed(closed: Path) -> None:
    with pytest.raises(DeployJsonUnwritable, match=r"Permission denied\. Allow writing .*The events are safe"):
        without_privileges(lambda: DeployJsonFile(closed).publish(say(RECORD)))

    assert closed.read_text() == TEXT


def test_publishing_what_is_right_needs_no_permission_to_write(closed: Path) -> None:
    assert not without_privileges(lambda: DeployJsonFile(closed).publish(say())).changed


def test_says_that_nothing_is_lost_when_the_disc_is_full(tmp_path: Path) -> None:
    disc = tmp_path / "disc"
    disc.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", disc], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disc needs privileges")
    try:
        path = disc / "deploy.json"
        path.write_text(TEXT)
        with pytest.raises(DeployJsonUnwritable, match=r"No space left.*Free some space\. The events are safe"):
            DeployJsonFile(path).publish(say({"error": "x" * 20_000}))

        assert path.read_text() == TEXT
        assert names(path) == ["deploy.json"]
    finally:
        subprocess.run(["umount", disc], check=True)


def test_says_that_nothing_is_lost_when_the_file_is_a_mount_point(tmp_path: Path, path: Path) -> None:
    mounted = tmp_path / "deploy.json"
    mounted.touch()
    if subprocess.run(["mount", "--bind", path, mounted], capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting needs privileges")
    try:
        with pytest.raises(DeployJsonUnwritable, match="The events are safe"):
            DeployJsonFile(mounted).publish(say(RECORD))

        assert path.read_text() == TEXT
        assert names(mounted) == ["deploy.json", "popkit"]
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_brings_back_an_edit_that_a_killed_process_had_pushed_aside(path: Path) -> None:
    edited, published = TEXT.replace("1e5", "2"), TEXT.replace("[]", '[{"a": 1}]')
    path.write_text(published)
    digests = f"{exchange.digest(TEXT.encode())}-{exchange.digest(published.encode())}"
    path.with_name(f".deploy.json.pop-deploy-0a1b2c3d-{digests}").write_text(edited)

    DeployJsonFile(path).publish(say(RECORD))

    assert json.loads(path.read_text()) == {**json.loads(edited), "history": [RECORD]}
    assert names(path) == ["deploy.json"]
