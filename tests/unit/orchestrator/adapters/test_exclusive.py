"""A lock file excludes, and dies with its holder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.adapters import exclusive as module
from orchestrator.adapters.exclusive import exclusive, try_lock

HOLDER = """
import sys
from orchestrator.adapters.exclusive import exclusive
with exclusive(sys.argv[1], timeout_s=1):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def lock(tmp_path: Path) -> str:
    return str(tmp_path / "locks" / "file.lock")


def test_makes_the_lock_with_its_directory_and_keeps_it(lock: str) -> None:
    with exclusive(lock, timeout_s=1):
        assert try_lock(lock) is None

    assert Path(lock).read_bytes() == b""


def test_gives_up_after_its_deadline(lock: str) -> None:
    with (
        exclusive(lock, timeout_s=1),
        pytest.raises(TimeoutError, match=r"file\.lock is held by another"),
        exclusive(lock, timeout_s=0),
    ):
        pytest.fail("entered twice")


def test_is_free_again_after_an_error(lock: str) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(lock, timeout_s=1):
        raise ZeroDivisionError

    with exclusive(lock, timeout_s=0):
        pass


def test_is_free_again_when_its_holder_is_killed(lock: str) -> None:
    argv = [sys.executable, "-c", HOLDER, lock]
    root = Path(__file__).parents[4]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert try_lock(lock) is None

        holder.send_signal(signal.SIGKILL)
        holder.wait(10)

    with exclusive(lock, timeout_s=0):
        pass


def test_does_not_hold_a_lock_that_was_removed_meanwhile(lock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(lock).parent.mkdir()
    real = module.fcntl.flock

    def flock(descriptor: int, how: int) -> None:
        os.unlink(lock)  # noqa: PTH108
        real(descriptor, how)

    monkeypatch.setattr(module.fcntl, "flock", flock)

    assert try_lock(lock) is None


def test_children_do_not_inherit_it(lock: str) -> None:
    with exclusive(lock, timeout_s=1):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    with child, exclusive(lock, timeout_s=0):
        child.communicate(b"\n")
