"""What the tests of running children share: real processes, and events to wait for instead of sleeping."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from orchestrator.adapters.attempt import ChildResult
from orchestrator.adapters.child import run
from orchestrator.adapters.launchers import Launchers
from orchestrator.adapters.signals import StopFlag
from tests.unit.orchestrator.adapters.deploy_json_files import TEXT


class Gate:
    """A named pipe: `wait` returns what a process writes to it, once it does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

    def wait(self) -> str:
        return self.path.read_text().strip()

    def pass_on(self, text: str = "go") -> None:
        """Blocks until a process reads."""
        self.path.write_text(text)


@pytest.fixture
def gate(tmp_path: Path) -> Callable[[str], Gate]:
    return lambda name: Gate(tmp_path / name)


@pytest.fixture
def stop() -> Iterator[StopFlag]:
    flag = StopFlag()
    yield flag
    flag.close()


@pytest.fixture
def attempt_dir(tmp_path: Path) -> Path:
    return tmp_path / "attempt"


@pytest.fixture
def launchers() -> Iterator[Launchers]:
    one = Launchers()
    yield one
    one.close()


RunChild = Callable[..., ChildResult]


@pytest.fixture
def run_child(attempt_dir: Path, tmp_path: Path, stop: StopFlag, launchers: Launchers) -> RunChild:
    def call(
        argv: Sequence[str],
        *,
        name: str = "main",
        cwd: Path = tmp_path,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 60,
        grace_s: float = 5,
        follow: Callable[[bytes], None] | None = None,
    ) -> ChildResult:
        environment = {"PATH": os.environ["PATH"]} if env is None else env
        return run(
            attempt_dir,
            name,
            argv,
            cwd=cwd,
            env=environment,
            timeout_s=timeout_s,
            grace_s=grace_s,
            stop=stop,
            launchers=launchers,
            follow=follow,
        )

    return call


@pytest.fixture
def python() -> Callable[[str], list[str]]:
    """An argument list that runs a piece of Python."""
    return lambda code: [sys.executable, "-c", code]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A deploy.json with `TEXT` in it."""
    path = tmp_path / "popkit" / "deploy.json"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path
