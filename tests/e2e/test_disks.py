"""Disks that do not do what a store needs, really mounted: network, full, read-only. A message that says where, what and what
next, a true exit code, and no lost event. The table of all hostile surroundings: test_surroundings.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e import disks
from tests.e2e.faked import EFFECT, FAKE, LIVE, effects, said
from tests.e2e.holding import held_at
from tests.e2e.project import DEADLINE_S, Project, ended

pytestmark = pytest.mark.e2e


# network disk


def test_a_store_on_a_network_disk_is_refused_with_what_to_use_instead(fake: Project) -> None:
    with disks.network(fake.root / "nfs") as directory:
        store = f"sqlite:///{directory}/events.db"
        refused = fake.run(*FAKE, "--store", store)
        by_environment = fake.run(*FAKE, "--json", POP_DEPLOY_STORE=store)
        left = list(directory.iterdir())

    assert (refused.code, by_environment.code, left, effects(fake)) == (1, 1, [], [])
    assert f"{directory}/events.db is on a network disk (fuse.sshfs)" in said(refused)
    assert "--store postgresql+psycopg://" in said(refused) and "--store sqlite:////" in said(refused)
    assert by_environment.json()["error"]["kind"] == "StoreUnavailable"


@pytest.mark.parametrize("kind", ["tmpfs", "overlay"])
def test_a_disk_of_a_container_is_a_local_one(fake: Project, kind: str) -> None:
    place = fake.root / "store"
    with disks.small(place, 20_000) if kind == "tmpfs" else disks.overlay(place, fake.root / "layers"):
        done = fake.run(*FAKE, "--store", f"sqlite:///{place}/events.db")

    assert done.code == 0, said(done)


# full disk


@pytest.fixture
def cramped(fake: Project) -> Iterator[Project]:
    """Its data directory is a disk of two megabytes, and something is planned already."""
    kept = fake.deploy_json.read_bytes()
    with disks.small(fake.data, 2000):
        fake.deploy_json.write_bytes(kept)
        assert fake.run("prepare", "--target", "fake").code == 0
        yield fake


def test_on_a_full_disk_nothing_is_begun(cramped: Project) -> None:
    ballast = disks.fill(cramped.data)
    refused = cramped.run(*FAKE)
    ballast.unlink()
    done = cramped.run(*FAKE)

    assert (refused.code, done.code, effects(cramped)) == (1, 0, ["step-1", "step-2"]), said(done)
    assert f"{cramped.data}/events.db: the disk is full: nothing was written. Free some space" in said(refused)


def test_what_has_begun_has_its_room_on_a_disk_that_fills_up_meanwhile(cramped: Project) -> None:
    with held_at(cramped, EFFECT, *FAKE) as (process, gate):
        disks.fill(cramped.data)
        gate.open()
        done = ended(process)

    assert (done.code, effects(cramped), cramped.last.state) == (0, ["step-1", "step-2"], State.VERIFIED), said(done)
    assert "deploy.json: cannot be written: No space left on device. Free some space. The events are safe" in done.err
    assert "History updated" not in done.out


def test_without_room_for_an_intent_its_effect_is_not_made(cramped: Project) -> None:
    cramped.fake(steps=100)
    ballast = disks.fill(cramped.data, leave=300_000)
    stopped = cramped.run(*FAKE)
    ballast.unlink()
    _widen(cramped.data)
    before, deployment = effects(cramped), cramped.last
    resumed = cramped.run("resume")

    assert stopped.code == 8, said(stopped)
    assert "the disk is full: nothing was written. Free some space, then go on with resume." in said(stopped)
    assert stopped.last_line.startswith(f"Next: pop-deploy resume {deployment.id}")
    assert deployment.forward is not None
    intents = [name for name, record in deployment.forward.records.items() if record.attempt]
    assert 0 < len(before) < 100
    assert before == intents[: len(before)] and len(intents) - len(before) <= 1
    assert (resumed.code, effects(cramped)) == (0, [f"step-{number}" for number in range(1, 101)]), said(resumed)


def test_an_outcome_that_finds_no_room_is_found_by_resume(cramped: Project) -> None:
    cramped.configure(local={"config": {"path": "../the place", "source": "public", "build": _printing(2_000_000)}})
    with held_at(cramped, "orchestrator.services.step_runner:_succeeded", *LIVE) as (process, gate):
        ballast = disks.fill(cramped.data)
        gate.open()
        stopped = ended(process)
    ballast.unlink()
    _widen(cramped.data)
    resumed = cramped.run("resume")

    assert stopped.code == 8, said(stopped)
    assert "the disk is full: nothing was written" in said(stopped)
    assert resumed.code == 0, said(resumed)
    assert "Building: was done before (its command ended with exit code 0)" in resumed.out
    assert len(cramped.run("logs", "latest", "build").out) > 2_000_000
    assert cramped.live == "hello"


def test_output_that_finds_no_room_disturbs_nothing_and_what_was_kept_is_shown(fake: Project) -> None:
    fake.configure(local={"config": {"path": "../the place", "source": "public", "build": _printing(2_000_000)}})
    with disks.small(fake.root / "state", 400) as state:
        done = fake.run(*LIVE, XDG_STATE_HOME=str(state))
        logs = fake.run("logs", "latest", "build")

    assert (done.code, fake.live) == (0, "hello"), said(done)
    assert 100_000 < len(logs.out) < 500_000


def test_a_deploy_json_without_room_is_written_by_the_next_command(fake: Project) -> None:
    kept = fake.deploy_json.read_bytes()
    store = ("--store", f"sqlite:///{fake.root}/events.db")
    with disks.small(fake.data, 100):
        fake.deploy_json.write_bytes(kept)
        (fake.data / "locks").mkdir()
        ballast = disks.fill(fake.data)
        done = fake.run(*FAKE, *store)
        without = json.loads(fake.deploy_json.read_text()).get("history", [])
        ballast.unlink()
        fake.run("prepare", "--target", "fake", *store)
        written = fake.history

    assert (done.code, without) == (0, []), said(done)
    assert "deploy.json: cannot be written: No space left on device. Free some space." in done.err
    assert [record["status"] for record in written] == ["success"]


def _printing(size: int) -> list[str]:
    """A command that prints so many bytes that cannot be compressed."""
    script = f"import os, sys\nfor _ in range({size} // 1000): sys.stdout.write(os.urandom(500).hex())"
    return [sys.executable, "-S", "-c", script]


def _widen(directory: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=20m", str(directory)], check=True, timeout=DEADLINE_S)


# read-only disk


def test_on_a_read_only_disk_nothing_is_begun_and_reading_says_what_it_needs(live: Project) -> None:
    live.fake(steps=2)
    before = live.deploy_json.read_bytes()
    with disks.read_only(live.data):
        refused = live.run(*FAKE)
        reading = live.run("history")
        asked = live.run("execute", "--mode", "dry_run", "--json")

    assert (refused.code, reading.code, asked.code, effects(live)) == (1, 1, 1, [])
    for done in (refused, reading, asked):
        assert f"{live.data}/events.db cannot be" in said(done) or f"{live.data}/events.db" in said(done)
        assert "Reading needs write access to its directory as well" in said(done)
    assert asked.json()["success"] is False
    assert (live.deploy_json.read_bytes(), live.run("history").code) == (before, 0)
