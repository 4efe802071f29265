"""A fixed slice of `tests/fuzz` on every run, and every input that ever was a finding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eventstore import CodecError
from orchestrator.adapters import launcher_request
from orchestrator.adapters.attempt import CommandDirectory
from orchestrator.adapters.spool import Follower
from orchestrator.domain.errors import HistoryBroken
from tests.fuzz import __main__ as fuzz
from tests.fuzz import command_line, configuration, events, records, stores
from tests.fuzz.running import Fuzzer, Hung, deadline, run

SEED = 20260318


@pytest.mark.parametrize("fuzzer", fuzz.FUZZERS, ids=lambda fuzzer: fuzzer.name)
def test_a_slice_of_each_fuzzer_finds_nothing(fuzzer: Fuzzer) -> None:
    inputs = max(8, round(1.5 * fuzzer.share))

    assert run(fuzzer, inputs, SEED).inputs >= inputs // 2


def test_the_shares_make_a_whole() -> None:
    assert sum(fuzzer.share for fuzzer in fuzz.FUZZERS) + sum(fuzz.guided.SHARES.values()) == 100


def test_an_input_that_hangs_is_a_finding() -> None:
    with pytest.raises(Hung, match="no end after"), deadline(0.05):
        while True:
            pass


def test_a_traceback_is_a_finding() -> None:
    def fails(value: bytes) -> None:
        raise KeyError(value)

    broken = Fuzzer("broken", 1, configuration.FUZZERS[1].inputs, fails)

    with pytest.raises(KeyError) as caught:
        run(broken, 5, SEED)
    assert any("fuzzer broken, input" in note for note in caught.value.__notes__)


# Findings


@pytest.mark.parametrize("raw", [b"\0", b"9" * 5000, b"1\nx", b"\xb2\nab", b"3\na\0b", b"12\na\0b\0" + b"1\0" * 3 + b"x\0"])
def test_a_launcher_takes_nothing_for_a_request_that_is_none(raw: bytes) -> None:
    records.receive(raw)


@pytest.mark.parametrize(
    ("field", "value"),
    [(2, b"soon"), (3, b"nan"), (4, b"one"), (5, b"-1"), (6, b"0"), (6, b"-1"), (6, b"99"), (-1, b"no variable")],
)
def test_a_launcher_refuses_a_request_that_cannot_be_carried_out(field: int, value: bytes) -> None:
    right = records.REQUEST.partition(b"\n")[2].split(b"\0")
    wrong = list(right)
    wrong[field] = value

    assert launcher_request._is_request(right)
    assert not launcher_request._is_request(wrong)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("claim", b""),
        ("claim", b"99999999999999999999 1 boot pid:[1]"),
        ("child", b"x y z w"),
        ("exec-error", b""),
        ("exec-error", b"9999999999 exec /x"),
        ("exit", b"code"),
        ("exit", b"code 0\ncode x\n"),
        ("exit", b"signal -9\n"),
        ("exit", b"\xff\xfe"),
        ("out-x", b""),
        ("out-\xc2\xb3", b""),
        ("out-99999999999", b"x"),
    ],
)
def test_a_damaged_record_of_a_command_says_nothing(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    command = CommandDirectory(tmp_path)

    records.read_records({name: content})

    assert (command.process("claim"), command.process("child"), command.exit()) == (None, None, None)
    assert (command.exec_error() is not None) is (name == "exec-error")
    assert Follower(tmp_path).newest() == b""


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("DeploymentSimulated", b'{"success": "yes"}'),
        ("StepSucceeded", b'{"phase": 1, "step": "a", "attempt": 1}'),
        ("DecisionRequested", b'{"decision_id": "a", "question": "b", "header": "c", "options": [1]}'),
        ("DeploymentFailed", b'{"step": "a", "message": "b", "diagnostics": [null]}'),
        ("SlotTaken", b'{"deployment_id": "a", "host": "b", "pid": 1.5, "start_ticks": 1, "boot_id": "c"}'),
        ("SlotReleased", b"[]"),
    ],
)
def test_an_event_of_other_types_than_its_class_is_none(kind: str, data: bytes) -> None:
    with pytest.raises(CodecError, match=f"{kind} of schema version 1 does not fit its class"):
        events.decode((kind, 1, data))


@pytest.mark.parametrize("spoil", ["steps", "release", "command"])
def test_a_plan_that_is_none_is_no_part_of_a_deployment(spoil: str) -> None:
    world = {name: [list(event) for event in told] for name, told in events.stories()[0].items()}
    deployment = next(name for name in world if name.startswith("deployment-"))
    world = {deployment: json.loads(json.dumps(world[deployment]))}
    plan = next(data["plan"] for _, _, data in world[deployment] if "plan" in data)
    if spoil == "command":
        plan["steps"][0]["command"] = [1]
    else:
        plan[spoil] = {"steps": [{}], "release": {"version": None}}[spoil]

    with pytest.raises((HistoryBroken, CodecError), match=r"DeploymentPrepared (does not follow|in .* cannot follow)"):
        events.follow({name: [(kind, version, data) for kind, version, data in told] for name, told in world.items()})


def test_a_store_with_a_turned_bit_is_said_to_be_damaged() -> None:
    raw = stores.original()
    place = raw.index(b'"version":"1.0.0"')

    stores.check(([(place, 1), (place + 20, 2)], 0, 2))


@pytest.mark.parametrize(
    "words", [["show", "\udcff"], ["history", "-e", "\udcff"], ["execute", "--reason", "\x1b[2J"], ["logs", ""]]
)
def test_an_argument_that_is_no_text_is_refused(words: list[str]) -> None:
    command_line.check(words)
