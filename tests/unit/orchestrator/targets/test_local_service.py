"""The service of a `local` slot: real processes, started once, found again, ended with all that belongs to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.targets import local_service, processes
from orchestrator.targets.base import StepError
from orchestrator.targets.local_place import Record
from orchestrator.targets.local_service import State, leftovers
from tests.unit.orchestrator.targets.local_world import ID, RUN, WAITS, World

RECORD = Record(
    name="1.0.0-a", version="1.0.0", commit_sha=None, deployment_id=ID, sequence=1, digest="sha256:1", files=1, bytes=1, run=None
)
TELLS = "import json, os, signal, sys\n"
STUBBORN = (
    "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen({pipe!r}, 'w').close()\nwhile True: signal.pause()\n"
)
PARENT = "import subprocess\nchild = subprocess.Popen(['sleep', '60']{more})\nopen({pipe!r}, 'w').write(str(child.pid))\n"


def release(world: World, name: str = "1.0.0-a", program: str = WAITS) -> str:
    place = world.place()
    place.claim()
    place.directory(name).mkdir()
    (place.directory(name) / "serve.py").write_text(program)
    place.write_record(replace(RECORD, name=name))
    return name


def start(
    world: World,
    name: str,
    *,
    argv: Sequence[str] = RUN,
    env: dict[str, str] | None = None,
    drain_s: float = 5,
    said: list[str] | None = None,
) -> State:
    say = (said if said is not None else []).append
    state = world.service.restart(name, started_by=(ID, "restart"), argv=argv, env=env or {}, drain_s=drain_s, say=say)
    world.remember()
    return state


def gate(world: World, name: str) -> Path:
    """A named pipe: reading it waits for a service to say something."""
    path = world.root / name
    os.mkfifo(path)
    return path


def test_starts_in_the_release_in_a_session_of_its_own(world: World) -> None:
    pipe = gate(world, "facts")
    program = (
        f"{TELLS}facts = [os.getcwd(), os.getpid(), os.getsid(0), os.getpgid(0), sys.stdin.read(), os.listdir('/proc/self/fd')]\n"
        f"open({str(pipe)!r}, 'w').write(json.dumps(facts))\n{WAITS}"
    )
    name = release(world, program=program)

    state = start(world, name)
    cwd, pid, session, group, stdin, descriptors = json.loads(pipe.read_text())

    assert cwd == str(world.place().directory(name))
    assert pid == session == group == state.process.pid
    assert stdin == ""
    assert len(descriptors) == 4  # standard ones, and the listing's own: nothing of ours leaks into a service
    assert os.getsid(0) != session


def test_gives_the_service_its_environment_and_not_our_settings(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POP_DEPLOY_STORE", "postgresql://user:password@host/db")
    monkeypatch.setenv("INHERITED", "yes")
    pipe = gate(world, "facts")
    program = f"{TELLS}open({str(pipe)!r}, 'w').write(json.dumps(dict(os.environ)))\n{WAITS}"

    state = start(world, release(world, program=program), env={"TOKEN": "s3cr3t"})
    environment = json.loads(pipe.read_text())

    assert environment["TOKEN"] == "s3cr3t"
    assert environment["INHERITED"] == "yes"
    assert environment[local_service.COOKIE] == state.token
    assert "POP_DEPLOY_STORE" not in environment
    assert "s3cr3t" not in world.place().service_file.read_text()
    assert "s3cr3t" not in Path(f"/proc/{state.process.pid}/cmdline").read_text()


def test_gives_the_service_the_usual_signal_handling(world: World) -> None:
    pipe = gate(world, "facts")
    argv = ("sh", "-c", f"grep Sig.*: /proc/self/status > {pipe}; sleep 60")

    start(world, release(world), argv=argv)
    masks = dict(line.split(":\t") for line in pipe.read_text().splitlines() if line.startswith(("SigIgn", "SigBlk")))

    # Signals 32 and 33 are the C library's own and come and go with its threads.
    assert {int(mask, 16) & 0x7FFFFFFF for mask in masks.values()} == {0}


def test_appends_the_output_of_each_start_to_a_private_log(world: World) -> None:
    pipe = gate(world, "done")
    program = (
        f"import sys\nprint('to stdout', flush=True)\nprint('to stderr', file=sys.stderr)\nopen({str(pipe)!r}, 'w').close()\n"
    )
    name = release(world, program=program)
    first = start(world, name)
    pipe.read_text()
    processes.wait_end(first.process, 5)

    second = start(world, name)
    pipe.read_text()
    processes.wait_end(second.process, 5)

    log = world.place().log(name)
    assert log.read_text() == "to stdout\nto stderr\n" * 2
    assert log.stat().st_mode & 0o777 == 0o600
    assert world.service.log_tail(second, lines=1) == ["to stderr"]


def test_reads_no_more_than_the_end_of_a_long_log(world: World) -> None:
    name = release(world)
    state = start(world, name)
    with world.place().log(name).open("w") as log:
        log.writelines(f"line {number}\n" for number in range(200_000))

    tail = world.service.log_tail(state, lines=100_000)

    assert tail[-1] == "line 199999"
    assert sum(map(len, tail)) <= 16384


def test_stops_the_old_one_before_it_starts_the_new_one(world: World) -> None:
    order = world.root / "order"
    program = f"""import os, signal, sys
def end(*_):
    open({str(order)!r}, "a").write("old ended\\n")
    sys.exit()
signal.signal(signal.SIGTERM, end)
open({str(gate(world, "up"))!r}, "w").close()
while True: signal.pause()
"""
    old = start(world, release(world, "1.0.0-a", program))
    (world.root / "up").read_text()
    said: list[str] = []
    pipe = gate(world, "started")
    starts = f"open({str(order)!r}, 'a').write('new started\\n')\nopen({str(pipe)!r}, 'w').close()\n{WAITS}"

    new = start(world, release(world, "1.1.0-b", starts), said=said)
    pipe.read_text()

    assert order.read_text() == "old ended\nnew started\n"
    assert not processes.alive(old.process)
    assert world.service.running() == new
    assert said[0] == f"stopping 1.0.0-a (pid {old.process.pid}), which has 5s to end"
    assert said[1].startswith(f"started pid {new.process.pid}, output in ")


def test_kills_a_service_that_does_not_end_in_its_time(world: World) -> None:
    pipe = gate(world, "up")
    old = start(world, release(world, "1.0.0-a", STUBBORN.format(pipe=str(pipe))))
    pipe.read_text()
    began = time.monotonic()

    start(world, release(world, "1.1.0-b"), drain_s=0.3)

    assert not processes.alive(old.process)
    assert 0.3 <= time.monotonic() - began < 5


def test_ends_the_children_of_a_service(world: World) -> None:
    pipe = gate(world, "child")
    start(world, release(world, "1.0.0-a", PARENT.format(pipe=str(pipe), more="") + WAITS))
    child = processes.of(int(pipe.read_text()))

    world.service.stop(1, str)

    assert not processes.alive(child)


def test_ends_children_that_outlived_their_leader(world: World) -> None:
    """Else they keep the port that the next release needs, and answer its health check with the old version."""
    pipe = gate(world, "child")
    state = start(world, release(world, "1.0.0-a", PARENT.format(pipe=str(pipe), more="")))
    child = processes.of(int(pipe.read_text()))
    processes.wait_end(state.process, 5)
    left = leftovers(state)

    start(world, release(world, "1.1.0-b"))

    assert left == [child]
    assert not processes.alive(child)


def test_leaves_processes_alone_that_have_no_mark_of_this_start(world: World) -> None:
    pipe = gate(world, "child")
    state = start(world, release(world, "1.0.0-a", PARENT.format(pipe=str(pipe), more=", env={}")))
    child = processes.of(int(pipe.read_text()))
    processes.wait_end(state.process, 5)

    try:
        assert leftovers(state) == []
    finally:
        processes.terminate(child, False, 0)


def test_does_nothing_when_the_release_runs_already(world: World) -> None:
    name = release(world)
    first = start(world, name)
    said: list[str] = []

    again = start(world, name, said=said)

    assert again == first
    assert said == [f"1.0.0-a is running already (pid {first.process.pid})"]


def test_starts_a_release_again_whose_service_has_ended(world: World) -> None:
    name = release(world)
    first = start(world, name)
    processes.terminate(first.process, True, 0)

    again = start(world, name)

    assert again.process != first.process
    assert world.service.running() == again


def test_says_what_keeps_the_program_from_starting(world: World) -> None:
    with pytest.raises(StepError, match=r"cannot start the service in .*1\.0\.0-a: No such file or directory: \./missing"):
        start(world, release(world), argv=("./missing",))


def test_says_that_a_file_is_no_program(world: World) -> None:
    with pytest.raises(StepError, match=r"Permission denied: \./serve\.py"):
        start(world, release(world), argv=("./serve.py",))


def test_keeps_the_old_one_from_starting_twice_when_the_state_cannot_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = world.root / "mark"
    name = release(world, program=f"open({str(mark)!r}, 'w')\n{WAITS}")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local_service, "write_json", full)

    with pytest.raises(StepError, match="No space left on device"):
        start(world, name)
    assert local_service._started[-1].wait(5) == 0
    assert not mark.exists()
    assert world.service.state() is None


def test_stops_for_good(world: World) -> None:
    state = start(world, release(world))

    world.service.stop(5, str)

    assert not processes.alive(state.process)
    assert world.service.state() is None
    world.service.stop(5, str)


def test_does_not_take_what_it_cannot_see_for_ended(world: World) -> None:
    state = start(world, release(world))
    elsewhere = replace(state, process=replace(state.process, pid_namespace="pid:[1]"))
    world.service._write(elsewhere)

    with pytest.raises(
        StepError, match=r"was started in another container, and cannot be seen from here.*remove .*service\.json"
    ):
        start(world, release(world, "1.1.0-b"))
    assert processes.alive(state.process)


def test_takes_a_service_of_an_earlier_boot_for_ended(world: World) -> None:
    state = start(world, release(world))
    world.service._write(replace(state, process=replace(state.process, boot_id="before")))

    new = start(world, release(world, "1.1.0-b"))

    assert world.service.running() == new
    assert processes.alive(state.process)


KILLED = """
import os, signal, sys
from pathlib import Path
from orchestrator.domain.plan import Slot
from orchestrator.targets import local_service
from orchestrator.targets.local_place import Place

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

place, when = Place(Path(sys.argv[1]), Slot("shop", "staging", "web")), sys.argv[2]
write = local_service.write_json
if when == "before the decision":
    local_service.write_json = die
if when == "after the decision":
    local_service.write_json = lambda *args, **options: (write(*args, **options), die())
service = local_service.Service(place)
service.restart("1.0.0-a", started_by=("deploy-1", "restart"), argv=sys.argv[3:], env={}, drain_s=1, say=print)
"""


@pytest.mark.parametrize(("when", "starts"), [("before the decision", False), ("after the decision", True), ("never", True)])
def test_starts_it_or_not_as_the_state_says_when_its_starter_is_killed(world: World, when: str, starts: bool) -> None:
    pipe = gate(world, "up")
    name = release(world, program=f"open({str(pipe)!r}, 'w').close()\n{WAITS}")

    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(world.place().root), when, *RUN],
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    world.remember()

    assert killed.returncode == (0 if when == "never" else -signal.SIGKILL)
    if starts:
        pipe.read_text()  # it came up, with nobody left to tell it to
        state = world.service.running()
        assert state is not None
        assert (state.directory, state.deployment_id, state.step) == (name, "deploy-1", "restart")
    else:
        assert world.service.state() is None
        assert not waiting_shims(world)


def waiting_shims(world: World) -> list[int]:
    """Processes that have still to decide whether to become the service of this world; waits for their decision."""
    deadline = time.monotonic() + 5
    mark = str(world.place().service_file).encode()
    while True:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if mark in path.read_bytes():
                    found.append(int(path.parent.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.01)  # the end of somebody else's child is no event
