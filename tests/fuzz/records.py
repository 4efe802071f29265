"""What processes leave for each other: the launcher's request, and the files of a command's directory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hypothesis import strategies as st

from orchestrator.adapters import launcher_request
from orchestrator.adapters.attempt import CommandDirectory
from orchestrator.adapters.launchers import Request
from orchestrator.adapters.spool import Follower, spool_chunks
from orchestrator.domain.masking import Masker
from tests.fuzz.running import Fuzzer, room
from tests.fuzz.values import flipped

REQUEST = Request(Path("/x/d"), ("echo", "a b", "é"), Path("/x"), {"A": "1", "PATH": "/bin"}, 600.0, 10.0, ("s3cr3t",)).to_bytes()
FILES = {
    "claim": [b"4242 123 0a0a-boot pid:[4026531836]", b"revoked"],
    "child": [b"4243 124 0a0a-boot pid:[4026531836]", b"revoked"],
    "exec-error": [b"2 exec /no/such/program", b"13 chdir /x y"],
    "launcher-error": [b"Traceback: \xff\x1b[2J"],
    "out-0": [b"hello\n" * 50],
    "out-1": [b"more\n" * 50],
    "out-2": [b"and more\n" * 50],
    "stderr": [b"oh no\n"],
    "exit": [
        b"code 0\nsignal 0\ntimed_out 0\nforwarded 0\nduration_ms 12\nbytes 300\nspool_errno 0\n".ljust(512),
        b"code 0\nsignal 9\ntimed_out 1\nforwarded 15\nduration_ms 12\nbytes 9999999\nspool_errno 28\n".ljust(512),
    ],
}
NAMES = (*FILES, "exit.tmp", "out-x", "out-", "out--1", "out-99999999999", "claim.7", "out-³")


def receive(raw: bytes) -> None:
    """A request is taken as a whole, or not at all: every field that `main` looks at is what it must be."""
    read, write = os.pipe()
    try:
        os.write(write, raw[:60_000])
        os.close(write)
        fields = launcher_request.receive(read)
    finally:
        os.close(read)
    if fields is not None:  # as `main` takes them apart
        _, _, timeout_s, grace_s, _, _, count, hidden = fields[:8]
        end = 8 + int(count) + int(hidden)
        assert 0 < int(count) <= end <= len(fields)
        assert float(timeout_s) >= 0 <= float(grace_s)
        dict(variable.split(b"=", 1) for variable in fields[end:])


def read_records(files: dict[str, bytes]) -> None:
    """Everything that `resume`, `logs` and the step runner ask of a command's directory."""
    path = room() / "command"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    command = CommandDirectory(path)
    for record in ("claim", "child"):
        command.process(record)
        command.revoked(record)
    command.claimed_at()
    str(command.exec_error())
    command.launcher_error()
    result = command.result()
    spool_chunks(result.spool, Masker())
    follower = Follower(path)
    follower.newest()
    follower.newest()


@st.composite
def directories(draw: st.DrawFn) -> dict[str, bytes]:
    files = {name: draw(st.sampled_from(contents)) for name, contents in FILES.items() if draw(st.booleans())}
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(NAMES))
        files[name] = draw(flipped(FILES.get(name, [b"1"])) | st.binary(max_size=40))
    return files


FUZZERS = (
    Fuzzer("launcher's request", 12, flipped([REQUEST]) | st.binary(max_size=64), receive),
    Fuzzer("records of a command", 5, directories(), read_records),
)
