"""Processes of pop-deploy that need not load it: one process has loaded it, and forks another for each command.

What is forked is a process like any other: SIGKILL ends it, and its children, locks and start time are its own. Run as a program
this is the process that forks; `Victims` is how the suite talks to it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

LOADED = ("adapters", "cli", "projections", "rendering", "services", "targets")
COMMANDS = ("execute", "resume", "rollback")


class Victims:
    """Made when the first command is run; to be closed."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._forker: subprocess.Popen[str] | None = None

    def run(self, words: Sequence[str], cwd: Path, env: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        """Exit code, negative for a signal, and what was printed. Raises TimeoutExpired."""
        forker = self._forker = self._forker or _forker(env)
        assert forker.stdin is not None
        assert forker.stdout is not None
        self._output.unlink(missing_ok=True)
        order = {"words": list(words), "cwd": str(cwd), "env": dict(env), "output": str(self._output)}
        forker.stdin.write(json.dumps(order) + "\n")
        forker.stdin.flush()
        if not select.select([forker.stdout], [], [], timeout_s)[0]:
            forker.kill()
            raise subprocess.TimeoutExpired(words, timeout_s)
        code = forker.stdout.readline()
        return int(code), self._output.read_bytes()

    def close(self) -> None:
        if self._forker is not None:
            self._forker.communicate(timeout=60)
            self._forker = None


def _forker(env: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__], env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )


def load() -> None:
    """All that a deployment may load on its way. Nothing of it opens, locks or starts anything."""
    for package in LOADED:
        for module in pkgutil.iter_modules(importlib.import_module(f"orchestrator.{package}").__path__):
            with suppress(ImportError):  # of an extra that is not installed
                importlib.import_module(f"orchestrator.{package}.{module.name}")
    for command in COMMANDS:
        importlib.import_module(f"orchestrator.cli.commands.{command}")
    importlib.import_module("eventstore.sqlite")


def serve() -> None:
    """Fork a process for each order that is read, and say how it ended."""
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            _become(order)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(order: dict[str, object]) -> None:
    from tests.crash import victim

    os.chdir(str(order["cwd"]))
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, str(order["output"]), os.O_WRONLY | os.O_CREAT)):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.dup2(1, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - without what was read ahead
    victim.arm()
    sys.exit(victim.main(order["words"]))  # type: ignore[arg-type]


if __name__ == "__main__":
    load()
    serve()
