"""Measures what a canary check asks for: requests, a command's number, an instant query to Prometheus.

Prometheus: `HTTP API, instant queries <https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries>`_.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from orchestrator.adapters.http_direct import connection, hang_up_after, path, refusal
from orchestrator.adapters.query import SubprocessQuery
from orchestrator.domain.errors import PopDeployError
from orchestrator.targets.canary import Measured

if TYPE_CHECKING:
    from http.client import HTTPResponse

MAX_BODY_BYTES = 1 << 20


class Measurements:
    """Implements `services.ports.Measuring`; may be asked from several threads at once."""

    def __init__(self, project_dir: Path) -> None:
        # No stop flag: a signal ends the watch in the main thread, and these have deadlines of their own.
        self._query = SubprocessQuery(project_dir)

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
        result = self._query(argv, timeout_s=timeout_s)
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


class _NoAnswer(PopDeployError):
    """Nothing answered, or not with HTTP."""


def _get(url: str, timeout_s: float) -> tuple[int, bytes]:
    from http.client import HTTPException

    parts = urlsplit(url)
    asked = connection(parts, timeout_s)
    try:
        asked.connect()
        with hang_up_after(timeout_s, asked):
            asked.request("GET", path(parts), headers={"Accept": "*/*", "Connection": "close"})
            answer: HTTPResponse = asked.getresponse()
            return answer.status, answer.read(MAX_BODY_BYTES)
    except OSError as problem:
        raise _NoAnswer(f"{_place(url)}: {refusal(problem, timeout_s)}") from problem
    except HTTPException as problem:
        raise _NoAnswer(f"{_place(url)}: no HTTP answer ({type(problem).__name__})") from problem
    finally:
        asked.close()


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
