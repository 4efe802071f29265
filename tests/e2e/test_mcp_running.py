"""Tool calls of `pop-deploy mcp` that take their time: progress, cancelling, ends of client and server, and stdout."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.domain.lifecycle import State
from orchestrator.mcp import server
from orchestrator.mcp.watching import Step
from tests.e2e.holding import Hold, lock_is_free
from tests.e2e.project import DEADLINE_S, Gate, Project, wait_until
from tests.e2e.serving import LIVE, gated, served, wired

pytestmark = pytest.mark.e2e


@pytest.fixture
def gate(live: Project) -> Iterator[Gate]:
    """1.0.0 is live, 1.1.0 is next, and its build waits at the gate."""
    live.set_version("1.1.0")
    live.write_source("new")
    with gated(live) as gate:
        yield gate


# while it runs


def test_the_steps_are_told_as_they_begin(fake: Project) -> None:
    with served(fake, "--allow-yes") as client:
        assert client.call("execute", target="fake", **LIVE).code == 0

    assert client.progress == [(1.0, 3.0, "Step 1"), (2.0, 3.0, "Step 2"), (3.0, 3.0, "Health check")]


def test_a_step_that_takes_long_is_told_again_and_progress_only_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEARTBEAT_S", 0.001)
    told: list[tuple[float, float | None, str]] = []

    class Session:
        async def report_progress(self, *what: Any) -> None:
            told.append(what)
            if len(told) in news:
                steps.put_nowait(news[len(told)])

    news = {2: Step(1, 2, "Building"), 5: Step(1, 1, "Switching release"), 7: None}
    steps: asyncio.Queue[Step | None] = asyncio.Queue()
    asyncio.run(server.tell_steps(SimpleNamespace(session=Session()), steps))

    titles = [message.partition(" (")[0] for _, _, message in told]
    assert titles == ["Beginning"] * 2 + ["Building"] * 3 + ["Switching release"] * 2
    assert [total for _, total, _ in told] == [None, None, 2, 2, 2, None, None]
    assert [progress for progress, _, _ in told] == sorted({progress for progress, _, _ in told})


def test_other_calls_are_answered_while_a_deployment_runs(live: Project, gate: Gate) -> None:
    with served(live, "--allow-yes") as client:
        running = client.start("execute", **LIVE)
        gate.wait()
        slots, held = client.call("slots"), client.call("execute", **LIVE)
        gate.open()
        done = client.end_of(running)

    assert [slot["deployment_id"] for slot in slots.data["slots"]] == [done.data["deployment_id"]]
    assert (held.is_error, held.code) == (True, 4)
    assert (done.code, live.live) == (0, "new")


# stopped midway


def test_a_cancelled_deployment_is_interrupted_and_resumed(live: Project, gate: Gate) -> None:
    with served(live, "--allow-yes") as client:
        running = client.start("execute", **LIVE)
        gate.wait()
        running.cancel()
        resumable(live)
        gate.open()
        resumed = client.call("resume", reason="go on")

    assert (resumed.code, resumed.data["state"]) == (0, "verified")
    assert live.live == "new"


def test_a_client_that_leaves_interrupts_its_deployment(live: Project, gate: Gate) -> None:
    with served(live, "--allow-yes") as client:
        client.start("execute", **LIVE)
        gate.wait()

    resumable(live)
    gate.open()
    assert (live.run("resume").code, live.live) == (0, "new")


def test_closed_input_ends_the_server_and_leaves_a_resumable_deployment(live: Project, gate: Gate) -> None:
    with wired(live, "--allow-yes") as wire:
        wire.call("execute", **LIVE)
        gate.wait()
        code, _ = wire.close()

    assert code == 0
    resumable(live)
    gate.open()
    assert (live.run("resume").code, live.live) == (0, "new")


def test_the_server_does_not_end_before_the_interruption_is_on_record(live: Project, gate: Gate) -> None:
    hold = Hold(live, "orchestrator.domain.events:DeploymentInterrupted")
    with wired(live, "--allow-yes", **hold.env) as wire:
        wire.call("execute", **LIVE)
        gate.wait()
        assert wire.process.stdin is not None
        wire.process.stdin.close()
        hold.gate.wait()
        with pytest.raises(subprocess.TimeoutExpired):
            wire.process.wait(timeout=0.7)
        hold.gate.open()
        assert wire.process.wait(timeout=DEADLINE_S) == 0

    hold.gate.close()
    assert live.last.interrupted is not None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_server_that_is_killed_leaves_a_resumable_deployment(live: Project, gate: Gate, number: signal.Signals) -> None:
    with wired(live, "--allow-yes") as wire:
        wire.call("execute", **LIVE)
        gate.wait()
        os.killpg(wire.process.pid, number)  # as a client does that will not wait
        assert wire.process.wait() == -number

    resumable(live)
    gate.open()
    assert (live.run("resume").code, live.live) == (0, "new")


# stdout


def test_nothing_but_the_protocol_comes_on_stdout(live: Project) -> None:
    noise = "import os, sys; print('noise'); print('noise', file=sys.stderr); os.write(1, b'noise')"
    build = [sys.executable, "-S", "-c", noise]
    live.configure(local={"config": {"path": "../the place", "source": "public", "build": build}})
    live.set_version("1.1.0")
    with wired(live, "--allow-yes") as wire:
        answers = [wire.answer(wire.call(*call)) for call in (("status",), ("nothing",), ("show",))]
        deployed = wire.answer(wire.call("execute", **LIVE))
        wire.process.stdin.write(b"this is no JSON\n") if wire.process.stdin else None
        wire.call("status")
        code, rest = wire.close()

    assert [answer["result"]["isError"] for answer in (*answers, deployed)] == [False, True, True, False]
    assert [json.loads(line)["jsonrpc"] for line in rest.splitlines()] == ["2.0"] * len(rest.splitlines())
    assert code == 0


def test_an_input_that_ends_at_once_ends_the_server(project: Project) -> None:
    done = project.run("mcp")

    assert (done.code, done.out) == (0, "")


def resumable(project: Project) -> None:
    """The interruption is on record, the claim is kept, nobody is at work, and nothing was deployed."""
    wait_until(lambda: project.last.interrupted is not None, "it is interrupted")
    wait_until(lambda: lock_is_free(project), "its process has ended")
    interrupted = project.last.interrupted
    assert interrupted is not None
    assert (interrupted.signal, interrupted.step, project.last.state) == ("SIGINT", "build", State.EXECUTING)
    assert project.claims() != []
    assert project.live == "hello"
