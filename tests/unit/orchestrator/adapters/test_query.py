"""Questions to programs: bounded, with a deadline, and without a terminal to ask back."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.adapters.query import SubprocessQuery
from orchestrator.adapters.signals import StopFlag
from orchestrator.domain.errors import Interrupted
from orchestrator.targets.base import QueryTimeout, ToolMissing

from .conftest import Gate


@pytest.fixture
def query(tmp_path: Path, stop: StopFlag) -> SubprocessQuery:
    return SubprocessQuery(tmp_path, stop)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except FileNotFoundError:
        return True


def test_answers_with_both_streams_and_the_exit_code(query: SubprocessQuery) -> None:
    result = query(["sh", "-c", "echo out; echo err >&2; exit 3"])

    assert (result.stdout, result.stderr, result.exit_code, result.ok) == ("out\n", "err\n", 3, False)
    assert result.argv == ("sh", "-c", "echo out; echo err >&2; exit 3")


def test_runs_in_the_project_with_our_environment_and_what_is_added(
    query: SubprocessQuery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "1")

    result = query(["sh", "-c", "pwd; echo $OURS $ADDED"], env={"ADDED": "2"})

    assert result.stdout == f"{tmp_path}\n1 2\n"
    assert query(["pwd"], cwd=Path("/")).stdout == "/\n"


def test_keeps_the_last_64_kb_of_each_stream(query: SubprocessQuery) -> None:
    result = query(["sh", "-c", "seq 1 200000; seq 1 300000 >&2"])

    assert (len(result.stdout), len(result.stderr)) == (64 << 10, 64 << 10)
    assert result.stdout.endswith("\n200000\n")
    assert result.stderr.endswith("\n300000\n")


def test_decodes_what_is_not_utf8_with_replacement(query: SubprocessQuery) -> None:
    assert query(["printf", r"caf\351"]).stdout == "caf\ufffd"


def test_gives_no_input_and_no_terminal(query: SubprocessQuery) -> None:
    result = query(["sh", "-c", "cat; test ! -e /dev/tty || ! true < /dev/tty"])

    assert (result.stdout, result.exit_code) == ("", 0)


def test_kills_the_whole_group_at_the_deadline(query: SubprocessQuery, gate: Callable[[str], Gate]) -> None:
    told_pid, pids = gate("pid"), []
    reader = threading.Thread(target=lambda: pids.append(int(told_pid.wait())))
    reader.start()

    with pytest.raises(QueryTimeout, match=r"^sh -c .* did not answer in 0\.5 s and was stopped; its last words: trying"):
        query(["sh", "-c", f"echo trying >&2; sleep 60 & echo $! > {told_pid.path}; wait"], timeout_s=0.5)

    reader.join()
    deadline = time.monotonic() + 10
    while not gone(pids[0]) and time.monotonic() < deadline:
        time.sleep(0.01)  # the orphan's end is init's to notice, not ours
    assert gone(pids[0])


def test_does_not_wait_for_a_grandchild_that_holds_the_pipes(query: SubprocessQuery) -> None:
    started = time.monotonic()

    result = query(["sh", "-c", "sleep 20 & echo done"], timeout_s=15)

    assert result.stdout == "done\n"
    assert time.monotonic() - started < 10


def test_is_ended_by_a_signal(query: SubprocessQuery, stop: StopFlag) -> None:
    threading.Timer(0.05, stop.set, (signal.SIGINT,)).start()

    with pytest.raises(Interrupted, match="SIGINT"):
        query(["sleep", "60"])


def test_says_how_a_signal_ended_the_program(query: SubprocessQuery) -> None:
    assert query(["sh", "-c", "kill -9 $$"]).exit_code == 137


def test_says_what_is_missing(query: SubprocessQuery, tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match=r"^no-such-program is not on PATH"):
        query(["no-such-program"])
    with pytest.raises(ToolMissing, match="there is no such directory"):
        query(["true"], cwd=tmp_path / "gone")
    (tmp_path / "plain").write_text("")
    with pytest.raises(ToolMissing, match=r"\./plain cannot be started: Permission denied"):
        query(["./plain"])


def test_tells_a_missing_interpreter_from_a_missing_program(query: SubprocessQuery, tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/no/such/interpreter\n")
    (tmp_path / "tool").chmod(0o755)

    with pytest.raises(ToolMissing, match=r"^tool exists, but the interpreter"):
        query(["tool"], env={"PATH": str(tmp_path)})


def test_asks_nothing_once_asked_to_stop(query: SubprocessQuery, stop: StopFlag, tmp_path: Path) -> None:
    stop.set(signal.SIGTERM)

    with pytest.raises(Interrupted, match="SIGTERM"):
        query(["touch", "asked"])
    assert not (tmp_path / "asked").exists()


def test_leaves_no_descriptor_open(query: SubprocessQuery) -> None:
    query(["true"])
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(5):
        query(["true"])
    with pytest.raises(QueryTimeout):
        query(["sleep", "60"], timeout_s=0.01)

    assert len(list(Path("/proc/self/fd").iterdir())) == before
