"""Health checks against real servers: tried until they succeed, honest about the last answer, silent about secrets."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from orchestrator.adapters.clock import SystemClock
from orchestrator.adapters.health import HealthChecks
from orchestrator.adapters.query import SubprocessQuery
from orchestrator.adapters.secrets import SecretStore
from orchestrator.adapters.signals import StopFlag
from orchestrator.domain.errors import Interrupted, UsageProblem
from orchestrator.domain.masking import Masker
from orchestrator.domain.settings import HealthCheck, SecretRef
from orchestrator.targets.base import CheckStatus, SecretMissing

TOKEN = "hunter2-" + "x" * 300


class Server(ThreadingHTTPServer):
    """Answers each request with the next of *answers*, the last one for ever; keeps the requests' headers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, dict[str, str], bytes]] = [(200, {}, b"ok")]
        self.requests: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str = "/health") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        status, headers, body = self.server.answers[0]
        if len(self.server.answers) > 1:
            self.server.answers.pop(0)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def health(tmp_path: Path, stop: StopFlag) -> HealthChecks:
    masker = Masker()
    secrets = SecretStore(tmp_path, masker, {"TOKEN": TOKEN, "LINES": "a\nb"})
    return HealthChecks(query=SubprocessQuery(tmp_path, stop), clock=SystemClock(stop), secrets=secrets, masker=masker)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_passes_on_the_expected_status(server: Server, health: HealthChecks) -> None:
    check = health(HealthCheck(url=server.url("/health?full=1")))

    assert check.status is CheckStatus.PASS
    assert check.message.startswith("HTTP 200 after 1 try in ")
    assert server.requests[0][0] == "/health?full=1"


def test_tries_again_until_it_is_healthy(server: Server, health: HealthChecks) -> None:
    server.answers = [(503, {}, b"starting"), (200, {}, b"not yet"), (200, {}, b'{"status": "ok"}')]

    check = health(HealthCheck(url=server.url(), expect_body='"status": *"ok"', interval_s=0.01))

    assert check.status is CheckStatus.PASS
    assert "after 3 tries" in check.message


def test_names_the_last_answer_when_time_is_up(server: Server, health: HealthChecks) -> None:
    server.answers = [(500, {}, b"Traceback:\n  \x1b[31mdatabase\x1b[0m is down\n" + b"x" * 1000)]

    check = health(HealthCheck(url=server.url(), interval_s=0.02, timeout_s=0.2))

    assert check.status is CheckStatus.FAIL
    assert check.message.startswith("HTTP 500 after ")
    assert " tries in 0." in check.message
    assert ' s: "Traceback: database is down xxx' in check.message
    assert len(check.message) < 300


def test_says_what_the_body_lacks(server: Server, health: HealthChecks) -> None:
    check = health(HealthCheck(url=server.url(), expect_body="healthy", timeout_s=0.05))

    assert check.message.startswith("HTTP 200 without 'healthy' in its body after 1 try")
    assert check.message.endswith(': "ok"')


def test_expects_another_status_when_told(server: Server, health: HealthChecks) -> None:
    server.answers = [(401, {}, b"")]

    assert health(HealthCheck(url=server.url(), expect_status=401)).status is CheckStatus.PASS
    assert "HTTP 401 instead of 204 after" in health(HealthCheck(url=server.url(), expect_status=204, timeout_s=0)).message


def test_follows_no_redirect(server: Server, health: HealthChecks) -> None:
    server.answers = [(302, {"Location": "http://elsewhere.example/"}, b"")]

    check = health(HealthCheck(url=server.url(), timeout_s=0))

    assert check.message.endswith(": redirects to http://elsewhere.example/, which is not followed")
    assert len(server.requests) == 1


def test_sends_secret_headers_and_never_shows_them(server: Server, health: HealthChecks) -> None:
    server.answers = [(500, {}, b"." * 150 + f"you sent {TOKEN}".encode())]

    check = health(HealthCheck(url=server.url(), headers={"X-Token": SecretRef(env="TOKEN"), "X-Plain": "grün"}, timeout_s=0))

    assert server.requests[0][1]["X-Token"] == TOKEN
    assert "you sent ***" in check.message
    assert "hunter2" not in check.message


def test_sends_the_credentials_of_the_address(server: Server, health: HealthChecks) -> None:
    health(HealthCheck(url=server.url().replace("://", "://bob:p%40ss@")))

    assert server.requests[0][1]["Authorization"] == "Basic Ym9iOnBAc3M="


def test_reads_no_more_than_the_first_mebibyte(server: Server, health: HealthChecks) -> None:
    server.answers = [(200, {}, b"x" * (1 << 20) + b"needle")]

    assert health(HealthCheck(url=server.url(), expect_body="needle", timeout_s=0)).status is CheckStatus.FAIL


def test_says_that_nothing_listens(health: HealthChecks, closed_port: int) -> None:
    check = health(HealthCheck(url=f"http://127.0.0.1:{closed_port}/", interval_s=0.02, timeout_s=0.1))

    assert check.status is CheckStatus.FAIL
    assert check.message.startswith(f"127.0.0.1:{closed_port}: connection refused after ")


def test_does_not_hide_an_answer_behind_a_later_refusal(health: HealthChecks) -> None:
    with Server() as server:
        server.answers = [(500, {}, b"out of memory")]
        url = server.url()

        def one_answer() -> None:
            server.handle_request()
            server.server_close()

        threading.Thread(target=one_answer).start()

        check = health(HealthCheck(url=url, interval_s=0.1, timeout_s=0.5))

    assert ": connection refused after " in check.message
    assert check.message.endswith('; before that HTTP 500: "out of memory"')


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_gives_up_on_a_server_that_drips(health: HealthChecks, drip: bytes) -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as connection:
                connection.sendall(drip)
                while not over.wait(0.02):
                    try:
                        connection.sendall(drip[-1:])
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        began = time.monotonic()

        check = health(HealthCheck(url=f"http://127.0.0.1:{listening.getsockname()[1]}/", expect_body="never", timeout_s=0.3))

        over.set()
        thread.join()
    assert check.status is CheckStatus.FAIL
    assert time.monotonic() - began < 4


def test_says_that_the_answer_was_no_http(health: HealthChecks) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        check = health(HealthCheck(url=f"http://127.0.0.1:{listening.getsockname()[1]}/", timeout_s=0))
        thread.join()

    assert ": no HTTP answer (BadStatusLine) after 1 try" in check.message


def test_connects_by_tcp(server: Server, health: HealthChecks, closed_port: int) -> None:
    good = health(HealthCheck(tcp=f"127.0.0.1:{server.server_port}"))
    bad = health(HealthCheck(tcp=f"127.0.0.1:{closed_port}", timeout_s=0))

    assert good.status is CheckStatus.PASS
    assert (bad.status, bad.message.startswith(f"127.0.0.1:{closed_port}: connection refused after 1 try")) == (
        CheckStatus.FAIL,
        True,
    )


def test_runs_a_command_until_it_exits_with_0(health: HealthChecks, tmp_path: Path) -> None:
    command = ("sh", "-c", "echo x >> tries; test $(wc -l < tries) -ge 3 || { echo not yet >&2; exit 4; }")

    check = health(HealthCheck(command=command, interval_s=0.01))

    assert check.status is CheckStatus.PASS
    assert check.message.startswith("sh: exit 0 after 3 tries")


def test_names_the_commands_last_words(health: HealthChecks) -> None:
    check = health(HealthCheck(command=("sh", "-c", "echo first; echo password=abcdef wrong >&2; exit 4"), timeout_s=0))

    assert check.message.startswith("sh: exit 4 after 1 try")
    assert check.message.endswith(': "password=*** wrong"')


def test_does_not_try_a_missing_program_again(health: HealthChecks) -> None:
    check = health(HealthCheck(command=("no-such-program",), timeout_s=30))

    assert check.message.startswith("no-such-program is not on PATH")
    assert "after 1 try" in check.message


def test_gives_a_command_no_more_than_the_time_left(health: HealthChecks) -> None:
    check = health(HealthCheck(command=("sleep", "60"), timeout_s=0.2))

    assert check.message.startswith("sleep: no end within 0.2 s after 1 try")


def test_is_ended_by_a_signal_between_tries(health: HealthChecks, closed_port: int, stop: StopFlag) -> None:
    threading.Timer(0.05, stop.set, (signal.SIGTERM,)).start()

    with pytest.raises(Interrupted):
        health(HealthCheck(tcp=f"127.0.0.1:{closed_port}", interval_s=60, timeout_s=600))


def test_waits_before_the_first_try(server: Server, health: HealthChecks) -> None:
    began = time.monotonic()

    health(HealthCheck(url=server.url(), initial_delay_s=0.1))

    assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (HealthCheck(), "health_check: expected one of"),
        (HealthCheck(url="ftp://host/"), "health_check.url: expected http"),
        (HealthCheck(url="http://host:99999/"), "health_check.url: expected http"),
        (HealthCheck(url="http://host/", expect_body="("), "health_check.expect_body: '\\(' is no regular"),
        (
            HealthCheck(url="http://host/", headers={"X-A": SecretRef(env="LINES")}),
            "health_check.headers.X-A: its value has several",
        ),
        (HealthCheck(tcp="host"), 'health_check.tcp: expected "host:port"'),
        (HealthCheck(tcp="host:0"), 'health_check.tcp: expected "host:port"'),
    ],
)
def test_refuses_a_check_that_makes_no_sense(health: HealthChecks, check: HealthCheck, message: str) -> None:
    with pytest.raises(UsageProblem, match=message):
        health(check)


def test_needs_the_secrets_of_its_headers(health: HealthChecks) -> None:
    with pytest.raises(SecretMissing, match="NO_SUCH"):
        health(HealthCheck(url="http://127.0.0.1/", headers={"X": SecretRef(env="NO_SUCH")}))
