"""Five empty steps, and finishing them after a SIGKILL in the third, against the same on DBOS with its defaults (SQLite).

DBOS's side is the program of its documentation: nothing is configured, steps and workflow are empty functions. Ours is the
product's own runner, from the event that begins the execution to the one that ends it, with five read models and the hash chain;
both sides stay open from one run to the next. An interrupted one is finished by a new process: `pop-deploy resume` is measured to
its exit, DBOS to the moment at which the workflow is on record as finished. Of DBOS's time there about one second is its own wait
before it looks into the queue through which it recovers; an application cannot configure it.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from benchmarks.harness import (
    BIN,
    DEADLINE_S,
    Figure,
    Limit,
    Side,
    Skipped,
    Unit,
    cached_venv,
    compare,
    environment,
    program,
    timed,
)
from benchmarks.project import held, run_whole, workspace_of, write_project

REQUIREMENT = "dbos==3.4.0"
PROGRAM = Path(__file__).parent / "programs" / "dbos_workflow.py"
STEPS = 5
EMPTY = {"dir": "world", "steps": [{"name": f"step-{number}", "effect": False} for number in range(1, STEPS + 1)]}
KILLED = {"POP_DEPLOY_FAKE_KILL": "step-3:before"}


def run(scratch: Path) -> Iterator[Figure | Skipped]:
    subjects = "overhead of a step", "resume after SIGKILL"
    try:
        python = cached_venv(REQUIREMENT)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        yield from (Skipped(subject, f"{REQUIREMENT} cannot be installed: {_last_line(error)}") for subject in subjects)
        return
    yield _overhead(subjects[0], scratch, python)
    yield _resume(subjects[1], scratch, python)


def _overhead(subject: str, scratch: Path, python: Path) -> Figure:
    project = write_project(scratch / "steps", EMPTY)
    with ExitStack() as open_now:
        theirs = open_now.enter_context(_dbos_running(python, scratch / "dbos-steps"))
        workspace = open_now.enter_context(workspace_of(project))

        def ours() -> float:
            with held(workspace) as (journal, planned):
                return timed(lambda: run_whole(workspace, journal, planned))

        return compare(
            f"{subject}, five empty steps",
            Side("step_runner on SqliteEventStore, from ExecutionStarted to DeploymentDeployed", ours),
            Side(f"{REQUIREMENT}: a workflow of five steps that do nothing", theirs),
            Limit(0.3, Unit.TIMES),
            runs=60,
            count=STEPS,
            per="/step",
        )


def _resume(subject: str, scratch: Path, python: Path) -> Figure:
    project, place, numbers = write_project(scratch / "resumed", EMPTY), scratch / "dbos-resumed", count(1)
    place.mkdir()
    execute: list[str | Path] = [BIN / "pop-deploy", "execute", "--mode", "deploy", "--yes"]
    resume = program([BIN / "pop-deploy", "resume"], cwd=project)

    def ours() -> float:
        _killed(execute, project, KILLED)
        return timed(lambda: _required("Result: SUCCESS", resume()))

    def theirs() -> float:
        workflow = f"workflow-{next(numbers)}"
        _killed([python, PROGRAM, "interrupted", workflow], place)
        return _seconds_to_line([python, PROGRAM, "recovered", workflow], place)

    return compare(
        f"{subject} in the third of five steps",
        Side("pop-deploy resume, to its exit", ours),
        Side(f"{REQUIREMENT}: the program started again, to the workflow's success on record", theirs),
        Limit(0.15, Unit.TIMES),
        runs=15,
    )


@contextmanager
def _dbos_running(python: Path, place: Path) -> Iterator[Callable[[], float]]:
    """DBOS in a process that stays; gives what runs the workflow once and returns the seconds it took."""
    place.mkdir()
    argv = [str(python), str(PROGRAM), "times"]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            argv, cwd=place, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdin is not None and process.stdout is not None
        asked, said = process.stdin, process.stdout

        def once() -> float:
            asked.write("go\n")
            asked.flush()
            return float(said.readline() or _fail(place))

        try:
            yield once
        finally:
            process.kill()
            process.communicate()


def _killed(argv: list[str | Path], place: Path, env: dict[str, str] | None = None) -> None:
    """Run *argv*, which has to kill itself."""
    done = subprocess.run(
        [str(word) for word in argv], cwd=place, env=environment(env), capture_output=True, timeout=DEADLINE_S, check=False
    )
    if done.returncode != -signal.SIGKILL:
        raise RuntimeError(f"{argv[0]}: was to be killed, ended with {done.returncode}\n{done.stderr.decode(errors='replace')}")


def _seconds_to_line(argv: list[str | Path], place: Path) -> float:
    """From the start of *argv* to the first line that it prints."""
    with (place / "log").open("wb") as log:
        started = time.perf_counter()
        with subprocess.Popen(
            [str(word) for word in argv],
            cwd=place,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            seconds = time.perf_counter() - started
    return seconds if line else _fail(place)


def _required(word: str, printed: str) -> None:
    if word not in printed:
        raise RuntimeError(f"expected {word} in:\n{printed}")


def _fail(place: Path) -> float:
    raise RuntimeError(f"{REQUIREMENT} ended without an answer:\n{(place / 'log').read_text(encoding='utf-8', errors='replace')}")


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
