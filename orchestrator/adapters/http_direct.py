"""One HTTP request, asked directly: no proxy, no redirect followed, TLS verified, an end that a server cannot put off.

For health checks (`health_tries.py`) and notifications (`receivers.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from http.client import HTTPConnection
    from urllib.parse import SplitResult


def connection(parts: SplitResult, timeout_s: float) -> HTTPConnection:
    from http.client import HTTPConnection, HTTPSConnection

    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(str(parts.hostname), parts.port, timeout=timeout_s)


def path(parts: SplitResult) -> str:
    from urllib.parse import quote

    safe = "/%:@!$&'()*+,;=~?[]"
    return quote(parts.path or "/", safe) + (f"?{quote(parts.query, safe)}" if parts.query else "")


@contextlib.contextmanager
def hang_up_after(limit_s: float, on: HTTPConnection) -> Iterator[None]:
    """The socket's own limit starts anew with every byte: a server that drips would keep us for ever."""
    import socket
    import threading

    held = on.sock

    def hang_up() -> None:
        with contextlib.suppress(OSError):  # the other side was faster
            # The plain socket's own: a TLS socket would forget that it is one while we read from it.
            socket.socket.shutdown(held, socket.SHUT_RDWR)

    guard = threading.Timer(limit_s, hang_up)
    guard.daemon = True
    guard.start()
    try:
        yield
    finally:
        guard.cancel()


def refusal(problem: OSError, limit_s: float) -> str:
    if isinstance(problem, TimeoutError):
        return f"no answer within {limit_s:.3g} s"
    return (problem.strerror or str(problem) or type(problem).__name__).lower()
