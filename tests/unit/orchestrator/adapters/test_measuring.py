"""Measurements of a canary against real servers and commands: a value, no value, no answer, or a bad one, and always in time."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.adapters.measuring import Measurements
from orchestrator.domain.errors import Interrupted
from orchestrator.targets.base import QueryTimeout, ToolMissing
from orchestrator.targets.canary import Measured
from tests.unit.orchestrator.adapters.measuring_server import (
    SHORT_S,
    Act,
    Handler,
    Server,
    babble,
    break_off,
    close,
    drip,
    drip_without_length,
    endless,
    hang,
    said,
    serving,
)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def measure(tmp_path: Path) -> Measurements:
    return Measurements(tmp_path)


@pytest.fixture
def closed_place() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 10 * SHORT_S


# Requests


def test_the_value_is_the_time_of_an_answer_in_milliseconds(server: Server, measure: Measurements) -> None:
    server.act = said(200, after_s=0.1)
    measured = measure.http([server.url("/health?full=1")], expect_status=200, timeout_s=2.0)

    assert measured.value is not None and 100 <= measured.value < 1000
    assert (measured.error, measured.failure, server.paths) == ("", "", ["/health?full=1"])


def test_the_value_is_that_of_the_slowest_of_all_endpoints(server: Server, measure: Measurements) -> None:
    server.act = lambda handler: said(200, after_s=0.15 if handler.path == "/slow" else 0.0)(handler)
    urls = [server.url("/fast"), server.url("/slow"), server.url("/fast")]
    measured = measure.http(urls, expect_status=200, timeout_s=2.0)

    assert measured.value is not None and measured.value >= 150
    assert server.paths == ["/fast", "/slow", "/fast"]


def test_another_status_than_expected_is_a_failure(server: Server, measure: Measurements) -> None:
    server.act = said(500)
    measured = measure.http([server.url()], expect_status=200, timeout_s=2.0)

    assert measured.failure == f"{server.place}: HTTP 500, expected 200"
    assert measure.http([server.url()], expect_status=500, timeout_s=2.0).failure == ""


def test_a_redirect_is_not_followed(server: Server, measure: Measurements) -> None:
    def redirect(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", server.url("/elsewhere"))
        handler.end_headers()

    server.act = redirect
    measured = measure.http([server.url()], expect_status=200, timeout_s=2.0)

    assert measured.failure.endswith("HTTP 302, expected 200")
    assert server.paths == ["/health"]


@pytest.mark.parametrize("act", [hang, drip, drip_without_length, said(200, after_s=30)], ids=["hang", "drip", "stream", "slow"])
def test_what_takes_too_long_is_a_failure_in_time(server: Server, measure: Measurements, act: Act) -> None:
    server.act = act
    measured = measure.http([server.url()], expect_status=200, timeout_s=SHORT_S)

    assert measured == Measured(failure=f"{server.place}: no answer within 0.3 s")


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (close, "remote end closed connection without response"),
        (babble, "no HTTP answer (BadStatusLine)"),
        (break_off, "its answer breaks off"),
    ],
)
def test_half_an_answer_is_a_failure(server: Server, measure: Measurements, act: Act, problem: str) -> None:
    server.act = act

    assert measure.http([server.url()], expect_status=200, timeout_s=2.0) == Measured(failure=f"{server.place}: {problem}")


def test_an_endless_body_is_read_for_a_while_only(server: Server, measure: Measurements) -> None:
    server.act = endless

    assert measure.http([server.url()], expect_status=200, timeout_s=2.0).failure == ""


def test_where_nobody_listens_is_a_failure(closed_place: str, measure: Measurements) -> None:
    measured = measure.http([f"http://{closed_place}/"], expect_status=200, timeout_s=2.0)

    assert measured == Measured(failure=f"{closed_place}: connection refused")


def test_one_bad_endpoint_of_several_is_enough(server: Server, closed_place: str, measure: Measurements) -> None:
    measured = measure.http([server.url(), f"http://{closed_place}/"], expect_status=200, timeout_s=2.0)

    assert measured.failure == f"{closed_place}: connection refused"


def test_no_endpoint_is_no_answer(measure: Measurements) -> None:
    assert measure.http([], expect_status=200, timeout_s=2.0).error == "nothing of it can be asked: no endpoint is known"


# Commands


def command(measure: Measurements, program: str, timeout_s: float = 2.0) -> Measured:
    return measure.command([sys.executable, "-S", "-c", program], timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("program", "value"),
    [("print(0.25)", 0.25), ("print(' 3 \\n\\n')", 3.0), ("print('-1e3')", -1000.0), ("pass", None), ("print(' ')", None)],
)
def test_a_command_prints_its_value_or_none(measure: Measurements, program: str, value: float | None) -> None:
    assert command(measure, program) == Measured(value)


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("print('3 errors')", "expected one number, got '3 errors'"),
        ("print('1\\n2')", "expected one number, got '1\\n2'"),
        ("import sys; sys.exit(1)", "exit 1"),
        ("import sys; print(5); sys.exit('no\\nconnection')", "exit 1: connection"),
        ("import os; os.kill(os.getpid(), 9)", "exit 137"),
    ],
)
def test_a_command_that_fails_has_no_value(measure: Measurements, program: str, error: str) -> None:
    assert command(measure, program) == Measured(error=f"{sys.executable}: {error}")


def test_a_command_runs_in_the_projects_directory(measure: Measurements, tmp_path: Path) -> None:
    (tmp_path / "value").write_text("7")

    assert command(measure, "print(open('value').read())") == Measured(7.0)


def test_a_command_that_hangs_is_stopped(measure: Measurements) -> None:
    with pytest.raises(QueryTimeout, match=r"did not answer in 0\.3 s and was stopped"):
        command(measure, "import time; time.sleep(60)", SHORT_S)


def test_nothing_is_left_running_when_nobody_waits_any_more(measure: Measurements, tmp_path: Path) -> None:
    program = "import os; open('pid.new', 'w').write(str(os.getpid())); os.rename('pid.new', 'pid'); import time; time.sleep(60)"
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(command, measure, program, 60.0)
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        pid = int((tmp_path / "pid").read_text())
        measure.close()

        assert isinstance(asked.exception(timeout=1), Interrupted)
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(Interrupted):
        command(measure, "print(1)")


def test_a_command_that_is_not_there_is_named(measure: Measurements) -> None:
    with pytest.raises(ToolMissing, match="no-such-program"):
        measure.command(["no-such-program"], timeout_s=2.0)
