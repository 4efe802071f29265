"""Holds a real `pop-deploy` process at a place in its program: `held_at`, for instants at which nothing outside could hold it.

The place is a function, held the first time that it is called. It is found by a ``sitecustomize`` that Python itself loads; the
program is otherwise the installed one. What runs under a launcher is not affected: that ignores PYTHONPATH.
"""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.project import DEADLINE_S, Gate, Project

_HOOK = """
import functools, importlib.util, os, sys

module, _, name = os.environ["HOLD_AT"].partition(":")


class Finder:
    def find_spec(self, fullname, path, target=None):
        if fullname != module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        execute = spec.loader.exec_module

        def exec_module(made):
            execute(made)
            *owners, last = name.split(".")
            owner = functools.reduce(getattr, owners, made)
            setattr(owner, last, held(getattr(owner, last)))

        spec.loader.exec_module = exec_module
        return spec


def held(function):
    calls = []

    @functools.wraps(function)
    def wrapper(*words, **named):
        calls.append(None)
        if len(calls) == 1:
            exec(open(os.environ["HOLD_GATE"]).read(), {"print": lambda *_, **__: None})
        return function(*words, **named)

    return wrapper


sys.meta_path.insert(0, Finder())
"""


class Hold:
    """A `Gate` in the program itself; *env* makes a process stop there."""

    def __init__(self, project: Project, place: str) -> None:
        directory = project.root / "hold"
        self.gate = Gate(directory)
        (directory / "sitecustomize.py").write_text(_HOOK)
        self.env = {"PYTHONPATH": str(directory), "HOLD_AT": place, "HOLD_GATE": self.gate.hook[-1]}


@contextmanager
def held_at(project: Project, place: str, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], Gate]]:
    """``pop-deploy WORDS``, held at *place*, for example ``orchestrator.services.planning:make_plan``."""
    hold = Hold(project, place)
    process = project.start(*words, **hold.env)
    try:
        hold.gate.wait()
        yield process, hold.gate
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=DEADLINE_S)
        hold.gate.close()


def alive(pid: int) -> bool:
    """It runs, or it has ended and nobody has taken note of that yet (a zombie counts as ended)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def lock_is_free(project: Project) -> bool:
    """Nobody holds the lock of a slot."""
    for path in (project.data / "locks").glob("slot-*.lock"):
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
    return True
