"""Whether the process that claims a slot is at work, and its end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.adapters import identity
from orchestrator.adapters.holders import at_work, kill, liveness
from orchestrator.targets import processes

HERE = identity.here()


def test_this_process_is_at_work() -> None:
    assert at_work(HERE.host, HERE.boot_id, os.getpid(), HERE.start_ticks) is True


def test_a_process_that_has_ended_is_not() -> None:
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()

    assert at_work(HERE.host, HERE.boot_id, ended.pid, 1) is False


def test_another_process_with_the_same_number_is_not_meant() -> None:
    assert at_work(HERE.host, HERE.boot_id, os.getpid(), HERE.start_ticks + 1) is False


def test_a_restart_has_ended_every_process() -> None:
    assert at_work(HERE.host, "another-boot", os.getpid(), HERE.start_ticks) is False


def test_nothing_is_known_of_another_machine() -> None:
    assert at_work("elsewhere", HERE.boot_id, os.getpid(), HERE.start_ticks) is None


def test_a_process_of_another_container_cannot_be_seen() -> None:
    assert at_work(HERE.host, HERE.boot_id, os.getpid(), HERE.start_ticks, "pid:[1]") is None
    assert at_work(HERE.host, HERE.boot_id, os.getpid(), HERE.start_ticks, HERE.pid_namespace) is True


def test_a_restart_has_ended_those_of_every_container() -> None:
    assert at_work(HERE.host, "another-boot", os.getpid(), HERE.start_ticks, "pid:[1]") is False


def test_liveness_tells_a_stopped_process_from_one_at_work_and_a_dead_one() -> None:
    with sleeping() as (process, ticks):
        living = liveness(HERE.host, HERE.boot_id, process.pid, ticks, HERE.pid_namespace)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        stopped = liveness(HERE.host, HERE.boot_id, process.pid, ticks, HERE.pid_namespace)
        process.kill()
        process.wait()
        dead = liveness(HERE.host, HERE.boot_id, process.pid, ticks, HERE.pid_namespace)

    assert (living, stopped, dead) == ("living", "stopped", "dead")
    assert liveness("elsewhere", HERE.boot_id, process.pid, ticks, "") == "unknown"


def test_a_stopped_holder_is_killed() -> None:
    with sleeping() as (process, ticks):
        process.send_signal(signal.SIGSTOP)

        assert kill(HERE.host, HERE.boot_id, process.pid, ticks, HERE.pid_namespace) is True
        assert process.wait() == -signal.SIGKILL


def test_another_process_with_the_holders_number_is_not_killed() -> None:
    with sleeping() as (process, ticks):
        assert kill(HERE.host, HERE.boot_id, process.pid, ticks + 1, HERE.pid_namespace) is True
        assert process.poll() is None


def test_a_holder_elsewhere_is_not_killed() -> None:
    with sleeping() as (process, ticks):
        assert kill("elsewhere", HERE.boot_id, process.pid, ticks, HERE.pid_namespace) is None
        assert kill(HERE.host, HERE.boot_id, process.pid, ticks, "pid:[1]") is None
        assert process.poll() is None


@contextmanager
def sleeping() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process that does nothing, and its start time."""
    process = subprocess.Popen(["sleep", "60"])
    try:
        yield process, processes.of(process.pid).start_ticks
    finally:
        process.kill()
        process.wait()
