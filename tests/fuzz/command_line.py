"""Argument lists -> the whole command, in this process, in a small project of its own: an exit code, and never a traceback.

There is no docker, no git and no network: PATH is empty, the only target is a `fake`. Standard input is empty, as in CI.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from orchestrator.cli.errors import run as run_command
from orchestrator.cli.main import COMMANDS, cli
from tests.fuzz.running import Fuzzer, room
from tests.fuzz.values import ODD_TEXT

WORDS = (
    "--dir", "--store", "--json", "--actor", "--reason", "--environment", "-e", "--target", "-t", "--version", "-V", "--mode",
    "-m", "--dry-run", "--all", "--yes", "-y", "--plan", "--limit", "--status", "--all-attempts", "--at", "--to", "--list",
    "--follow", "--project-name", "--targets", "--primary", "--ci", "--force", "--help", "--wait", "--anchor", "--from",
)  # fmt: skip
VALUES = (
    "latest",
    "fake",
    "default",
    "production",
    "1.0.0",
    "deploy",
    "canary",
    "confirm_deploy=proceed",
    "deploy_mode=deploy",
    "1",
    "0",
)
ID = "deploy-20260318-143022-k3f9"
WRITING = 0.25
"""Share of the inputs that may write; they are what takes time."""
_READING = tuple(name for name in COMMANDS if name in {"history", "show", "logs", "replay", "metrics", "slots"})


@cache
def pristine() -> Path:
    """A project where something was deployed, and something was simulated."""
    project = room() / "pristine"
    (project / ".claude" / "popkit").mkdir(parents=True)
    (project / "package.json").write_text('{"name": "shop", "version": "1.0.0"}')
    document = {"version": "1.0", "project_name": "shop", "targets": {"fake": {"config": {"dir": "world"}, "primary": True}}}
    (project / ".claude" / "popkit" / "deploy.json").write_text(json.dumps(document))
    for words in (["prepare"], ["execute", "--mode", "deploy", "--yes"]):
        code, _, err = call([*words, "--dir", str(project)])
        assert code == 0, err
    return project


def call(words: list[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of ``pop-deploy WORDS``."""
    with _streams() as (out, err):
        try:
            run_command(cli, words)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        out.flush()
        err.flush()
        return code, _text(out), _text(err)


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(errors="replace")


@contextmanager
def _streams() -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    """In place of this process's; with an environment and a directory that are nobody's."""
    before = sys.stdin, sys.stdout, sys.stderr
    environ, directory, handlers = dict(os.environ), Path.cwd(), {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict") for _ in range(2))
    home = room() / "home"
    home.mkdir(exist_ok=True)
    try:
        sys.stdin, sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO(b"")), out, err
        os.environ.clear()
        os.environ |= {
            "PATH": str(home),
            "HOME": str(home),
            "POP_DEPLOY_ACTOR": "ann",
            "LANG": "C.UTF-8",
            "XDG_STATE_HOME": str(home),
        }
        yield out, err
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
        os.environ.clear()
        os.environ |= environ
        os.chdir(directory)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def check(words: list[str]) -> None:
    project = room() / "project"
    if not project.exists():
        shutil.copytree(pristine(), project)
    code, out, err = call([*words[:1], "--dir", str(project), *words[1:]] if words and words[0] in COMMANDS else words)
    assert "Traceback" not in err, err
    assert code in range(9), code
    assert "\x1b" not in out + err, "an escape code for a terminal"
    if "--json" in words and code == 0 and out.startswith("{"):
        json.loads(out)
    if words and words[0] not in _READING:
        shutil.rmtree(project)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    writing = draw(st.floats(0, 1)) < WRITING
    name = draw(st.sampled_from(tuple(COMMANDS) if writing else _READING))
    if not draw(st.integers(0, 19)):
        name = draw(ODD_TEXT)
    value = st.sampled_from((*VALUES, ID)) | ODD_TEXT | st.text(max_size=5)
    word = st.one_of(st.sampled_from(WORDS), value, st.builds("{}={}".format, st.sampled_from(WORDS), value))
    words = draw(st.lists(word, max_size=5))
    # Nobody can be followed or waited for here, and a project elsewhere is nobody's to write to.
    return [
        _argument(each)
        for each in (name, *words)
        if not each.startswith(("-f", "--f", "--wait", "--dir", "--d", "--store", "--from"))
    ]


def _argument(text: str) -> str:
    """As an argument arrives: no NUL, and what is not UTF-8 as half characters."""
    return os.fsdecode(text.replace("\0", "").encode("utf-8", "surrogateescape" if "\ud800" not in text else "replace"))


FUZZERS = (Fuzzer("command line", 3, command_lines(), check),)
