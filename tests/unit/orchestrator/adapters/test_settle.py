"""What `resume` finds out about commands whose process was killed. Real processes, really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.adapters.attempt import CommandDirectory
from orchestrator.adapters.launchers import LAUNCHER, Request
from orchestrator.adapters.settle import Settled, Verdict, settle
from orchestrator.adapters.signals import StopFlag
from orchestrator.domain.errors import Interrupted
from orchestrator.targets import processes
from orchestrator.targets.processes import ProcessId

from .conftest import Gate, RunChild

Gates = Callable[[str], Gate]

CALLER = """
import sys, os
from pathlib import Path
from orchestrator.adapters.child import run
from orchestrator.adapters.launchers import Launchers
from orchestrator.adapters.signals import StopFlag
run(Path(sys.argv[1]), "main", sys.argv[2:], cwd=Path("/"), env=dict(os.environ), timeout_s=60, stop=StopFlag(),
    launchers=Launchers(), grace_s=float(os.environ.get("GRACE_S", 10)), outlive_s=0.1 if "GRACE_S" in os.environ else None)
"""


@pytest.fixture
def caller(attempt_dir: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a process of its own that runs a command, and that can be killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*argv: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", CALLER, str(attempt_dir), *argv], cwd=Path(__file__).parents[4]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def launcher_of(attempt_dir: Path, record: str = "claim") -> ProcessId:
    found = CommandDirectory(attempt_dir / "main").process(record)  # type: ignore[arg-type]
    assert found is not None
    return found


def settled(attempt_dir: Path, stop_after_s: float = 30, **options: object) -> Settled:
    return settle(attempt_dir, same_host_boot=True, stop_after_s=stop_after_s, **options)  # type: ignore[arg-type]


def launch(directory: Path, *argv: str) -> subprocess.Popen[bytes]:
    directory.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(LAUNCHER, stdin=subprocess.PIPE, start_new_session=True)
    assert process.stdin is not None
    process.stdin.write(Request(directory, argv, Path("/"), os.environ, 60, 5).to_bytes())
    process.stdin.close()
    return process


def test_finds_the_end_of_a_command_that_outlived_its_caller(
    caller: Callable[..., subprocess.Popen[bytes]], gate: Gates, attempt_dir: Path
) -> None:
    ready, go_on = gate("ready"), gate("go")
    process = caller("sh", "-c", f"echo one; echo > {ready.path}; read x < {go_on.path}; echo two; exit 4")
    ready.wait()
    kill(process)
    lines: list[str] = []
    threading.Thread(target=go_on.pass_on).start()

    found = settled(attempt_dir, waiting=lines.append)

    assert found.verdict is Verdict.ENDED
    assert found.exit_codes == {"main": 4}
    assert found.commands["main"].result is not None
    assert found.commands["main"].result.head == b"one\ntwo\n"
    assert "main is still at work" in "".join(lines) or not lines


@pytest.mark.parametrize(
    ("on_term", "grace_s", "signals"),
    [("exit 9", "30", {"main": 9}), ("", "0.05", {"main": 128 + signal.SIGKILL})],
    ids=["obeys", "ignores TERM"],
)
def test_a_command_whose_caller_was_killed_is_stopped_soon_where_others_rely_on_it(
    caller: Callable[..., subprocess.Popen[bytes]],
    gate: Gates,
    attempt_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    on_term: str,
    grace_s: str,
    signals: dict[str, int],
) -> None:
    monkeypatch.setenv("GRACE_S", grace_s)
    ready = gate("ready")
    process = caller("sh", "-c", f"trap '{on_term}' TERM; echo > {ready.path}; while :; do sleep 0.02; done")
    ready.wait()

    kill(process)
    found = settled(attempt_dir, stop_after_s=600)  # nobody else stops it

    assert found.exit_codes == signals
    assert not processes.alive(launcher_of(attempt_dir, "child"))


def test_finds_the_end_of_a_command_that_has_long_ended(run_child: RunChild, attempt_dir: Path) -> None:
    run_child(["sh", "-c", "exit 0"], name="b-first")
    run_child(["sh", "-c", "exit 7"], name="a-second")

    found = settled(attempt_dir)

    assert found.verdict is Verdict.ENDED
    assert list(found.exit_codes.items()) == [("b-first", 0), ("a-second", 7)]
    assert "b-first: it ended with 0; a-second: it ended with 7" in found.reason


def test_stops_a_command_that_goes_on_too_long(
    caller: Callable[..., subprocess.Popen[bytes]], gate: Gates, attempt_dir: Path
) -> None:
    ready = gate("ready")
    process = caller("sh", "-c", f"trap 'exit 9' TERM; echo > {ready.path}; while :; do sleep 0.02; done")
    ready.wait()
    kill(process)

    found = settled(attempt_dir, stop_after_s=0.05)

    result = found.commands["main"].result
    assert found.exit_codes == {"main": 9}
    assert result is not None
    assert result.interrupted
    assert not processes.alive(launcher_of(attempt_dir, "child"))


def test_can_be_interrupted_while_it_waits(
    caller: Callable[..., subprocess.Popen[bytes]], gate: Gates, attempt_dir: Path, stop: StopFlag
) -> None:
    ready = gate("ready")
    process = caller("sh", "-c", f"echo > {ready.path}; exec sleep 60")
    ready.wait()
    kill(process)

    with pytest.raises(Interrupted):
        settled(attempt_dir, stop=stop, waiting=lambda _: stop.set(signal.SIGINT))

    assert processes.alive(launcher_of(attempt_dir, "child"))
    assert settled(attempt_dir, stop_after_s=0).exit_codes == {"main": 143}


def test_revokes_a_command_that_was_not_started(attempt_dir: Path, tmp_path: Path) -> None:
    (attempt_dir / "main").mkdir(parents=True)

    found = settled(attempt_dir)
    launch(attempt_dir / "main", "touch", str(tmp_path / "effect")).wait()

    assert found.verdict is Verdict.NEVER_STARTED
    assert found.exit_codes == {}
    assert not (tmp_path / "effect").exists()
    assert settled(attempt_dir).verdict is Verdict.NEVER_STARTED


def test_says_so_when_the_attempt_had_not_come_to_a_command(attempt_dir: Path) -> None:
    attempt_dir.mkdir()

    assert settled(attempt_dir).verdict is Verdict.NO_COMMAND


def test_counts_an_ended_and_a_revoked_command_as_ended(run_child: RunChild, attempt_dir: Path) -> None:
    run_child(["true"], name="first")
    (attempt_dir / "second").mkdir()

    found = settled(attempt_dir)

    assert (found.verdict, found.exit_codes) == (Verdict.ENDED, {"first": 0})
    assert found.commands["second"].verdict is Verdict.NEVER_STARTED


def test_does_not_know_when_launcher_and_command_were_killed(
    caller: Callable[..., subprocess.Popen[bytes]], gate: Gates, attempt_dir: Path
) -> None:
    ready = gate("ready")
    process = caller("sh", "-c", f"echo > {ready.path}; exec sleep 60")
    ready.wait()
    kill(process)
    for record in ("claim", "child"):
        identity = launcher_of(attempt_dir, record)
        os.kill(identity.pid, signal.SIGKILL)
        assert processes.wait_end(identity, 30)

    found = settled(attempt_dir)

    assert found.verdict is Verdict.UNKNOWN
    assert "its launcher was killed; it ended by itself" in found.reason


def test_stops_a_command_whose_launcher_was_killed_with_all_it_started(
    caller: Callable[..., subprocess.Popen[bytes]], gate: Gates, attempt_dir: Path
) -> None:
    ready = gate("ready")
    process = caller("sh", "-c", f"sh -c 'echo $$ > {ready.path}; exec sleep 60' & wait")
    grandchild = processes.of(int(ready.wait()))
    kill(process)
    os.kill(launcher_of(attempt_dir).pid, signal.SIGKILL)

    found = settled(attempt_dir, stop_after_s=0)

    assert found.verdict is Verdict.UNKNOWN
    assert "it was stopped" in found.reason
    assert not processes.alive(grandchild)


def test_names_what_a_command_left_running_when_launcher_and_command_were_killed(
    caller: Callable[..., subprocess.Popen[bytes]], gate: Gates, attempt_dir: Path
) -> None:
    ready = gate("ready")
    process = caller("sh", "-c", f"sh -c 'echo $$ > {ready.path}; exec sleep 60' & wait")
    grandchild = processes.of(int(ready.wait()))
    kill(process)
    for record in ("claim", "child"):
        identity = launcher_of(attempt_dir, record)
        os.kill(identity.pid, signal.SIGKILL)
        assert processes.wait_end(identity, 30)

    found = settled(attempt_dir)

    assert f"still runs: {grandchild.pid}" in found.reason
    assert processes.terminate(grandchild, group=False, drain_s=5)


def test_keeps_a_forked_child_from_starting_after_its_launchers_death(attempt_dir: Path) -> None:
    """The launcher died between its fork and the child's record: the record's place is taken instead."""
    directory = attempt_dir / "main"
    with subprocess.Popen(["true"]) as dead:
        identity = processes.of(dead.pid)
    directory.mkdir(parents=True)
    line = f"{identity.pid} {identity.start_ticks} {identity.boot_id} {identity.pid_namespace}"
    (directory / "claim").write_text(line)

    found = settled(attempt_dir)

    assert found.verdict is Verdict.NEVER_STARTED
    assert (directory / "child").read_text() == "revoked"


def test_a_revoked_child_never_becomes_the_command(attempt_dir: Path, tmp_path: Path) -> None:
    directory = attempt_dir / "main"
    directory.mkdir(parents=True)
    (directory / "child").write_text("revoked")

    launch(directory, "touch", str(tmp_path / "effect")).wait()

    assert not (tmp_path / "effect").exists()


def test_two_launchers_make_one_effect(attempt_dir: Path, tmp_path: Path) -> None:
    effects = tmp_path / "effects"
    for number in range(10):
        racers = [launch(attempt_dir / str(number), "sh", "-c", f"echo {number} >> {effects}") for _ in range(2)]
        assert [racer.wait() for racer in racers] == [0, 0]

    assert sorted(map(int, effects.read_text().split())) == list(range(10))


def test_either_the_launcher_or_the_revocation_wins(attempt_dir: Path, tmp_path: Path) -> None:
    verdicts = set()
    for number in range(10):
        attempt, effect = attempt_dir / str(number), tmp_path / f"effect-{number}"
        racer = launch(attempt / "main", "touch", str(effect))
        if number % 2:
            processes.wait_end(processes.of(racer.pid), 0.001 * number)
        found = settled(attempt)
        racer.wait()
        verdicts.add(found.verdict)

        assert effect.exists() == (found.verdict is Verdict.ENDED)
    assert verdicts <= {Verdict.ENDED, Verdict.NEVER_STARTED}


def test_concludes_nothing_on_another_host_or_after_a_restart(run_child: RunChild, attempt_dir: Path) -> None:
    run_child(["true"])

    assert settle(attempt_dir, same_host_boot=False, stop_after_s=0).verdict is Verdict.UNKNOWN


def test_concludes_nothing_without_records(attempt_dir: Path) -> None:
    found = settled(attempt_dir)

    assert found.verdict is Verdict.UNKNOWN
    assert str(attempt_dir) in found.reason


@pytest.mark.parametrize("what", ["boot_id", "pid_namespace"])
def test_concludes_nothing_from_a_claim_of_another_boot_or_namespace(attempt_dir: Path, what: str) -> None:
    me = {**processes.current().to_json(), what: "other"}
    (attempt_dir / "main").mkdir(parents=True)
    (attempt_dir / "main" / "claim").write_text(f"{me['pid']} {me['start_ticks']} {me['boot_id']} {me['pid_namespace']}")

    assert settled(attempt_dir).verdict is Verdict.UNKNOWN


def test_reports_that_the_program_was_missing(attempt_dir: Path) -> None:
    launch(attempt_dir / "main", "no-such-program").wait()

    found = settled(attempt_dir)

    assert (found.verdict, found.exit_codes) == (Verdict.ENDED, {"main": 127})
    assert "cannot exec no-such-program" in found.reason


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_launcher_survives_signals_to_record_the_end(attempt_dir: Path, gate: Gates, number: signal.Signals) -> None:
    ready = gate("ready")
    launcher = launch(
        attempt_dir / "main", "sh", "-c", f"trap 'exit 6' INT TERM HUP; echo > {ready.path}; while :; do sleep 0.02; done"
    )
    ready.wait()

    launcher.send_signal(number)
    launcher.wait()

    assert settled(attempt_dir).exit_codes == {"main": 6}


def test_kills_the_command_when_its_launcher_does_not_stop_it_in_time(
    gate: Gates, attempt_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.adapters.settle.GRACE_S", 0.1)
    monkeypatch.setattr("orchestrator.adapters.settle._LAUNCHER_SLACK_S", 1.0)
    ready = gate("ready")
    launcher = launch(attempt_dir / "main", "sh", "-c", f"trap '' TERM; echo > {ready.path}; while :; do sleep 0.02; done")
    ready.wait()

    assert settled(attempt_dir, stop_after_s=0).exit_codes == {"main": 137}
    launcher.wait()


def test_stops_a_launcher_that_is_itself_stopped(
    caller: Callable[..., subprocess.Popen[bytes]], gate: Gates, attempt_dir: Path
) -> None:
    ready = gate("ready")
    process = caller("sh", "-c", f"echo > {ready.path}; exec sleep 60")
    ready.wait()
    kill(process)
    launcher = launcher_of(attempt_dir)
    os.kill(launcher.pid, signal.SIGSTOP)

    assert settled(attempt_dir, stop_after_s=0).exit_codes == {"main": 143}
    assert not processes.alive(launcher)
