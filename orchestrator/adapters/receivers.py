"""Brings one notification to one receiver, once: over HTTP or to a command. Implements `services.ports.Courier`.

What an answer means: 2xx is delivered; 408, 425, 429, 5xx and no answer are worth another attempt; everything else, a redirect
too, will not become better by itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from orchestrator.adapters import given_input
from orchestrator.adapters.http_direct import connection, hang_up_after, path, refusal
from orchestrator.config.checks import receiver_url_problem
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.masking import strip_controls
from orchestrator.domain.notifications import ID_HEADER, SIGNATURE_HEADER, Notification, signature
from orchestrator.domain.receivers import Receiver
from orchestrator.services.ports import Sent
from orchestrator.targets.base import Secrets

if TYPE_CHECKING:
    from http.client import HTTPResponse

_TRY_AGAIN = frozenset({408, 425, 429})
_BODY_BYTES = 2000


class Unusable(PopDeployError):
    """A receiver's URL or header is not one; it came from a reference."""


class Receivers:
    """Whoever deploy.json names.

    Args:
        project_dir: Where commands run.
    """

    def __init__(self, project_dir: Path, secrets: Secrets) -> None:
        self._project_dir, self._secrets = project_dir, secrets

    def send(self, receiver: Receiver, notification: Notification) -> Sent:
        if receiver.command is not None:
            given = notification.line() + b"\n"
            problem = given_input.run(receiver.command, given, self._project_dir, receiver.timeout_s)
            return Sent(delivered=not problem, message=strip_controls(problem) or "exit code 0")
        try:
            body = notification.slack() if receiver.slack is not None else notification.line()
            return _post(self._url(receiver), body, self._headers(receiver, notification, body), receiver.timeout_s)
        except PopDeployError as problem:  # a secret that is not there now may be there for the next command
            return Sent(delivered=False, message=str(problem))

    def _url(self, receiver: Receiver) -> SplitResult:
        assert receiver.url is not None  # noqa: S101 - no command
        url = self._secrets.reveal(receiver.url)
        if problem := receiver_url_problem(url, allow_http=receiver.allow_http):
            raise Unusable(f"notify.{receiver.name}: url: {problem}")
        return urlsplit(url)

    def _headers(self, receiver: Receiver, notification: Notification, body: bytes) -> Mapping[str, bytes]:
        headers = {"Content-Type": b"application/json", "User-Agent": b"pop-deploy", ID_HEADER: notification.id.encode()}
        webhook = receiver.webhook
        if webhook is None:
            return headers
        for name, value in webhook.headers.items():
            revealed = self._secrets.reveal(value)
            if "\n" in revealed or "\r" in revealed:
                raise Unusable(f"notify.{receiver.name}: headers.{name}: its value has several lines: a header has one")
            headers[name] = revealed.encode()
        if webhook.secret is not None:
            headers[SIGNATURE_HEADER] = signature(self._secrets.reveal(webhook.secret), int(time.time()), body).encode()
        return headers


def _post(url: SplitResult, body: bytes, headers: Mapping[str, bytes], timeout_s: float) -> Sent:
    from http.client import HTTPException

    asked, until = connection(url, timeout_s), time.monotonic() + timeout_s
    try:
        asked.connect()
        with hang_up_after(max(0.1, until - time.monotonic()), asked):
            asked.request("POST", path(url), body=body, headers=dict(headers))
            return _judged(asked.getresponse())
    except (OSError, HTTPException) as problem:
        # Hung up by us looks like any other end of the line.
        cause = TimeoutError() if time.monotonic() >= until else problem
        said = refusal(cause, timeout_s) if isinstance(cause, OSError) else f"no HTTP answer ({type(cause).__name__})"
        return Sent(delivered=False, message=said)
    finally:
        asked.close()


def _judged(response: HTTPResponse) -> Sent:
    # The host is not named: a URL may be a secret, and the receiver has a name.
    said = f"HTTP {response.status}"
    if 200 <= response.status < 300:
        return Sent(delivered=True, message=said)
    if 300 <= response.status < 400:
        return Sent(delivered=False, message=f"{said}: a redirect, which is not followed: correct the URL", final=True)
    words = strip_controls(response.read1(_BODY_BYTES).decode(errors="replace")).strip()
    again = response.status in _TRY_AGAIN or response.status >= 500
    message = f"{said}: {words}" if words else said
    return Sent(delivered=False, message=message, final=not again, retry_after_s=_retry_after_s(response))


def _retry_after_s(response: HTTPResponse) -> float | None:
    """``Retry-After``: seconds, or a date."""
    text = (response.getheader("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
