"""Slot locks on a real PostgreSQL server: they die with their session, and their holder is told."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from eventstore.postgres_connection import connect
from orchestrator.adapters import identity
from orchestrator.adapters.postgres_locks import PostgresLock, PostgresLocks
from orchestrator.adapters.signals import StopFlag
from orchestrator.domain.plan import Slot
from orchestrator.services.ports import Here

pytestmark = pytest.mark.postgres

WEB, API = Slot("shop", "production", "web"), Slot("shop", "production", "api")
HOLDER = """
import sys
from eventstore.postgres_connection import connect
from orchestrator.adapters.postgres_locks import PostgresLocks
from orchestrator.adapters.signals import StopFlag
from orchestrator.domain.plan import Slot
lock = PostgresLocks(lambda: connect(sys.argv[1]), StopFlag(), print).try_acquire(Slot("shop", "production", "web"))
print("held" if lock else "taken", flush=True)
sys.stdin.read()
"""


class Runner:
    """One process's view of the locks."""

    def __init__(self, url: str) -> None:
        self.stop, self.said = StopFlag(), list[str]()
        self.held: list[PostgresLock] = []
        self.sessions: list[psycopg.Connection[object]] = []
        self._url = url
        self.locks = PostgresLocks(self.connected, self.stop, self.said.append)

    def acquire(self, slot: Slot) -> PostgresLock | None:
        lock = self.locks.try_acquire(slot)
        self.held += [lock] if lock is not None else []
        return lock

    def connected(self) -> psycopg.Connection[object]:
        self.sessions.append(connect(self._url))
        return self.sessions[-1]


@pytest.fixture
def runner(postgres_url: str) -> Iterator[Callable[[], Runner]]:
    made: list[Runner] = []

    def make() -> Runner:
        made.append(Runner(postgres_url))
        return made[-1]

    yield make
    for each in made:
        for lock in each.held:  # its watch would write into a flag that is somebody else's by then
            lock.release()
        each.locks.close()
        for session in each.sessions:
            session.close()
        each.stop.close()


def test_one_session_has_a_slot_and_another_one_another(runner: Callable[[], Runner]) -> None:
    ann, bob = runner(), runner()
    web = ann.acquire(WEB)

    refused, api = bob.acquire(WEB), bob.acquire(API)

    assert web is not None
    assert (refused, api is None) == (None, False)
    web.release()
    assert bob.acquire(WEB) is not None


def test_who_asks_again_and_again_opens_no_session_each_time(runner: Callable[[], Runner]) -> None:
    ann, bob = runner(), runner()
    assert ann.acquire(WEB) is not None

    assert [bob.acquire(WEB) for _ in range(5)] == [None] * 5

    assert len(bob.sessions) == 1


def test_a_killed_process_leaves_the_slot_free(runner: Callable[[], Runner], postgres_url: str) -> None:
    root = Path(__file__).parents[4]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, postgres_url], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    ann = runner()
    before = ann.acquire(WEB)

    holder.kill()
    holder.communicate()

    assert before is None
    for _ in range(100):  # the server learns it from the socket, which takes a moment
        if ann.acquire(WEB) is not None:
            break
    else:
        pytest.fail("the lock outlived its process")


def test_a_holder_whose_session_has_ended_is_asked_to_stop(runner: Callable[[], Runner]) -> None:
    ann, bob = runner(), runner()
    assert ann.acquire(WEB) is not None
    other = bob.connected()
    other.execute("SELECT pg_terminate_backend(%s)", (ann.sessions[0].info.backend_pid,))

    ready, _, _ = select.select([ann.stop.fileno()], [], [], 5)

    assert ready
    assert ann.stop.signal == signal.SIGTERM
    assert ann.said == [f"{WEB}: the session that holds the lock was dropped by the network or the server: stopping"]
    assert bob.acquire(WEB) is not None


def test_giving_a_slot_back_stops_nobody(runner: Callable[[], Runner]) -> None:
    ann = runner()
    lock = ann.acquire(WEB)
    assert lock is not None

    lock.release()
    ready, _, _ = select.select([ann.stop.fileno()], [], [], 1.5)

    assert not ready
    assert ann.stop.signal is None


def test_a_holder_that_may_live_gets_time_to_notice_and_a_dead_one_none(runner: Callable[[], Runner]) -> None:
    locks, here = runner().locks, identity.here()
    dead = Here(here.host, here.boot_id, here.pid_namespace, here.pid, here.start_ticks - 1)
    elsewhere = Here("another-host", "another-boot", "pid:[1]", 17, 4711)

    assert locks.notice_s(dead) == 0
    assert locks.notice_s(elsewhere) > 3
    assert locks.notice_s(here) > 3
