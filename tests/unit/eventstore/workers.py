"""Starts `worker.py` processes, and ends them whatever the test does."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[3]
WORKER = [sys.executable, str(Path(__file__).with_name("worker.py"))]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


class Workers:
    """The processes of one test."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in self.running:
            process.kill()
            process.communicate()

    def start(self, *commands: list[str], stdout: int = subprocess.PIPE) -> list[subprocess.Popen[str]]:
        started = [
            subprocess.Popen([*WORKER, *command], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=stdout, text=True)
            for command in commands
        ]
        self.running += started
        return started

    def start_loaded(self, *commands: list[str]) -> list[subprocess.Popen[str]]:
        started = self.start(*commands)
        assert [line(process) for process in started] == ["ready"] * len(started)
        return started

    def until_killed(self, lines: int, *commands: list[str]) -> list[str]:
        """Run *commands* at once until so many lines were said by all of them together, then kill them; all that they said.

        They share a pipe, which keeps short lines whole: a line that is there was said before its process was killed.
        """
        ours, theirs = os.pipe()
        with os.fdopen(ours, encoding="utf-8") as said:
            started = self.start(*commands, stdout=theirs)
            os.close(theirs)
            assert [said.readline() for _ in started] == ["ready\n"] * len(started)
            for process in started:
                go(process)
            heard = [said.readline() for _ in range(lines)]
            for process in started:
                process.kill()
            return heard + said.readlines()

    def finish(self, *commands: list[str]) -> list[list[str]]:
        """Run all *commands* at once to their end; what each of them said."""
        started = self.start_loaded(*commands)
        for process in started:
            go(process)
        said = [process.communicate(timeout=60)[0].split("\n")[:-1] for process in started]
        assert [process.returncode for process in started] == [0] * len(started)
        return said


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
