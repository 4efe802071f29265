"""A real HTTP server that answers as it is told: `Endpoint`. Tests wait for what arrives there, not for time to pass."""

from __future__ import annotations

import json
import queue
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.e2e.project import DEADLINE_S

HANG, CLOSE = "hang", "close"


@dataclass(frozen=True)
class Got:
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def id(self) -> str:
        return self.headers["Pop-Deploy-Event-Id"]


class Endpoint:
    """Answers with each of *script* once, then with 200: a status, `HANG` (until `release`), `CLOSE` (no answer at all)."""

    def __init__(self, *script: int | str, headers: dict[str, str] | None = None) -> None:
        self._script, self._headers = list(script), headers or {}
        self._arrived: queue.Queue[Got] = queue.Queue()
        self._released = threading.Event()
        self.holding = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                endpoint._handle(self)

            def log_message(self, format: str, *args: object) -> None:
                """Not on the test's stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def speak_tls(self, context: ssl.SSLContext) -> None:
        """From now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def next(self) -> Got:
        """The next request, once it has arrived as a whole; it may not be answered yet."""
        return self._arrived.get(timeout=DEADLINE_S)

    def empty(self) -> bool:
        """Nothing has arrived that was not asked for."""
        return self._arrived.empty()

    def release(self) -> None:
        """Answer what is held, with 200."""
        self._released.set()

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        answer = self._script.pop(0) if self._script else 200
        if answer == HANG:
            self.holding += 1
        self._arrived.put(Got(dict(request.headers), body))
        if answer == CLOSE:
            request.close_connection = True
            return
        if answer == HANG:
            self._released.wait(DEADLINE_S)
            self.holding -= 1
            answer = 200
        request.send_response(int(answer))
        for name, value in self._headers.items():
            request.send_header(name, value)
        request.end_headers()


@contextmanager
def endpoint(*script: int | str, headers: dict[str, str] | None = None) -> Iterator[Endpoint]:
    made = Endpoint(*script, headers=headers)
    try:
        yield made
    finally:
        made.close()
