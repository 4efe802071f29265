"""Measures what a canary check asks for: requests, a command's number, an instant query to Prometheus.

Prometheus: `HTTP API, instant queries <https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries>`_.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from orchestrator.adapters.http_direct import connection, hang_up_after, path, refusal
from orchestrator.adapters.query import SubprocessQuery
from orchestrator.adapters.signals import StopFlag
from orchestrator.domain.errors import PopDeployError
from orchestrator.targets.canary import Measured

if TYPE_CHECKING:
    from http.client import HTTPResponse

MAX_BODY_BYTES = 1 << 20
_STOPPED_S = 1.0
"""A killed command is gone in milliseconds; one that cannot be killed keeps nobody."""


class Measurements:
    """Implements `services.ports.Measuring`; may be asked from several threads at once."""

    def __init__(self, project_dir: Path) -> None:
        self._project_dir = project_dir
        # Not that of the process: a signal ends the watch in the main thread, and that closes these.
        self._running: set[StopFlag] = set()
        self._lock, self._closed = Lock(), False

    def http(self, urls: Sequence[str], *, expect_status: int, timeout_s: float) -> Measured:
        """GET every one of *urls*; the value is the slowest answer's time in milliseconds."""
        if not urls:
            return Measured(error="nothing of it can be asked: no endpoint is known")
        slowest = 0.0
        for url in urls:
            began = time.monotonic()
            try:
                status, _ = _get(url, timeout_s)
            except PopDeployError as problem:
                return Measured(failure=str(problem))
            slowest = max(slowest, (time.monotonic() - began) * 1000)
            if status != expect_status:
                return Measured(value=slowest, failure=f"{_place(url)}: HTTP {status}, expected {expect_status}")
        return Measured(value=round(slowest, 1))

    def prometheus(self, url: str, query: str, *, timeout_s: float) -> Measured:
        """The value of the instant *query*, which has to have one."""
        asked = f"{url.rstrip('/')}/api/v1/query?query={quote(query, safe='')}"
        try:
            status, body = _get(asked, timeout_s)
        except PopDeployError as problem:
            return Measured(error=str(problem))
        try:
            answer = json.loads(body)
        except ValueError:
            return Measured(error=f"{_place(url)}: HTTP {status}, and no JSON")
        if not isinstance(answer, dict) or answer.get("status") != "success":
            said = answer.get("error", "") if isinstance(answer, dict) else ""
            return Measured(error=f"{_place(url)}: HTTP {status}{f': {said}' if said else ''}")
        return _value(answer.get("data"))

    def command(self, argv: Sequence[str], *, timeout_s: float) -> Measured:
        """The number that *argv* prints."""
        with self._stoppable() as stop:
            result = SubprocessQuery(self._project_dir, stop)(argv, timeout_s=timeout_s)
        if not result.ok:
            said = (result.stderr.strip() or result.stdout.strip()).rpartition("\n")[2]
            return Measured(error=f"{argv[0]}: exit {result.exit_code}{f': {said}' if said else ''}")
        printed = result.stdout.strip()
        if not printed:
            return Measured()
        try:
            return Measured(value=float(printed))
        except ValueError:
            return Measured(error=f"{argv[0]}: expected one number, got {printed[:100]!r}")

    def close(self) -> None:
        """Stop the commands that still run: each is asked from a thread of its own, which raises Interrupted."""
        with self._lock:
            self._closed = True
            for stop in self._running:
                stop.set(signal.SIGTERM)
        until = time.monotonic() + _STOPPED_S
        while self._running and time.monotonic() < until:
            time.sleep(0.005)

    @contextmanager
    def _stoppable(self) -> Iterator[StopFlag]:
        stop = StopFlag()
        with self._lock:
            self._running.add(stop)
            if self._closed:
                stop.set(signal.SIGTERM)
        try:
            yield stop
        finally:
            with self._lock:
                self._running.discard(stop)
                stop.close()


class _NoAnswer(PopDeployError):
    """Nothing answered, or not with HTTP."""


def _get(url: str, timeout_s: float) -> tuple[int, bytes]:
    from http.client import HTTPException

    parts, began = urlsplit(url), time.monotonic()
    asked = connection(parts, timeout_s)
    try:
        asked.connect()
        with hang_up_after(timeout_s, asked):
            asked.request("GET", path(parts), headers={"Accept": "*/*", "Connection": "close"})
            answer: HTTPResponse = asked.getresponse()
            body = answer.read(MAX_BODY_BYTES)
    except (OSError, HTTPException) as problem:
        late = TimeoutError() if time.monotonic() - began >= timeout_s else problem  # we hung up ourselves
        said = refusal(late, timeout_s) if isinstance(late, OSError) else f"no HTTP answer ({type(late).__name__})"
        raise _NoAnswer(f"{_place(url)}: {said}") from problem
    finally:
        asked.close()
    # A body that ends too early is no mistake to http.client when it is asked for so many bytes.
    if time.monotonic() - began >= timeout_s:
        raise _NoAnswer(f"{_place(url)}: {refusal(TimeoutError(), timeout_s)}")
    if answer.length and len(body) < MAX_BODY_BYTES:
        raise _NoAnswer(f"{_place(url)}: its answer breaks off")
    return answer.status, body


def _value(data: Any) -> Measured:
    """Of a scalar, or of a vector with one element; an empty vector has none."""
    try:
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            return Measured(value=float(result[1]))
        if kind == "vector" and not result:
            return Measured()
        if kind == "vector" and len(result) == 1:
            return Measured(value=float(result[0]["value"][1]))
    except (KeyError, IndexError, TypeError, ValueError) as problem:
        return Measured(error=f"no Prometheus answer: {problem!r}"[:200])
    return Measured(error=f"expected one value, got a {kind} of {len(result)}: make the query aggregate, with sum() for one")


def _place(url: str) -> str:
    """Without what may be a secret in it."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port is not None else str(parts.hostname)
