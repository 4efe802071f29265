"""Rules for values that types cannot say: names, URLs, addresses, patterns, seconds, and the classes of `domain.settings`.

Each rule answers with what is wrong, or nothing. `convert` applies `CHECKS` to what it has made; `schema` publishes what it can.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestrator.config.words import Path, quoted
from orchestrator.domain.receivers import RECEIVER_KINDS, Receiver
from orchestrator.domain.settings import EnvironmentRules, Freeze, HealthCheck, OwnCheck, SecretRef, ValidationSettings, Value

if TYPE_CHECKING:
    from datetime import datetime

Mistake = tuple[Path, str]
"""Path from the checked object to the field, and a sentence about it."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
NAME_WORDS = "a name of 1 to 63 letters, digits, '.', '_' and '-' that starts with a letter or digit"
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RENAMED: Mapping[type, Mapping[str, str]] = {Freeze: {"start": "from", "end": "to"}}  # "from" cannot be a name in Python
WEEK_S = 7 * 24 * 3600
YEAR_S = 366 * 24 * 3600
LONGEST_PATTERN = 1000
LONGEST_PROJECT_NAME = 200
HEALTH_CHECK_KINDS = ("url", "tcp", "command")

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):([0-9]{1,5})")
_CHECK_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def seconds_limits(key: str) -> tuple[float, bool, float] | None:
    """Limits of the field *key* if its name says seconds: lowest, whether that itself is excluded, highest."""
    if not key.endswith("_s"):
        return None
    # How old a validation may be is an age, not a wait: nothing hangs when it is long.
    return 0, key.endswith(("timeout_s", "deadline_s", "interval_s")), YEAR_S if key.endswith("_age_s") else WEEK_S


def seconds_problem(key: str, number: float) -> str | None:
    """What should have stood in *key* instead of *number*, or None."""
    limits = seconds_limits(key)
    if limits is None:
        return None
    low, excluded, high = limits
    if low < number < high or (number == low and not excluded):
        return None
    return f"seconds, {'more than' if excluded else 'at least'} {low} and less than {high}"


def url_problem(url: str) -> str | None:
    """Why *url* is no http(s) URL that can be asked and shown, or None."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        return f"expected an http or https URL, got {quoted(url)}"
    if not usable or not url.isprintable() or " " in url:
        return f"expected an http or https URL, got {quoted(url)}"
    if parts.username is not None or parts.password is not None:
        return 'a URL is shown and recorded, so no password may stand in it; use "headers" with {"env": "NAME"}'
    return None


def receiver_url_problem(url: str, *, allow_http: bool) -> str | None:
    """Why nothing may be sent to *url*, or None. The URL itself is not in the answer: it may be a secret."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        return "expected an https URL"
    if not usable or not url.isprintable() or " " in url or parts.username is not None:
        return "expected an https URL without a user or password in it"
    if parts.scheme == "http" and not allow_http and not _is_loopback(str(parts.hostname)):
        return 'expected https (http only to this machine, or with "allow_http": true)'
    return None


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address  # only a receiver needs it

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def pattern_problem(pattern: str) -> str | None:
    """Why *pattern* is no usable regular expression, or None."""
    if len(pattern) > LONGEST_PATTERN:
        return f"expected a regular expression of at most {LONGEST_PATTERN} characters, got {len(pattern)}"
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"expected a regular expression, got {quoted(pattern)}: {error}"
    return None


def redact_problem(pattern: str) -> str | None:
    """Like `pattern_problem`; a pattern that matches the empty text would mask between any two letters."""
    problem = pattern_problem(pattern)
    if problem is None and re.search(pattern, "") is not None:
        return f"expected a pattern that needs at least one character to match, got {quoted(pattern)}"
    return problem


def project_name_problem(name: str) -> str | None:
    """Why *name* cannot name a project, or None. Blanks, slashes and capitals are fine: it is never a file name."""
    sensible = name.isprintable() and name == name.strip() and 0 < len(name) <= LONGEST_PROJECT_NAME and name[0] != "-"
    wanted = f"one line of 1 to {LONGEST_PROJECT_NAME} characters that does not start with '-' or a blank"
    return None if sensible else f"expected {wanted}, got {quoted(name)}"


def _check_health(check: HealthCheck) -> Iterator[Mistake]:
    given = [kind for kind in HEALTH_CHECK_KINDS if getattr(check, kind) is not None]
    if len(given) != 1:
        yield (), f"expected exactly one of url, tcp and command, got {' and '.join(given) or 'none'} (null takes one away)"
    if check.url is not None and (problem := url_problem(check.url)):
        yield ("url",), problem
    if check.tcp is not None and not _is_address(check.tcp):
        yield ("tcp",), f'expected "host:port", got {quoted(check.tcp)}'
    if not 100 <= check.expect_status <= 599:
        yield ("expect_status",), f"expected an HTTP status from 100 to 599, got {check.expect_status}"
    if check.expect_body is not None and (problem := pattern_problem(check.expect_body)):
        yield ("expect_body",), problem
    yield from _check_headers(check.headers, ("headers",))


def _check_headers(headers: Mapping[str, Value], path: Path) -> Iterator[Mistake]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            yield (*path, name), "expected the name of an HTTP header"
        elif not isinstance(value, SecretRef) and not value.isprintable():
            yield (*path, name), "expected a header's value on one line"


def _check_receiver(receiver: Receiver) -> Iterator[Mistake]:
    if not NAME.fullmatch(receiver.name):
        yield ("name",), f"expected {NAME_WORDS}, got {quoted(receiver.name)}"
    given = [kind for kind in RECEIVER_KINDS if getattr(receiver, kind) is not None]
    if len(given) != 1:
        yield (), f"expected exactly one of webhook, slack and command, got {' and '.join(given) or 'none'}"
        return
    url = receiver.url
    if isinstance(url, str) and (problem := receiver_url_problem(url, allow_http=receiver.allow_http)):
        yield (receiver.kind, "url"), problem
    if receiver.webhook is not None:
        yield from _check_headers(receiver.webhook.headers, ("webhook", "headers"))


def _is_address(text: str) -> bool:
    match = _ADDRESS.fullmatch(text)
    return match is not None and 0 < int(match[2]) < 65536


def _check_rules(rules: EnvironmentRules) -> Iterator[Mistake]:
    if not 0 <= rules.approvals <= 100:
        yield ("approvals",), f"expected a whole number from 0 to 100, got {rules.approvals}"


def _check_freeze(freeze: Freeze) -> Iterator[Mistake]:
    times = {key: _time(text) for key, text in (("from", freeze.start), ("to", freeze.end))}
    for key, text in (("from", freeze.start), ("to", freeze.end)):
        if times[key] is None:
            yield (key,), f'expected a time with an offset such as "2026-12-24T00:00:00Z", got {quoted(text)}'
    if times["from"] is not None and times["to"] is not None and times["from"] >= times["to"]:
        yield ("to",), f"expected a time after {quoted(freeze.start)}, got {quoted(freeze.end)}"


def _time(text: str) -> datetime | None:
    from datetime import datetime  # only a freeze needs it

    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


def _check_validation(settings: ValidationSettings) -> Iterator[Mistake]:
    for name in settings.checks:
        if not _CHECK_NAME.fullmatch(name):
            wanted = "a name of 1 to 63 lower case letters, digits and '-' that starts with a letter"
            yield ("checks", name), f"expected {wanted}, got {quoted(name)}"
    if settings.max_artifact_bytes is not None and settings.max_artifact_bytes <= 0:
        yield ("max_artifact_bytes",), f"expected a number of bytes, more than 0, got {settings.max_artifact_bytes}"


def _check_own_check(check: OwnCheck) -> Iterator[Mistake]:
    if not check.command:
        yield ("command",), "expected a list of at least one string, got an empty one"


CHECKS: Mapping[type, Callable[[Any], Iterable[Mistake]]] = {
    HealthCheck: _check_health,
    EnvironmentRules: _check_rules,
    Freeze: _check_freeze,
    ValidationSettings: _check_validation,
    OwnCheck: _check_own_check,
    Receiver: _check_receiver,
}
