"""Whether the process that claims a slot is at work."""

import os
import subprocess
import sys

from orchestrator.adapters import identity
from orchestrator.adapters.holders import at_work

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
