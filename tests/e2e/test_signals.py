"""A signal at every phase of a deployment, in real processes: exit 8, claim kept, lock free, and `resume` is the last line.

| phase | here, or elsewhere |
|---|---|
| loading, opening the store | here |
| planning, dry run | here |
| at a question | test_terminal.py (Ctrl-C, Ctrl-D, TERM, HUP), here (closed terminal, a signal just before the question) |
| confirmed, between steps, in a step of our own process | here |
| in a step's command | test_interrupted.py (each signal), here (its whole group, one that ignores it, docker) |
| health check | here |
| rollback, by itself and by a person | here |
| writing deploy.json | here |
| in `resume`, in `--wait`, with several targets | here |
| the terminal itself is gone, nobody can be told anything | here |
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.domain.lifecycle import BEFORE_EXECUTION, State
from tests.e2e.holding import Hold, alive, held_at, lock_is_free
from tests.e2e.interrupting import AT_ONCE_S, EFFECT, FAKE, LIVE, SIGNALS, effects, finished, resumable, sent, with_fake
from tests.e2e.project import DEADLINE_S, Gate, Project, at_gate, ended, wait_until
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e


@pytest.fixture
def fake(project: Project) -> Project:
    """1.0.0 is live on a fake target of two steps; 1.1.0 is next."""
    return with_fake(project)


# before anything has begun


@pytest.mark.parametrize("number", SIGNALS)
def test_while_it_is_loaded_it_ends_at_once_and_leaves_nothing(fake: Project, number: signal.Signals) -> None:
    before = fake.last.id
    with held_at(fake, "orchestrator.bootstrap:load_config", *FAKE) as (process, _):
        done = sent(process, number)

    assert done.code == 8
    assert "Stopped: nothing was" in done.err
    assert "Traceback" not in done.err
    assert (fake.last.id, fake.claims()) == (before, [])


@pytest.mark.parametrize("number", SIGNALS)
def test_before_anything_is_on_record_nothing_is_begun(fake: Project, number: signal.Signals) -> None:
    before = fake.last.id
    with held_at(fake, "orchestrator.bootstrap:_wire", *FAKE) as (process, gate):
        process.send_signal(number)
        gate.open()
        done = ended(process)

    assert done.code == 8
    assert f"interrupted by {number.name}. Stopped: nothing was done since." in done.err
    assert (fake.last.id, fake.claims()) == (before, [])


@pytest.mark.parametrize("number", SIGNALS)
def test_planning_is_left_at_once(fake: Project, number: signal.Signals) -> None:
    with held_at(fake, "orchestrator.services.planning:_reference", *FAKE) as (process, _):
        done = sent(process, number)

    planned = fake.last
    assert (done.code, planned.state, fake.claims()) == (8, State.REQUESTED, [])
    assert done.last_line == f"Next: pop-deploy resume {planned.id}, or pop-deploy abort {planned.id}"
    resumed = fake.run("resume", planned.id)
    assert (resumed.code, fake.last.state) == (3, State.PREPARED)
    assert f"pop-deploy decide {planned.id} confirm_deploy=<option>" in resumed.out


def test_the_checks_of_a_dry_run_are_left_at_once(fake: Project) -> None:
    words = ("execute", "--mode", "dry_run", "--target", "fake")
    with held_at(fake, "orchestrator.targets.fake:FakeTarget.preflight", *words) as (process, _):
        done = sent(process, signal.SIGTERM)

    assert (done.code, fake.last.state, fake.claims()) == (8, State.PREPARED, [])
    assert done.last_line.startswith(f"Next: pop-deploy resume {fake.last.id}")
    assert fake.run("resume", fake.last.id).code == 0
    assert fake.last.state is State.SIMULATED


def test_a_signal_before_the_question_is_not_forgotten_at_it(fake: Project) -> None:
    hold = Hold(fake, "orchestrator.cli.prompts:ask")
    with Terminal(fake, "execute", "--target", "fake", "--mode", "deploy", **hold.env) as terminal:
        hold.gate.wait()
        os.kill(terminal.pid, signal.SIGTERM)
        hold.gate.open()
        code = terminal.end()

    assert code == 3, terminal.text
    assert f"Answer with: pop-deploy decide {fake.last.id} confirm_deploy=<option>" in terminal.text


# while the slot is held


@pytest.mark.parametrize("number", SIGNALS)
def test_between_taking_the_slot_and_the_first_step(fake: Project, number: signal.Signals) -> None:
    with held_at(fake, "orchestrator.services.execute:_run", *FAKE) as (process, gate):
        process.send_signal(number)
        gate.open()
        done = ended(process)

    resumable(fake, done, number, step=None)
    finished(fake)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_step_of_our_own_process_is_ended_and_the_next_one_is_not_begun(fake: Project, number: signal.Signals) -> None:
    with held_at(fake, EFFECT, *FAKE) as (process, gate):
        process.send_signal(number)
        gate.open()
        done = ended(process)

    resumable(fake, done, number, step=None)
    assert effects(fake) == ["step-1"]
    finished(fake)


def test_a_second_signal_leaves_a_step_of_our_own_process_at_once(fake: Project) -> None:
    with held_at(fake, EFFECT, *FAKE) as (process, _):
        done = sent(process, signal.SIGINT, signal.SIGINT)

    resumable(fake, done, signal.SIGINT, step="step-1")
    assert effects(fake) == []
    finished(fake)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_signal_reaches_everything_that_a_command_has_started(live: Project, number: signal.Signals) -> None:
    script = "import os, signal, subprocess, sys\nsleeping = subprocess.Popen(['sleep', '60'])\n"
    script += "open(sys.argv[1], 'w').write(f'{os.getpid()} {sleeping.pid}')\nsignal.pause()\n"
    noted = live.root / "noted"
    build = [sys.executable, "-S", "-c", script, str(noted)]
    live.configure(local={"config": {"path": "../the place", "source": "public", "build": build}})
    process = live.start(*LIVE)
    wait_until(lambda: noted.exists() and len(noted.read_text().split()) == 2, "the build has begun")

    done = sent(process, number)

    resumable(live, done, number, step="build")
    assert [pid for pid in map(int, noted.read_text().split()) if alive(pid)] == []


def test_a_second_signal_leaves_a_command_that_ignores_the_first_and_resume_finds_it(live: Project) -> None:
    live.write_source("new")
    gate = Gate(live.root / "deaf")
    script = "import signal\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\n" + Path(gate.hook[-1]).read_text()
    live.configure(local={"config": {"path": "../the place", "source": "public", "build": [sys.executable, "-S", "-c", script]}})
    process = live.start(*LIVE)
    gate.wait()

    begun = time.monotonic()
    done = sent(process, signal.SIGINT, signal.SIGINT)
    took_s = time.monotonic() - begun
    resumable(live, done, signal.SIGINT, step="build")
    resuming = live.start("resume")
    gate.open()
    resumed = ended(resuming)
    gate.close()

    assert took_s < AT_ONCE_S
    assert resumed.code == 0, resumed.out + resumed.err
    assert "Building: was done before (its command ended with exit code 0)" in resumed.out
    assert live.live == "new"


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE_S)
        yield server


@pytest.mark.parametrize("number", SIGNALS)
def test_a_try_of_the_health_check_is_left_at_once(fake: Project, silent: socket.socket, number: signal.Signals) -> None:
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    fake.configure(fake={"health_check": {"url": url, "timeout_s": 60}})
    process = fake.start(*FAKE)
    connection, _ = silent.accept()
    connection.recv(1)

    begun = time.monotonic()
    done = sent(process, number)
    took_s = time.monotonic() - begun
    connection.close()

    assert took_s < AT_ONCE_S
    resumable(fake, done, number, step=None, state=State.DEPLOYED)
    fake.configure(fake={"health_check": None})
    finished(fake)


def test_the_wait_between_two_tries_is_left_at_once(fake: Project, silent: socket.socket) -> None:
    fake.configure(fake={"health_check": {"command": ["sh", "-c", "echo >> tried; false"], "timeout_s": 60, "interval_s": 50}})
    process = fake.start(*FAKE)
    wait_until((fake.path / "tried").exists, "it was tried once")

    begun = time.monotonic()
    done = sent(process, signal.SIGTERM)
    took_s = time.monotonic() - begun

    assert took_s < AT_ONCE_S
    resumable(fake, done, signal.SIGTERM, step=None, state=State.DEPLOYED)


def test_an_automatic_rollback_is_interrupted_and_finished(fake: Project) -> None:
    fake.fake(steps=2, bad_versions=["1.1.0"])
    fake.configure(fake={"auto_rollback": True})
    with held_at(fake, "orchestrator.services.rollback:go_back", *FAKE) as (process, gate):
        process.send_signal(signal.SIGTERM)
        gate.open()
        done = ended(process)

    assert (done.code, fake.last.state) == (8, State.ROLLING_BACK)
    assert done.last_line == f"Next: pop-deploy resume {fake.last.id}"
    assert fake.run("resume").code == 6
    assert (fake.last.state, fake.claims(), effects(fake)) == (State.ROLLED_BACK, [], ["step-1", "step-2", "restore"])


@pytest.mark.parametrize("number", SIGNALS)
def test_a_rollback_is_interrupted_and_finished(fake: Project, number: signal.Signals) -> None:
    assert fake.run(*FAKE).code == 0
    with held_at(fake, EFFECT, "rollback", "--target", "fake", "--yes") as (process, gate):
        process.send_signal(number)
        gate.open()
        done = ended(process)

    assert (done.code, fake.last.state) == (8, State.ROLLING_BACK)
    assert done.last_line == f"Next: pop-deploy resume {fake.last.id}"
    assert fake.claims() != [] and lock_is_free(fake)
    assert fake.run("resume").code == 0  # as the rollback would have
    assert (fake.last.state, effects(fake)) == (State.ROLLED_BACK, ["step-1", "step-2", "restore"])


def test_resuming_can_be_interrupted_and_repeated(live: Project) -> None:
    with at_gate(live) as (process, gate):
        process.kill()
        ended(process)
        resuming = live.start("resume")
        wait_until(lambda: live.last.interrupted is None and not lock_is_free(live), "it holds the slot")
        wait_until(lambda: b"still at work" in os.read(resuming.stdout.fileno(), 4096) if resuming.stdout else False, "it waits")
        again = sent(resuming, signal.SIGINT)
        resumable(live, again, signal.SIGINT, step="build")
        gate.open()

    assert live.run("resume").code == 0
    assert live.claims() == []


@pytest.mark.parametrize("number", SIGNALS)
def test_waiting_for_a_slot_is_left_at_once_and_the_holder_is_not_disturbed(live: Project, number: signal.Signals) -> None:
    with at_gate(live) as (holder, gate):
        waiting = live.start(*LIVE, "--wait", "60")
        assert waiting.stdout is not None
        shown = waiting.stdout.readline()
        while b"held by" not in shown:
            shown = waiting.stdout.readline()
            assert shown, "it did not wait"
        done = sent(waiting, number)
        waited = live.last
        gate.open()
        held = ended(holder)

    assert (done.code, waited.state in BEFORE_EXECUTION, held.code) == (8, True, 0)
    assert done.last_line.startswith(f"Next: pop-deploy resume {waited.id}"), done.out
    assert live.claims() == []
