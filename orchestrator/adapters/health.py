"""Runs a configured health check to its verdict: http(s), tcp or a command, tried again until it succeeds or its time is up.

This file knows when to try again and what to say in the end; how one try is made stands in `health_tries.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.masking import Masker, strip_controls
from orchestrator.domain.settings import HealthCheck
from orchestrator.targets.base import Check, CheckStatus, Clock, Query, Secrets

if TYPE_CHECKING:
    from orchestrator.adapters.health_tries import Answer, Try

_LEAST_S = 0.1
_SHOWN_CHARS = 200


class HealthChecks:
    """Implements `targets.base.HealthProber`.

    ``timeout_s`` counts from the first try, after ``initial_delay_s``; there is always one try. A try over http or tcp gets 5 s
    at most, a command what is left of the time. The message names the last answer, and never a secret.
    """

    def __init__(self, *, query: Query, clock: Clock, secrets: Secrets, masker: Masker) -> None:
        self._query = query
        self._clock = clock
        self._secrets = secrets
        self._masker = masker

    def __call__(self, check: HealthCheck) -> Check:
        """Raises Interrupted, SecretMissing for a header's secret, UsageProblem for a check that makes no sense."""
        attempt = self._made(check)
        self._clock.sleep(check.initial_delay_s)
        started = self._clock.monotonic()
        tries, last, before = self._tried(attempt, check, started + check.timeout_s)
        seconds = self._clock.monotonic() - started
        count = "1 try" if tries == 1 else f"{tries} tries"
        message = f"{self._shown(last.what)} after {count} in {seconds:.3g} s{self._detail(last)}"
        if before is not None:  # a refusal at the end does not hide the answer before it
            message += f"; before that {self._shown(before.what)}{self._detail(before)}"
        return Check("health check", CheckStatus.PASS if last.healthy else CheckStatus.FAIL, message, int(seconds * 1000))

    def _made(self, check: HealthCheck) -> Try:
        from orchestrator.adapters.health_tries import command_try, http_try, tcp_try  # only who has a check pays for it

        if check.url is not None:
            headers = {name: self._secrets.reveal(value) for name, value in check.headers.items()}
            return http_try(check.url, headers, check.expect_status, check.expect_body)
        if check.tcp is not None:
            return tcp_try(check.tcp)
        if check.command:
            return command_try(self._query, check.command)
        raise UsageProblem("deploy.json: health_check: expected one of url, tcp and command")

    def _tried(self, attempt: Try, check: HealthCheck, deadline: float) -> tuple[int, Answer, Answer | None]:
        """How often, the last answer, and where nothing answered last, the last time that something did."""
        tries, reached = 0, None
        while True:
            answer = attempt(max(_LEAST_S, deadline - self._clock.monotonic()))
            tries += 1
            reached = answer if answer.reached else reached
            if answer.healthy or answer.final or self._clock.monotonic() + check.interval_s >= deadline:
                return tries, answer, None if answer.reached else reached
            self._clock.sleep(check.interval_s)

    def _detail(self, answer: Answer) -> str:
        if answer.place:
            return f": redirects to {self._shown(answer.place)}, which is not followed"
        return f': "{self._shown(answer.body)}"' if answer.body.strip() else ""

    def _shown(self, text: str) -> str:
        """On one line. Masked before it is shortened: half a secret is not recognized."""
        masked = " ".join(self._masker.mask(strip_controls(text)).split())
        return masked if len(masked) <= _SHOWN_CHARS else masked[:_SHOWN_CHARS] + "..."
