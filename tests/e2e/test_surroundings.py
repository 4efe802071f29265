"""Hostile surroundings, in real processes: a message that says where, what and what next, a true exit code, and no lost event.

| what | end to end | below |
|---|---|---|
| store on a network disk | test_disks.py (a real FUSE mount) | unit/eventstore/test_disk.py: every kind of disk |
| full disk: start, intent, outcome, output, deploy.json | test_disks.py (a real tmpfs) | unit/eventstore/test_failures.py |
| read-only disk | test_disks.py (a real mount); test_files.py: no permission | unit/eventstore/test_failures.py |
| store locked by another program | here | unit/eventstore/test_failures.py |
| store damaged, truncated, its log removed | here | unit/eventstore/test_failures.py, test_opening.py |
| store of another program | here; test_files.py: not even a database | unit/eventstore/test_opening.py: every kind of it |
| deploy.json unreadable | here | unit/orchestrator/config/test_reading.py, adapters/test_deploy_json.py |
| clock stepping backwards | here | unit/orchestrator/services/test_clock.py: freeze, filters, metrics, order |
| command that ignores TERM | here | unit/orchestrator/adapters/test_child.py |
| command that floods | here | unit/orchestrator/adapters/test_spool.py |
| output that is not UTF-8 | here | unit/orchestrator/adapters/test_child.py |
| intent on disk before the effect | test_durable_intents.py (strace) | unit/eventstore/test_durability.py |
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.faked import EFFECT, FAKE, LIVE, effects, said
from tests.e2e.holding import held_at
from tests.e2e.project import COMMAND, DEADLINE_S, Project, ended

pytestmark = pytest.mark.e2e


# locked


def test_a_store_that_another_program_keeps_locked_stops_what_runs_and_refuses_what_begins(fake: Project) -> None:
    assert fake.run("prepare", "--target", "fake").code == 0
    with held_at(fake, EFFECT, *FAKE) as (process, gate), closing(sqlite3.connect(fake.data / "events.db")) as other:
        other.isolation_level = None
        other.execute("BEGIN EXCLUSIVE")
        beginning = fake.start("prepare", "--target", "local")
        gate.open()
        stopped, refused = ended(process), ended(beginning)
        other.execute("ROLLBACK")
    after = effects(fake)
    resumed = fake.run("resume")

    for done in (stopped, refused):
        assert "is locked by another program and did not come free in time: nothing was written. Try again." in said(done)
    assert (stopped.code, refused.code, after) == (8, 1, ["step-1"])
    assert stopped.last_line.startswith("Next: pop-deploy resume deploy-")
    assert (resumed.code, effects(fake)) == (0, ["step-1", "step-2"]), said(resumed)


# damaged, foreign


def _garbled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    path.write_bytes(content)


def _bits_flipped(path: Path) -> None:
    content, chance = bytearray(path.read_bytes()), random.Random(7)  # noqa: S311 - the same bits every time
    for _ in range(2000):
        content[chance.randrange(4096, len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [_garbled, _bits_flipped, _truncated])
def test_a_damaged_store_is_named_and_nothing_is_begun(live: Project, damage: Callable[[Path], None]) -> None:
    live.fake(steps=2)
    damage(live.data / "events.db")
    history = live.history

    deploying, reading = live.run(*FAKE), live.run("history")

    assert (deploying.code, reading.code, effects(live)) == (1, 1, [])
    for done in (deploying, reading):
        assert "events.db is damaged" in said(done) and "restore a backup" in said(done)
    assert live.history == history


def test_a_log_that_is_removed_while_a_deployment_runs_stops_it(fake: Project) -> None:
    with held_at(fake, EFFECT, *FAKE) as (process, gate):
        log = fake.data / "events.db-wal"
        log.rename(fake.data / "taken")
        gate.open()
        stopped = ended(process)
        (fake.data / "taken").rename(log)
    resumed = fake.run("resume")

    assert stopped.code == 8, said(stopped)
    assert "events.db-wal is gone" in said(stopped) and "nothing was written" in said(stopped)
    assert (resumed.code, effects(fake)) == (0, ["step-1", "step-2"]), said(resumed)


def test_a_store_of_another_program_is_named_and_left_as_it_was(fake: Project) -> None:
    store = fake.data / "events.db"
    with closing(sqlite3.connect(store)) as other:
        other.execute("CREATE TABLE customers (name)")
    before = store.read_bytes()

    done = [fake.run(*FAKE), fake.run("history"), fake.run("resume")]

    for each in done:
        assert (each.code, f"{store} is a SQLite database of something else. It was not touched" in said(each)) == (1, True)
    assert (store.read_bytes(), effects(fake)) == (before, [])


# deploy.json


def _directory(path: Path) -> None:
    path.mkdir()


def _binary(path: Path) -> None:
    path.write_bytes(b'{"project_name": "caf\xe9"}')


def _nowhere(path: Path) -> None:
    path.symlink_to("gone.json")


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100_000_000)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_directory, "is not a regular file"),
        (_binary, "expected UTF-8, got byte 0xe9 at offset 21"),
        (os.mkfifo, "is not a regular file"),
        (_nowhere, "To write one: pop-deploy init"),
        (_huge, "expected at most 5 MB"),
    ],
    ids=["directory", "not UTF-8", "pipe", "dangling link", "100 MB"],
)
def test_a_deploy_json_that_cannot_be_read_is_wrong_usage_and_events_can_still_be(
    live: Project, make: Callable[[Path], None], message: str
) -> None:
    live.deploy_json.unlink()
    make(live.deploy_json)
    before = live.deploy_json.lstat()

    began = time.monotonic()
    refused, asked, reading = live.run(*LIVE), live.run("resume", "--json"), live.run("history")
    took_s = time.monotonic() - began

    assert (refused.code, asked.code, reading.code) == (2, 2, 0), said(refused)
    assert "deploy.json" in said(refused) and message in said(refused)
    assert asked.json()["success"] is False
    assert "1.0.0" in reading.out
    assert took_s < 10
    after = live.deploy_json.lstat()
    assert (after.st_mode, after.st_size, after.st_mtime_ns) == (before.st_mode, before.st_size, before.st_mtime_ns)


# clock


def test_a_clock_that_steps_backwards_changes_neither_order_nor_durations(fake: Project, tmp_path: Path) -> None:
    """Each process believes in a time an hour before that of the one before, and each question for it goes back further."""
    believe = tmp_path / "time"
    believe.mkdir()
    (believe / "sitecustomize.py").write_text(_BACKWARDS)
    for number in range(3):
        done = fake.run(*FAKE, "--version", f"1.{number}.0", PYTHONPATH=str(believe), HOURS_BACK=str(number))
        assert done.code == 0, said(done)
    rolled = fake.run("rollback", "--target", "fake", "--yes", "--json", PYTHONPATH=str(believe), HOURS_BACK="5")
    history = fake.run("history", "--json").json()
    metrics = fake.run("metrics", "--json").json()
    replayed = fake.run("replay", "latest")

    records = [(record["version"], record["status"]) for record in fake.history]
    assert records == [("1.2.0", "rolled_back"), ("1.2.0", "success"), ("1.1.0", "success"), ("1.0.0", "success")]
    assert [row["version"] for row in history["deployments"]] == ["1.2.0", "1.1.0", "1.0.0"]
    assert (rolled.code, rolled.json()["rollback_to"]) == (0, "1.1.0")
    assert all(record["duration_ms"] >= 0 for record in fake.history)
    assert min(_numbers(metrics)) >= 0
    assert replayed.code == 0


_BACKWARDS = """
import datetime, os

asked = 0
real = datetime.datetime


class Believed(real):
    @classmethod
    def now(cls, tz=None):
        global asked
        asked += 1
        back = datetime.timedelta(hours=float(os.environ["HOURS_BACK"]), seconds=asked)
        return real.now(tz) - back


datetime.datetime = Believed
"""


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


# commands


def test_a_command_that_ignores_term_is_killed_after_the_grace_and_that_is_recorded(project: Project, tmp_path: Path) -> None:
    """Once because its time is up, once because of a signal; at the same time, because the grace is ten seconds."""
    deaf = [
        sys.executable,
        "-S",
        "-c",
        "import signal, time\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(60)",
    ]
    other = Project(tmp_path / "other")
    other.root.mkdir()
    other.make()
    for each, timeout_s in ((project, 1), (other, 600)):
        each.configure(local={"config": {"path": "../the place", "source": "public", "build": deaf}, "timeout_s": timeout_s})
    late, told = project.start(*LIVE), other.start(*LIVE)
    spools = other.root / "home" / ".local" / "state" / "pop-deploy"
    until = time.monotonic() + DEADLINE_S
    while not any(path.read_bytes() == b"deaf\n" for path in spools.rglob("out-0")):
        assert time.monotonic() < until
        time.sleep(0.02)
    told.terminate()
    timed_out, interrupted = ended(late), ended(told)

    assert (timed_out.code, interrupted.code) == (1, 8), said(timed_out) + said(interrupted)
    assert "no end after 1 s (timeout_s), stopped" in timed_out.out
    assert project.last.forward is not None
    assert project.last.forward.records["build"].exit_code == 137
    assert (project.claims(), project.live, "deaf" in project.run("logs", "latest").out) == ([], None, True)
    assert other.last.interrupted is not None and other.last.interrupted.step == "build"
    assert interrupted.last_line.startswith("Next: pop-deploy resume")


def test_a_command_that_floods_costs_neither_memory_nor_disk(project: Project) -> None:
    """Half a gigabyte, of which the head and the end are kept."""
    small, flooded = (_flood(project, megabytes) for megabytes in (1, 500))

    logs = project.run("logs", "latest", "build")
    assert flooded < 1.3 * small
    assert 5_000_000 < len(logs.out) < 10_000_000
    assert "bytes" in logs.out and "cut" in logs.out
    assert (project.data / "events.db").stat().st_size < 5_000_000


def _flood(project: Project, megabytes: int) -> int:
    """Peak memory of the deployment's own process, in kB."""
    build = ["sh", "-c", f"yes 'one line of a very talkative build' | head -c {megabytes}M"]
    project.configure(local={"config": {"path": "../the place", "source": "public", "build": build}})
    with Path(os.devnull).open("w") as null:
        process = subprocess.Popen(
            [COMMAND, *LIVE], cwd=project.path, env=project.environ(), stdin=null, stdout=null, stderr=null
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


def test_output_that_is_not_utf_8_is_kept_as_it_is_and_shown_with_replacements(project: Project) -> None:
    script = "import os, sys; os.write(1, b'caf\\xe9 \\xff\\xfe ok\\n'); os.write(2, b'd\\xe9fense\\n'); sys.exit(3)"
    project.configure(
        local={"config": {"path": "../the place", "source": "public", "build": [sys.executable, "-S", "-c", script]}}
    )

    failed, as_json = project.run(*LIVE), project.run(*LIVE, "--json")
    kept = subprocess.run(
        [COMMAND, "logs", "latest", "build"],
        cwd=project.path,
        env=project.environ(),
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )

    assert (failed.code, as_json.code) == (1, 1)
    assert "d\ufffdfense" in failed.out
    assert "d\ufffdfense" in as_json.json("deployment_result")["error"]["message"]
    assert b"caf\xe9 \xff\xfe ok\n" in kept.stdout and b"d\xe9fense\n" in kept.stdout
