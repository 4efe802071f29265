"""Signals where more than a step is concerned: when all is done, with several targets, without a terminal, on a real engine.

Each phase of a deployment: test_signals.py, which has the table of all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from orchestrator.domain.lifecycle import State
from tests.backends.docker import DockerBackend
from tests.e2e.holding import Hold, held_at, lock_is_free
from tests.e2e.interrupting import AT_ONCE_S, EFFECT, FAKE, LIVE, SIGNALS, effects, sent, with_fake
from tests.e2e.project import COMMAND, DEADLINE_S, Project, ended, wait_until
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e


@pytest.fixture
def fake(project: Project) -> Project:
    """1.0.0 is live on a fake target of two steps; 1.1.0 is next."""
    return with_fake(project)


# when all is done


def test_a_signal_while_deploy_json_is_written_changes_nothing(fake: Project) -> None:
    with held_at(fake, "orchestrator.adapters.exchange:replace_if_unchanged", *FAKE) as (process, gate):
        process.send_signal(signal.SIGTERM)
        gate.open()
        done = ended(process)

    assert (done.code, fake.last.state, fake.claims()) == (0, State.VERIFIED, [])
    assert fake.history[0]["version"] == "1.1.0"


def test_a_second_signal_leaves_deploy_json_to_the_next_command(fake: Project) -> None:
    with held_at(fake, "orchestrator.adapters.exchange:replace_if_unchanged", *FAKE) as (process, _):
        done = sent(process, signal.SIGINT, signal.SIGINT)
    unwritten = fake.history[0]["version"]
    fake.run("prepare", "--target", "fake")

    assert (done.code, fake.last.state) == (0, State.PREPARED)
    assert "deploy.json: not written: interrupted by SIGINT. The events are safe in the store" in done.err
    assert "Result: SUCCESS" in done.out and "History updated" not in done.out
    assert (unwritten, fake.history[0]["version"]) == ("1.0.0", "1.1.0")


def test_with_several_targets_the_rest_waits_and_resume_is_the_last_line(fake: Project) -> None:
    hold = Hold(fake, EFFECT)
    with Terminal(fake, *LIVE, "--target", "fake", "--target", "local", **hold.env) as terminal:
        hold.gate.wait()
        os.kill(terminal.pid, signal.SIGTERM)
        hold.gate.open()
        code = terminal.end()

    deployment = next(each for each in reversed(fake.deployments()) if each.target == "fake")
    assert code == 8
    assert f"not begun yet: local. What goes on with {deployment.id} goes on with them" in terminal.text
    last = f"Next: pop-deploy resume {deployment.id}, or pop-deploy abort {deployment.id}"
    assert terminal.text.splitlines()[-1] == last


def test_resume_is_the_last_line_however_long_the_options_are(fake: Project) -> None:
    elsewhere = ("--dir", str(fake.path), "--store", f"sqlite:///{fake.data}/events.db")
    with held_at(fake, EFFECT, *FAKE, *elsewhere) as (process, gate):
        process.send_signal(signal.SIGTERM)
        gate.open()
        done = ended(process)

    assert done.code == 8
    assert done.last_line.startswith(f"Next: pop-deploy resume {fake.last.id} --dir ")
    assert len(done.last_line) > 100


# nobody is left who could read


def test_a_closed_terminal_interrupts_the_step_and_resume_finishes(live: Project) -> None:
    live.configure(local={"config": {"path": "../the place", "source": "public", "build": ["sleep", "60"]}})
    with Terminal(live, *LIVE) as terminal:
        terminal.expect("Building")
        wait_until(lambda: live.last.running_step is not None, "the build is running")
        terminal.close()
        code = terminal.end()

    deployment = live.last
    assert code == 8
    assert deployment.interrupted is not None
    assert (deployment.interrupted.signal, deployment.interrupted.step) == ("SIGHUP", "build")
    assert live.claims() != [] and lock_is_free(live)
    live.configure(local={"config": {"path": "../the place", "source": "public", "build": ["true"]}})
    live.run("abort", deployment.id)
    assert live.claims() == []


def test_a_terminal_closed_at_a_question_leaves_it_open(fake: Project) -> None:
    with Terminal(fake, "execute", "--target", "fake", "--mode", "deploy") as terminal:
        terminal.expect("Ready to deploy?")
        terminal.wait_for_prompt()
        terminal.close()
        code = terminal.end()

    assert (code, fake.last.state, fake.claims()) == (3, State.PREPARED, [])
    assert fake.last.open_decision is not None


def test_who_is_not_to_hear_of_a_closed_terminal_deploys_on_without_it(fake: Project) -> None:
    hold = Hold(fake, EFFECT)
    with Terminal(fake, *FAKE, program=("nohup", COMMAND), **hold.env) as terminal:
        hold.gate.wait()
        terminal.close()
        hold.gate.open()
        code = terminal.end()

    assert (code, fake.last.state, effects(fake)) == (0, State.VERIFIED, ["step-1", "step-2"])


@pytest.mark.parametrize("broken", ["out", "err", "both"])
def test_a_report_that_cannot_be_written_changes_nothing(fake: Project, broken: str) -> None:
    with Path("/dev/full").open("w") as full, Path(os.devnull).open("w") as null:
        out, err = (full if broken in (which, "both") else null for which in ("out", "err"))
        code = subprocess.run(
            [COMMAND, *FAKE],
            cwd=fake.path,
            env=fake.environ(),
            stdin=null,
            stdout=out,
            stderr=err,
            timeout=DEADLINE_S,
            check=False,
        ).returncode

    assert (code, fake.last.state, fake.claims()) == (0, State.VERIFIED, [])


# docker


@pytest.mark.docker
@pytest.mark.parametrize("number", SIGNALS)
def test_a_build_of_an_image_is_interrupted_and_finished(
    docker_backend: DockerBackend, docker_label: str, tmp_path: Path, number: signal.Signals
) -> None:
    from tests.e2e.test_docker_road import Shop

    shop = Shop(docker_backend, docker_label, tmp_path / "shop")
    shop.write("1.0.0")
    dockerfile = shop.project.path / "image" / "Dockerfile"
    whole = dockerfile.read_text()
    # Its own label in it: the builder would know a layer again that another test has made.
    dockerfile.write_text(whole + f'RUN ["/bin/busybox", "sh", "-c", "/bin/busybox sleep 60; : {docker_label}"]\n')
    process = shop.project.start(*LIVE)
    spools = shop.project.root / "home" / ".local" / "state" / "pop-deploy"
    wait_until(
        lambda: any(b"busybox sleep 60" in path.read_bytes() for path in spools.rglob("out-0")),
        "the build is at what takes so long",
    )

    begun = time.monotonic()
    done = sent(process, number)
    took_s = time.monotonic() - begun

    interrupted = shop.project.last.interrupted
    assert done.code == 8, done.out + done.err
    assert done.last_line.startswith(f"Next: pop-deploy resume {shop.project.last.id}")
    assert interrupted is not None
    assert (interrupted.signal, interrupted.step) == (number.name, "build")
    assert shop.project.claims() != [] and lock_is_free(shop.project)
    assert took_s < AT_ONCE_S
    dockerfile.write_text(whole)
    resumed = shop.run("resume")
    assert resumed.code == 0, resumed.out + resumed.err
    assert (shop.served, shop.project.claims()) == ("1.0.0", [])
