"""Signals ask, they do not tear down; and they end every wait at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta

import pytest

from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.signals import Signals, StopFlag
from orchestrator.domain.errors import Interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_sets_the_flag_and_ends_the_wait(stop: StopFlag, number: signal.Signals) -> None:
    with Signals(stop):
        threading.Timer(0.05, os.kill, (os.getpid(), number)).start()

        with pytest.raises(Interrupted, match=number.name):
            SystemClock(stop).sleep(60)

    assert (stop.signal, stop.count) == (number, 1)


def test_remembers_the_first_signal_and_counts_the_others(stop: StopFlag) -> None:
    with Signals(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)

    assert (stop.signal, stop.count) == (signal.SIGTERM, 2)


def test_puts_the_handlers_back(stop: StopFlag) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    with Signals(stop):
        assert signal.getsignal(signal.SIGTERM) != before[1]

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_catches_an_interrupt_that_a_shell_has_ignored_and_leaves_nohup_alone() -> None:
    code = """
import os, signal
from orchestrator.adapters.signals import Signals, StopFlag
with Signals(StopFlag()) as flag:
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGINT)
print(flag.signal, flag.count)
"""
    shell = 'trap "" INT HUP; exec "$0" -c "$1"'

    result = subprocess.run(["sh", "-c", shell, sys.executable, code], capture_output=True, text=True, check=True)

    assert result.stdout.split() == [str(int(signal.SIGINT)), "1"]


def test_is_not_stopped_by_other_signals(stop: StopFlag) -> None:
    previous = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with Signals(stop):
            threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            began = time.monotonic()

            SystemClock(stop).sleep(0.1)
    finally:
        signal.signal(signal.SIGUSR1, previous)

    assert time.monotonic() - began >= 0.1


def test_does_not_begin_to_wait_once_asked_to_stop(stop: StopFlag) -> None:
    stop.set(signal.SIGTERM)

    with pytest.raises(Interrupted):
        SystemClock(stop).sleep(0)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.02])
def test_waits_as_long_as_asked(stop: StopFlag, seconds: float) -> None:
    for clock in (SystemClock(), SystemClock(stop)):
        began = clock.monotonic()

        clock.sleep(seconds)

        assert seconds <= clock.monotonic() - began < 5


def test_tells_utc_with_microseconds_and_offset() -> None:
    text = SystemClock().now()

    assert len(text) == len("2026-03-18T14:30:22.000120+00:00")
    assert datetime.fromisoformat(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize("at", [1, 2])
def test_what_may_be_left_is_left_wherever_it_is(stop: StopFlag, at: int) -> None:
    """Without a wait that polls: reading from a pipe goes on after a signal by itself."""
    silent, end = os.pipe()

    def interrupt() -> None:
        for _ in range(at):
            time.sleep(0.03)  # two at the same moment are one
            os.kill(os.getpid(), signal.SIGINT)

    with Signals(stop):
        threading.Thread(target=interrupt).start()

        with pytest.raises(Interrupted), stop.breakable(at):
            os.read(silent, 1)

    assert stop.count == at
    os.close(silent)
    os.close(end)


def test_what_came_before_counts(stop: StopFlag) -> None:
    stop.set(signal.SIGTERM)

    with pytest.raises(Interrupted, match="SIGTERM"), stop.breakable(1):
        pytest.fail("it has begun")
    with stop.breakable(2):
        pass


def test_what_polls_within_is_not_torn_out(stop: StopFlag) -> None:
    with Signals(stop), stop.breakable(1), stop.breakable(0):
        os.kill(os.getpid(), signal.SIGTERM)

    assert stop.signal == signal.SIGTERM


def test_outside_a_signal_is_only_noted(stop: StopFlag) -> None:
    with Signals(stop):
        with stop.breakable(1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    assert stop.count == 2
