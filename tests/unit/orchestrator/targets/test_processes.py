"""A process is who it was, or it is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from orchestrator.targets import processes
from orchestrator.targets.processes import ProcessId

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"


def started(code: str = "print('ready', flush=True); import signal; signal.pause()") -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    with started() as process:
        yield process
        process.kill()


def test_survives_json_and_the_launchers_line() -> None:
    me = processes.current()

    assert me.pid == os.getpid()
    assert ProcessId.from_json(me.to_json()) == me
    assert ProcessId.from_line(f"{me.pid} {me.start_ticks} {me.boot_id} {me.pid_namespace}\n") == me


def test_knows_itself_to_be_alive() -> None:
    assert processes.alive(processes.current())


def test_reads_a_process_whose_name_holds_brackets_and_blanks() -> None:
    with started("open('/proc/self/comm', 'w').write('a) R 1 (b'); print('ready', flush=True); input()") as child:
        identity = processes.of(child.pid)
        child.kill()

    assert identity.start_ticks >= processes.current().start_ticks


def test_says_that_there_is_no_such_process() -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()

    with pytest.raises(ProcessLookupError, match=str(gone.pid)):
        processes.of(gone.pid)


def test_takes_a_zombie_for_dead() -> None:
    child = started()
    identity = processes.of(child.pid)

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and not reaped

    assert not processes.alive(identity)
    assert processes.wait_end(identity, 0)
    assert processes.terminate(identity, group=True, drain_s=0)
    child.communicate()


@pytest.mark.parametrize("field", ["start_ticks", "boot_id", "pid_namespace"])
def test_leaves_another_process_with_the_same_pid_alone(child: subprocess.Popen[str], field: str) -> None:
    real = processes.of(child.pid)
    other = replace(real, **{field: 1 if field == "start_ticks" else "other"})

    processes.terminate(other, group=True, drain_s=0)
    processes.request_end(other)

    assert not processes.alive(other)
    assert processes.alive(real)


def test_does_not_call_a_process_of_another_namespace_ended(child: subprocess.Popen[str]) -> None:
    hidden = replace(processes.of(child.pid), pid_namespace="pid:[1]")

    assert not processes.wait_end(hidden, 0)
    assert not processes.terminate(hidden, group=False, drain_s=0)


def test_calls_a_process_of_an_earlier_boot_ended(child: subprocess.Popen[str]) -> None:
    assert processes.wait_end(replace(processes.of(child.pid), boot_id="earlier"), 0)


def test_waits_for_the_end_and_not_longer(child: subprocess.Popen[str]) -> None:
    identity = processes.of(child.pid)
    assert not processes.wait_end(identity, 0.01)
    threading.Timer(0.05, child.kill).start()

    assert processes.wait_end(identity, 30)


def test_asks_before_it_kills() -> None:
    with started(
        "import signal, sys; signal.signal(15, lambda *_: sys.exit(3)); print('ready', flush=True); signal.pause()"
    ) as child:
        assert processes.terminate(processes.of(child.pid), group=False, drain_s=20)

    assert child.returncode == 3


def test_kills_what_ignores_term() -> None:
    with started(STUBBORN) as child:
        assert processes.terminate(processes.of(child.pid), group=False, drain_s=0.05)

    assert child.returncode == -signal.SIGKILL


def test_ends_a_stopped_process() -> None:
    with started() as child:
        os.kill(child.pid, signal.SIGSTOP)

        assert processes.terminate(processes.of(child.pid), group=False, drain_s=20)

    assert child.returncode == -signal.SIGTERM


def test_ends_the_whole_group_also_members_that_outlive_their_leader() -> None:
    code = f"""
import subprocess, sys, signal
member = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], stdout=subprocess.PIPE)
member.stdout.readline()
print("ready", flush=True); print(member.pid, flush=True); signal.pause()
"""
    with started(code) as leader:
        assert leader.stdout is not None
        member = processes.of(int(leader.stdout.readline()))

        assert processes.terminate(processes.of(leader.pid), group=True, drain_s=0.2)

    assert not processes.alive(member)


def test_leaves_the_group_alone_when_asked_for_one_process() -> None:
    code = "import subprocess; p = subprocess.Popen(['sleep', '60']); print('ready'); print(p.pid, flush=True); p.wait()"
    with started(code) as leader:
        assert leader.stdout is not None
        member = processes.of(int(leader.stdout.readline()))

        assert processes.terminate(processes.of(leader.pid), group=False, drain_s=20)

        assert processes.alive(member)
        assert processes.terminate(member, group=False, drain_s=20)


def test_does_not_signal_the_group_of_a_process_that_leads_none() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:  # in the group of this very test
        assert processes.terminate(processes.of(child.pid), group=True, drain_s=20)

    assert child.returncode == -signal.SIGTERM


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("group", [True, False])
def test_says_that_another_users_process_cannot_be_stopped(child: subprocess.Popen[str], group: bool) -> None:
    identity = processes.of(child.pid)
    os.setresuid(65534, 65534, 0)
    try:
        stopped, asked = processes.terminate(identity, group=group, drain_s=0), processes.request_end(identity)
    finally:
        os.setresuid(0, 0, 0)

    assert (stopped, asked) == (False, False)
    assert processes.alive(identity)


def test_returns_at_once_when_the_process_ends_at_once(child: subprocess.Popen[str]) -> None:
    began = time.monotonic()

    assert processes.terminate(processes.of(child.pid), group=True, drain_s=60)

    assert time.monotonic() - began < 10
