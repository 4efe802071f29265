"""Following what a running attempt prints: real commands under their launcher, and files as a launcher leaves them."""

import sys
from pathlib import Path

import pytest

from orchestrator.adapters import child
from orchestrator.adapters.launcher import HEAD_BYTES, SEGMENT_BYTES
from orchestrator.adapters.launchers import Launchers
from orchestrator.adapters.live_output import AttemptTail, LiveOutput, references
from orchestrator.adapters.signals import StopFlag
from orchestrator.domain.masking import Masker
from orchestrator.domain.settings import SecretRef


def run(attempt: Path, name: str, script: str) -> None:
    child.run(
        attempt,
        name,
        [sys.executable, "-c", script],
        cwd=attempt,
        env={"PATH": "/usr/bin:/bin"},
        timeout_s=30,
        stop=StopFlag(),
        launchers=Launchers(),
    )


def test_reads_what_real_commands_print_one_after_another(tmp_path: Path) -> None:
    attempt = tmp_path / "deploy-build-1"
    attempt.mkdir()
    tail = AttemptTail(attempt)
    nothing = tail.read()
    run(attempt, "one", "print('first', flush=True)")
    first = tail.read()
    run(attempt, "two", "print('second')")
    run(attempt, "main", "print('third')")

    assert (nothing, first, tail.read(), tail.read()) == (b"", b"first\n", b"second\nthird\n", b"")


def test_an_attempt_whose_files_have_gone_says_nothing(tmp_path: Path) -> None:
    assert AttemptTail(tmp_path / "gone").read() == b""


class Launcher:
    """Writes a command's files as a launcher does."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        (directory / "claim").write_text("1 2 boot pid:[1]")

    def write(self, number: int, data: bytes) -> None:
        with (self.directory / f"out-{number}").open("ab") as file:
            file.write(data)


def test_nothing_comes_twice_while_output_grows(tmp_path: Path) -> None:
    launcher, tail = Launcher(tmp_path / "main"), AttemptTail(tmp_path)

    launcher.write(0, b"one ")
    first = tail.read()
    launcher.write(0, b"two")
    assert (first, tail.read(), tail.read()) == (b"one ", b"two", b"")


def test_goes_over_the_edges_of_segments(tmp_path: Path) -> None:
    launcher, tail = Launcher(tmp_path / "main"), AttemptTail(tmp_path)
    launcher.write(0, b"h" * (HEAD_BYTES - 1))
    head = tail.read()
    launcher.write(0, b"H")
    launcher.write(1, b"s" * 10)

    assert (len(head), tail.read()) == (HEAD_BYTES - 1, b"H" + b"s" * 10)


def test_goes_on_with_what_is_left_after_segments_were_dropped(tmp_path: Path) -> None:
    launcher, tail = Launcher(tmp_path / "main"), AttemptTail(tmp_path)
    launcher.write(0, b"head")
    tail.read()
    launcher.write(2, b"b" * SEGMENT_BYTES)
    launcher.write(3, b"tail")

    assert tail.read() == b"b" * SEGMENT_BYTES + b"tail"


def test_a_secret_is_masked_also_when_it_comes_in_two_parts(tmp_path: Path) -> None:
    masker = Masker()
    masker.add("hunter2-hunter2")
    launcher, live = Launcher(tmp_path / "main"), LiveOutput(tmp_path, masker)

    launcher.write(0, b"password: hunter2-")
    first = live.read()
    launcher.write(0, b"hunter2\nnext\n")
    assert first + live.read() == b"password: ***\nnext\n"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"config": {"env": {"TOKEN": {"env": "SHOP_TOKEN"}, "MODE": "x"}}}, [SecretRef(env="SHOP_TOKEN")]),
        ({"environments": {"p": {"config": {"headers": [{"file": "secrets/token"}]}}}}, [SecretRef(file="secrets/token")]),
        ({"config": {"env": {"env": {"env": "NESTED"}}}}, [SecretRef(env="NESTED")]),
        ({"env": "plain", "other": 1}, []),
        (None, []),
    ],
)
def test_finds_every_reference_to_a_secret(document: object, expected: list[SecretRef]) -> None:
    assert list(references(document)) == expected
