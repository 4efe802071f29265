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
    """The processes of one test. They are loaded and waiting when `start` returns, and begin with `go`."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in self.running:
            process.kill()
            process.communicate()

    def start(self, *commands: list[str]) -> list[subprocess.Popen[str]]:
        started = [
            subprocess.Popen([*WORKER, *command], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for command in commands
        ]
        self.running += started
        for process in started:
            assert line(process) == "ready"
        return started

    def finish(self, *commands: list[str]) -> list[list[str]]:
        """Run all *commands* at once to their end; what each of them said."""
        started = self.start(*commands)
        for process in started:
            go(process)
        said = [process.communicate(timeout=60)[0].split("\n")[:-1] for process in started]
        assert [process.returncode for process in started] == [0] * len(started)
        return said


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def rest(process: subprocess.Popen[str]) -> str:
    """What it said until its end. (`communicate` would lose what `line` has read ahead.)"""
    assert process.stdout is not None
    return process.stdout.read()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
