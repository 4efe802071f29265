"""A project with a real store on disc, and the command line as a user meets it: arguments in, exit code and output out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from eventstore.sqlite import SqliteEventStore
from orchestrator.cli.main import main
from orchestrator.projections.registry import inline
from tests.published import check_printed
from tests.unit.orchestrator.histories import Clock, World


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project; nothing of the machine's own settings reaches it."""
    for name in ("CLAUDE_PLUGIN_DATA", "POP_DEPLOY_STORE", "POP_DEPLOY_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".claude" / "popkit").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def world(project: Path) -> World:
    """The project's store, for writing."""
    clock = Clock()
    path = project / ".claude" / "popkit" / "events.db"
    return World(SqliteEventStore(f"sqlite:///{path}", projections=inline(), now=clock), clock)


@pytest.fixture
def run(project: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs ``pop-deploy ARGUMENTS --dir PROJECT``; what it prints with ``--json`` fits its published schema."""

    def invoke(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--dir", str(project)])
        out, err = capsysbinary.readouterr()
        check_printed(arguments, out.decode())
        return Ended(int(ended.value.code or 0), out.decode(), err.decode())

    return invoke
