"""A command of a step: what it is given, what is kept of it, how it is stopped. Real processes throughout."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.adapters.launchers import LAUNCHER
from orchestrator.targets import processes
from orchestrator.targets.base import StepError, ToolMissing

from .conftest import Gate, RunChild

Python = Callable[[str], list[str]]
Gates = Callable[[str], Gate]
TELL = "import os, json, sys, signal; "


def told(run_child: RunChild, python: Python, expression: str, **options: object) -> object:
    result = run_child(python(f"{TELL}print(json.dumps({expression}))"), **options)
    assert result.exit_code == 0, result.stderr_tail
    return json.loads(result.head)


def test_keeps_output_and_exit_code(run_child: RunChild) -> None:
    result = run_child(["sh", "-c", "echo out; echo err >&2; exit 3"])

    assert (result.exit_code, result.signal, result.timed_out, result.interrupted) == (3, None, False, False)
    assert sorted(result.head.split()) == [b"err", b"out"]
    assert result.stderr_tail == b"err\n"
    assert (result.tail, result.total_bytes, result.cut_bytes) == (b"", 8, 0)


def test_says_which_signal_ended_it(run_child: RunChild) -> None:
    result = run_child(["sh", "-c", "kill -SEGV $$"])

    assert (result.exit_code, result.signal) == (128 + signal.SIGSEGV, signal.SIGSEGV)


def test_passes_arguments_as_they_are(run_child: RunChild, python: Python) -> None:
    arguments = ["", " ", "--", "a b", "'\"$HOME`*", "zeile\nzwei", "grüß", os.fsdecode(b"\xff\xfe")]

    result = run_child([*python("import sys, os; os.write(1, b'\\0'.join(map(os.fsencode, sys.argv[1:])))"), *arguments])

    assert result.head == b"\0".join(map(os.fsencode, arguments))


def test_gives_the_command_its_environment_and_nothing_else(run_child: RunChild, python: Python) -> None:
    env = {"PATH": os.environ["PATH"], "EMPTY": "", "LINES": "a\nb=c", "LC_ALL": "C", "BYTES": os.fsdecode(b"\xff")}

    result = run_child(["env", "-0"], env=env)

    assert dict(line.split(b"=", 1) for line in result.head.split(b"\0") if line) == {
        **{name.encode(): os.fsencode(value) for name, value in env.items()},
        b"PYTHONUNBUFFERED": b"1",
    }


def test_keeps_the_locale_that_the_caller_sets(run_child: RunChild) -> None:
    result = run_child(["sh", "-c", "echo $LC_CTYPE"], env={"PATH": os.environ["PATH"], "LC_CTYPE": "C.UTF-8"})

    assert result.head == b"C.UTF-8\n"


def test_leaves_the_environment_out_of_every_file(run_child: RunChild, attempt_dir: Path) -> None:
    secret = "hunter2-very-secret"

    run_child(["true"], name="good", env={"PATH": os.environ["PATH"], "TOKEN": secret})
    with pytest.raises(ToolMissing):
        run_child(["no-such-program"], name="bad", env={"PATH": "/nowhere", "TOKEN": secret})

    files = [path for path in attempt_dir.rglob("*") if path.is_file()]
    assert len(files) >= 8
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_keeps_its_files_private_and_the_commands_umask(run_child: RunChild, attempt_dir: Path, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        run_child(["touch", str(tmp_path / "made")])
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o644
    assert stat.S_IMODE((attempt_dir / "main").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (attempt_dir / "main").iterdir()} == {0o600}


def test_runs_where_it_is_told(run_child: RunChild, tmp_path: Path) -> None:
    place = tmp_path / "with blank"
    place.mkdir()

    assert run_child(["pwd"], cwd=place).head == f"{place}\n".encode()


def test_gives_no_input_no_terminal_and_no_open_file(run_child: RunChild, python: Python, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as inherited:
        os.set_inheritable(inherited.fileno(), True)

        said = told(run_child, python, "[sys.stdin.read(), sorted(map(int, os.listdir('/proc/self/fd')))[:-1], os.isatty(1)]")

    assert said == ["", [0, 1, 2], False]


def test_restores_signal_handling(run_child: RunChild, python: Python) -> None:
    names = "('SIGINT', 'SIGTERM', 'SIGHUP', 'SIGCHLD')"
    before = [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)]
    try:
        status = run_child(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]).head
        handlers = told(run_child, python, f"[str(signal.getsignal(getattr(signal, n))) for n in {names}]", name="second")
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGHUP, before[1])

    internal = 1 << 31 | 1 << 32  # the C library's own two, which its posix_spawn leaves ignored
    assert {int(line.split()[1], 16) & ~internal for line in status.splitlines()} == {0}
    assert isinstance(handlers, list)
    assert "default_int_handler" in handlers[0]
    assert handlers[1:] == ["0", "0", "0"] or all("SIG_DFL" in handler for handler in handlers[1:])


def test_runs_in_a_session_and_group_apart_from_ours(run_child: RunChild, python: Python) -> None:
    said = told(run_child, python, "[os.getsid(0), os.getpgid(0), os.getpid()]")

    assert isinstance(said, list)
    assert said[0] != os.getsid(0)
    assert said[1] == said[2]


def test_reports_a_missing_program_with_what_to_do(run_child: RunChild) -> None:
    with pytest.raises(ToolMissing, match=r"^no-such-program is not on PATH \(/nowhere:/bin\): install it or add") as caught:
        run_child(["no-such-program"], env={"PATH": "/nowhere:/bin"})

    assert "hunter" not in str(caught.value)


def test_reports_a_missing_program_that_was_named_by_path(run_child: RunChild, tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match=r"^\./deploy\.sh: no such program in "):
        run_child(["./deploy.sh"], cwd=tmp_path)


def test_tells_a_missing_interpreter_from_a_missing_program(run_child: RunChild, tmp_path: Path) -> None:
    script = tmp_path / "deploy.sh"
    script.write_text("#!/no/such/sh\n")
    script.chmod(0o755)

    with pytest.raises(ToolMissing, match="exists, but the interpreter"):
        run_child(["./deploy.sh"], cwd=tmp_path)


def test_reports_a_file_that_cannot_be_executed(run_child: RunChild, tmp_path: Path) -> None:
    (tmp_path / "deploy.sh").write_text("echo")

    with pytest.raises(StepError, match=r"main: cannot exec \./deploy\.sh: Permission denied") as caught:
        run_child(["./deploy.sh"], cwd=tmp_path)

    assert (caught.value.exit_code, caught.value.effect) == (127, False)


def test_reports_a_missing_working_directory(run_child: RunChild, tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"main: cannot chdir .*gone: No such file") as caught:
        run_child(["true"], cwd=tmp_path / "gone")

    assert caught.value.effect is False


def test_reports_arguments_that_no_program_can_take(run_child: RunChild) -> None:
    with pytest.raises(StepError, match="cannot start true: embedded null"):
        run_child(["true", "a\0b"], name="null")
    with pytest.raises(StepError, match=r"cannot exec true: Argument list too long"):
        run_child(["true", "x" * 200_000], name="long")


def test_takes_an_exit_code_of_127_for_the_commands_own(run_child: RunChild) -> None:
    assert run_child(["sh", "-c", "exit 127"]).exit_code == 127


def test_finds_programs_on_the_commands_path(run_child: RunChild, tmp_path: Path) -> None:
    for name, mode in (("first", 0o644), ("second", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool").write_text("#!/bin/sh\necho found\n")
        (tmp_path / name / "tool").chmod(mode)

    result = run_child(["tool"], env={"PATH": f"{tmp_path}/none:{tmp_path}/first/tool:{tmp_path}/first:{tmp_path}/second:/bin"})

    assert result.head == b"found\n"


def test_refuses_a_name_twice_and_names_that_are_no_file_name(run_child: RunChild) -> None:
    run_child(["true"], name="once")

    with pytest.raises(FileExistsError):
        run_child(["true"], name="once")
    for name in ("", "../out", ".hidden"):
        with pytest.raises(ValueError, match="cannot name a command"):
            run_child(["true"], name=name)


def test_keeps_bytes_that_are_not_utf8(run_child: RunChild, python: Python) -> None:
    result = run_child(python("import os; os.write(1, bytes(range(256)))"))

    assert result.head == bytes(range(256))


def test_survives_a_command_that_reopens_its_output(run_child: RunChild) -> None:
    result = run_child(
        ["sh", "-c", "echo one; echo two > /dev/stdout; echo three >> /dev/stdout; echo four > /dev/stderr; echo five"]
    )

    assert sorted(result.head.split()) == [b"five", b"four", b"one", b"three", b"two"]


def test_ends_with_the_command_although_a_grandchild_holds_its_output(run_child: RunChild, gate: Gates) -> None:
    told_pid = gate("pid")
    reading: list[str] = []
    reader = threading.Thread(target=lambda: reading.append(told_pid.wait()))
    reader.start()
    started = time.monotonic()

    result = run_child(["sh", "-c", f"sleep 60 & echo $! > {told_pid.path}; echo done"])

    reader.join()
    grandchild = processes.of(int(reading[0]))
    assert result.exit_code == 0
    assert result.head == b"done\n"
    assert time.monotonic() - started < 20
    assert processes.alive(grandchild)
    processes.terminate(grandchild, group=False, drain_s=5)


def test_bounds_a_flood(run_child: RunChild, attempt_dir: Path) -> None:
    lines = 100_000_000 // 80
    code = f"for n in range({lines // 1000}): print('\\n'.join('%079d' % (n * 1000 + i) for i in range(1000)))"

    result = run_child([sys.executable, "-c", code], env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": ""})

    assert result.total_bytes == lines * 80
    assert (len(result.head), len(result.tail)) == (1 << 20, 4 << 20)
    assert result.cut_bytes == lines * 80 - (5 << 20)
    assert result.head.startswith(b"0" * 79 + b"\n")
    assert result.tail.endswith(f"{lines - 1:079d}\n".encode())
    assert sum(path.stat().st_size for path in (attempt_dir / "main").iterdir()) < 10 << 20


def test_keeps_the_end_of_a_flood_on_stderr(run_child: RunChild) -> None:
    result = run_child(["sh", "-c", "seq 1 100000 >&2"])

    assert len(result.stderr_tail) == 64 << 10
    assert result.stderr_tail.endswith(b"99999\n100000\n")


def test_puts_head_and_tail_together_without_a_gap(run_child: RunChild) -> None:
    result = run_child(["seq", "1", "400000"])

    assert result.cut_bytes == 0
    assert result.head + result.tail == "".join(f"{n}\n" for n in range(1, 400001)).encode()


def test_follows_the_output_while_the_command_runs(run_child: RunChild, gate: Gates) -> None:
    go_on, seen = gate("go"), []

    def follow(block: bytes) -> None:
        seen.append(block)
        if len(seen) == 1:
            go_on.pass_on()

    run_child(["sh", "-c", f"echo before; cat {go_on.path} > /dev/null; echo after"], follow=follow)

    assert seen == [b"before\n", b"after\n"]


def test_follows_a_flood_from_its_newest(run_child: RunChild) -> None:
    seen: list[bytes] = []

    result = run_child(["seq", "1", "3000000"], follow=seen.append)

    assert seen[-1].endswith(b"3000000\n")
    assert max(map(len, seen)) <= 64 << 10
    assert sum(map(len, seen)) < result.total_bytes


def test_says_why_the_launcher_could_not_start(run_child: RunChild, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("orchestrator.adapters.launchers.LAUNCHER", (*LAUNCHER[:-1], str(tmp_path / "gone.py")))

    with pytest.raises(StepError, match=r"main: cannot start true: .*No module named 'launcher'") as caught:
        run_child(["true"])
    assert caught.value.effect is False


def test_goes_on_when_output_cannot_be_stored(run_child: RunChild) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        result = run_child(["sh", "-c", "seq 1 400000; exit 3"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (result.exit_code, result.spool_errno) == (3, errno.EFBIG)
    assert len(result.head) == 200_000
    assert result.cut_bytes == result.total_bytes - 200_000 > 2_000_000


def test_costs_little_more_than_a_plain_child(run_child: RunChild) -> None:
    plain, ours = [], []
    for number in range(15):
        started = time.perf_counter()
        subprocess.run(["true"], check=True)
        plain.append(time.perf_counter() - started)
        started = time.perf_counter()
        run_child(["true"], name=f"run-{number}")
        ours.append(time.perf_counter() - started)

    assert min(ours) - min(plain) < 0.040
