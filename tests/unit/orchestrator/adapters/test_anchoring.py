"""Signed heads reach the command and the file that deploy.json names; what goes wrong is said and never waited for."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from eventstore import Head
from orchestrator.adapters import signing
from orchestrator.adapters.anchoring import AnchorReceivers, AnchorUndelivered
from orchestrator.domain.anchor import parse
from orchestrator.domain.settings import AuditSettings

HEAD = Head(7, b"h" * 32)


def receivers(tmp_path: Path, **settings: object) -> AnchorReceivers:
    return AnchorReceivers(AuditSettings(**settings), tmp_path, str(tmp_path / "audit.key"))  # type: ignore[arg-type]


def python(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code


def test_adds_a_signed_line_to_the_file_each_time(tmp_path: Path) -> None:
    to = receivers(tmp_path, anchor_file="anchors.jsonl")

    to.publish("s" * 32, HEAD)
    to.publish("s" * 32, Head(9, b"i" * 32))

    found = list(parse((tmp_path / "anchors.jsonl").read_text(), "anchors.jsonl"))
    assert [(each.position, each.hash) for each in found] == [(7, HEAD.hash.hex()), (9, (b"i" * 32).hex())]
    assert [signing.problem_of(each) for each in found] == [None, None]
    assert (tmp_path / "anchors.jsonl").stat().st_mode & 0o777 == 0o600


def test_gives_the_line_to_the_command_in_the_project(tmp_path: Path) -> None:
    code = "import sys; open('got', 'w').write(sys.stdin.read())"

    receivers(tmp_path, anchor_command=python(code)).publish("s" * 32, HEAD)

    assert json.loads((tmp_path / "got").read_text())["position"] == 7


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"anchor_command": python("import sys; sys.exit('vault is sealed')")}, "exit code 1: vault is sealed"),
        ({"anchor_command": ("no-such-program",)}, "no-such-program: No such file"),
        ({"anchor_file": "missing/anchors"}, "missing/anchors: No such file"),
    ],
)
def test_says_what_went_wrong(tmp_path: Path, settings: dict[str, object], words: str) -> None:
    with pytest.raises(AnchorUndelivered, match=words):
        receivers(tmp_path, **settings).publish("s" * 32, HEAD)


def test_one_failing_receiver_does_not_keep_the_head_from_the_other(tmp_path: Path) -> None:
    with pytest.raises(AnchorUndelivered):
        receivers(tmp_path, anchor_command=("no-such-program",), anchor_file="kept").publish("s" * 32, HEAD)

    assert (tmp_path / "kept").exists()


def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    code = "import os, subprocess, sys; p = subprocess.Popen(['sleep', '60']); open('pid', 'w').write(str(p.pid)); p.wait()"
    began = time.monotonic()

    with pytest.raises(AnchorUndelivered, match=r"did not end within 0\.5 s"):
        receivers(tmp_path, anchor_command=python(code), timeout_s=0.5).publish("s" * 32, HEAD)

    assert time.monotonic() - began < 10
    with pytest.raises(ProcessLookupError):
        _gone(int((tmp_path / "pid").read_text()))


def _gone(pid: int) -> None:
    """Raises once the process is no more; its reaping is init's, which takes a moment."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        os.kill(pid, 0)
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            raise ProcessLookupError
        os.sched_yield()
