"""How a command of a step is stopped: at its deadline, by a signal, and when its launcher dies. Real processes throughout."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.adapters.attempt import CommandDirectory
from orchestrator.adapters.launchers import Launchers
from orchestrator.adapters.signals import StopFlag
from orchestrator.domain.errors import Interrupted
from orchestrator.targets import processes

from .conftest import Gate, RunChild

Python = Callable[[str], list[str]]
Gates = Callable[[str], Gate]
TELL = "import os, json, sys, signal; "


def test_stops_at_the_deadline(run_child: RunChild) -> None:
    result = run_child(["sh", "-c", "echo waiting; exec sleep 60"], timeout_s=0.3)

    assert (result.timed_out, result.signal, result.head) == (True, signal.SIGTERM, b"waiting\n")


def test_kills_at_the_deadline_what_ignores_term(run_child: RunChild, python: Python) -> None:
    code = "import signal; signal.signal(15, lambda *_: print('no', flush=True))\nwhile True: signal.pause()"

    result = run_child(python(code), timeout_s=0.5, grace_s=0.3)

    assert (result.timed_out, result.signal, result.exit_code) == (True, signal.SIGKILL, 137)
    assert result.head == b"no\n"


def test_kills_at_the_deadline_what_the_command_left_in_its_group(run_child: RunChild, gate: Gates, python: Python) -> None:
    told_pid = gate("pid")
    reading: list[str] = []
    reader = threading.Thread(target=lambda: reading.append(told_pid.wait()))
    reader.start()
    stubborn = "trap '' TERM; echo $$ > $0; while :; do sleep 0.05; done"

    result = run_child(["sh", "-c", f'sh -c "$1" {told_pid.path} & wait', "sh", stubborn], timeout_s=0.5, grace_s=0.5)

    reader.join()
    assert result.timed_out
    assert _gone(int(reading[0]), within_s=10)


def _gone(pid: int, *, within_s: float) -> bool:
    """A killed process needs a moment to die on a busy machine; its end is awaited, not guessed."""
    try:
        return processes.wait_end(processes.of(pid), within_s)
    except ProcessLookupError:
        return True


def test_starts_nothing_once_asked_to_stop(run_child: RunChild, stop: StopFlag, attempt_dir: Path) -> None:
    stop.set(signal.SIGTERM)

    with pytest.raises(Interrupted, match="SIGTERM"):
        run_child(["true"])
    assert not attempt_dir.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_passes_a_signal_on_and_waits_for_the_end(
    run_child: RunChild, stop: StopFlag, gate: Gates, python: Python, number: signal.Signals
) -> None:
    ready = gate("ready")
    code = (
        f"import signal, sys\nsignal.signal({int(number)}, lambda *_: (print('stopping', flush=True), sys.exit(5)))\n"
        f"open({str(ready.path)!r}, 'w').write('x')\nwhile True: signal.pause()"
    )
    threading.Thread(target=lambda: (ready.wait(), stop.set(number))).start()

    result = run_child(python(code))

    assert (result.exit_code, result.interrupted, result.timed_out) == (5, True, False)
    assert result.head == b"stopping\n"


def test_kills_after_the_grace_when_asked_to_stop(run_child: RunChild, stop: StopFlag, gate: Gates) -> None:
    ready = gate("ready")
    threading.Thread(target=lambda: (ready.wait(), stop.set(signal.SIGINT))).start()

    result = run_child(["sh", "-c", f"trap '' INT; echo > {ready.path}; while :; do sleep 0.05; done"], grace_s=0.3)

    assert (result.signal, result.interrupted) == (signal.SIGKILL, True)


def test_stops_waiting_at_the_second_signal(run_child: RunChild, stop: StopFlag, gate: Gates, attempt_dir: Path) -> None:
    ready = gate("ready")

    def twice() -> None:
        ready.wait()
        stop.set(signal.SIGINT)
        stop.set(signal.SIGINT)

    threading.Thread(target=twice).start()

    result = run_child(["sh", "-c", f"trap '' INT; echo > {ready.path}; while :; do sleep 0.05; done"])

    assert (result.ended, result.exit_code, result.interrupted) == (False, None, True)
    child = CommandDirectory(attempt_dir / "main").process("child")
    assert child is not None
    assert processes.alive(child)
    processes.terminate(child, group=True, drain_s=0)


def test_passes_the_first_signal_on_even_when_the_second_comes_at_its_heels(
    run_child: RunChild, stop: StopFlag, launchers: Launchers, attempt_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both before it is first looked whether one came."""
    monkeypatch.setattr(launchers, "stand_by", lambda: [stop.set(signal.SIGINT) for _ in range(2)])

    result = run_child(["sleep", "60"])

    command = CommandDirectory(attempt_dir / "main")
    launcher = command.process("claim")
    assert result.interrupted
    assert launcher is None or processes.wait_end(launcher, 10)
    wait_until = time.monotonic() + 10
    while (record := command.exit()) is None:
        assert time.monotonic() < wait_until, "it sleeps on"
        time.sleep(0.01)
    assert record.forwarded == signal.SIGINT


def test_says_that_the_end_is_not_known_when_the_launcher_is_killed(run_child: RunChild, gate: Gates, attempt_dir: Path) -> None:
    go_on = gate("go")

    def kill_launcher(_: bytes) -> None:
        launcher = CommandDirectory(attempt_dir / "main").process("claim")
        assert launcher is not None
        os.kill(launcher.pid, signal.SIGKILL)
        go_on.pass_on()

    result = run_child(["sh", "-c", f"echo begun; read x < {go_on.path}; exit 0"], follow=kill_launcher)

    assert (result.ended, result.interrupted) == (False, False)
    assert result.head == b"begun\n"


def test_can_be_interrupted_while_a_command_outlives_its_launcher(run_child: RunChild, stop: StopFlag, attempt_dir: Path) -> None:
    command = CommandDirectory(attempt_dir / "main")

    def kill_launcher_then_stop(_: bytes) -> None:
        launcher = command.process("claim")
        assert launcher is not None
        os.kill(launcher.pid, signal.SIGKILL)
        threading.Timer(0.3, stop.set, (signal.SIGINT,)).start()

    result = run_child(["sh", "-c", "echo begun; exec sleep 60"], follow=kill_launcher_then_stop)

    child = command.process("child")
    assert (result.ended, result.interrupted) == (False, True)
    assert child is not None
    assert processes.alive(child)
    processes.terminate(child, group=True, drain_s=5)
