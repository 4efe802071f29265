"""A server that answers as a test says, for the tests of measurements: `serving`, and what it may do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHORT_S = 0.3
"""A deadline for what would take 30 seconds."""

Act = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """Does *act* with each request; `released` ends what hangs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.act: Act = said(200)
        self.paths: list[str] = []
        self.released = threading.Event()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def url(self, path: str = "/health") -> str:
        return f"http://{self.place}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        with suppress(OSError):  # the other side has hung up
            self.server.act(self)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def said(status: int, body: bytes = b"ok", *, after_s: float = 0.0) -> Act:
    def act(handler: Handler) -> None:
        handler.server.released.wait(after_s)
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return act


def hang(handler: Handler) -> None:
    handler.server.released.wait(30)


def close(handler: Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def drip(handler: Handler) -> None:
    """A byte at a time, so that no single wait is long."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    _drop(handler)


def drip_without_length(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    _drop(handler)


def _drop(handler: Handler) -> None:
    while not handler.server.released.wait(0.02):
        handler.wfile.write(b"x")


def break_off(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"only this")


def babble(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65536)


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()
