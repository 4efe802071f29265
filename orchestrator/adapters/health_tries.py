"""One try of a health check. Each maker checks the configuration and returns a function of the seconds the try may take.

HTTP is asked directly: no proxy, and no redirect is followed (a redirect is its own status), so what answers is what was named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.adapters.http_direct import connection, hang_up_after, path, refusal
from orchestrator.domain.errors import UsageProblem
from orchestrator.targets.base import Query, QueryTimeout, ToolMissing

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.parse import SplitResult

TRY_S = 5.0
MAX_BODY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What one try found.

    Attributes:
        what: In words: ``HTTP 500``.
        body: What was said, as it came.
        place: Where a redirect leads.
        reached: Something answered, healthy or not.
        final: Trying again is no use.
    """

    healthy: bool
    what: str
    body: str = ""
    place: str = ""
    reached: bool = True
    final: bool = False


Try = Callable[[float], Answer]


def http_try(url: str, headers: Mapping[str, str], status: int, body: str | None) -> Try:
    """GET *url*: healthy when its status is *status* and *body*, a regular expression, is found in the first MiB of its body."""
    parts = _split(url)
    place = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    pattern = _pattern(body)
    for name, value in headers.items():
        if "\n" in value or "\r" in value:
            raise UsageProblem(f"deploy.json: health_check.headers.{name}: its value has several lines: a header has one")

    def attempt(left_s: float) -> Answer:
        from http.client import HTTPException

        limit_s = min(TRY_S, left_s)
        asked = connection(parts, limit_s)
        try:
            asked.connect()
            with hang_up_after(limit_s, asked):
                asked.request("GET", path(parts), headers={**_authorization(parts), **_encoded(headers)})
                return _judged(asked.getresponse(), status, pattern)
        except OSError as problem:
            return Answer(False, f"{place}: {refusal(problem, limit_s)}", reached=False)
        except HTTPException as problem:
            return Answer(False, f"{place}: no HTTP answer ({type(problem).__name__})", reached=False)
        finally:
            asked.close()

    return attempt


def tcp_try(address: str) -> Try:
    """Connect to ``host:port``; healthy when somebody accepts."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageProblem(f'deploy.json: health_check.tcp: expected "host:port", got "{address}"')

    def attempt(left_s: float) -> Answer:
        import socket

        limit_s = min(TRY_S, left_s)
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=limit_s).close()
        except OSError as problem:
            return Answer(False, f"{address}: {refusal(problem, limit_s)}", reached=False)
        return Answer(True, f"{address} accepts connections")

    return attempt


def command_try(query: Query, argv: Sequence[str]) -> Try:
    """Run *argv* in the project's directory; healthy when it exits with 0."""

    def attempt(left_s: float) -> Answer:
        try:
            result = query(argv, timeout_s=left_s)
        except QueryTimeout:
            return Answer(False, f"{argv[0]}: no end within {left_s:.3g} s", reached=False)
        except ToolMissing as problem:
            return Answer(False, str(problem), reached=False, final=True)
        said = (result.stderr.strip() or result.stdout.strip()).rpartition("\n")[2]
        return Answer(result.ok, f"{argv[0]}: exit {result.exit_code}", "" if result.ok else said)

    return attempt


def _judged(response: HTTPResponse, status: int, pattern: re.Pattern[str] | None) -> Answer:
    what = f"HTTP {response.status}"
    if response.status == status and pattern is None:
        return Answer(True, what)
    body = _body(response)
    if response.status == status and pattern and pattern.search(body):
        return Answer(True, what)
    if response.status == status and pattern:
        what += f" without {pattern.pattern!r} in its body"
    elif status != 200:
        what += f" instead of {status}"
    return Answer(False, what, body, response.headers.get("Location") or "")


def _body(response: HTTPResponse) -> str:
    data = b""
    while len(data) < MAX_BODY_BYTES and (block := response.read1(1 << 16)):
        data += block
    return data[:MAX_BODY_BYTES].decode(errors="replace")


def _split(url: str) -> SplitResult:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass  # the same as any other address that cannot be asked
    raise UsageProblem("deploy.json: health_check.url: expected http://host[:port]/path or https://host[:port]/path")


def _pattern(body: str | None) -> re.Pattern[str] | None:
    try:
        return None if body is None else re.compile(body)
    except re.error as problem:
        raise UsageProblem(f"deploy.json: health_check.expect_body: {body!r} is no regular expression: {problem}") from problem


def _authorization(parts: SplitResult) -> dict[str, bytes]:
    import base64
    from urllib.parse import unquote

    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": b"Basic " + base64.b64encode(pair.encode())}


def _encoded(headers: Mapping[str, str]) -> dict[str, bytes]:
    return {"User-Agent": b"pop-deploy", **{name: value.encode() for name, value in headers.items()}}
