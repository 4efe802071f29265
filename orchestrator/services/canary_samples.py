"""Taking a canary's samples: `Sampling` knows when which check is due, and asks several at once.

The target is asked in this thread, where a signal ends the wait. What only measures runs beside it: a slow answer of one must not
keep a failed one, or a person, waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType

from orchestrator.domain.errors import PopDeployError
from orchestrator.services.ports import Measuring
from orchestrator.services.road import Road, in_words
from orchestrator.services.step_run import Attempt
from orchestrator.targets.base import QueryTimeout, Unreachable
from orchestrator.targets.canary import (
    READINESS_S,
    CanaryTarget,
    Measured,
    Sample,
    Side,
    Sides,
    Verdict,
    readiness_sample,
    sample,
)
from orchestrator.targets.canary_config import READINESS, CanaryCheck

COMMAND_S = 30.0
PROMETHEUS_S = 10.0

Both = tuple[Measured, Measured | None]


@dataclass
class _Due:
    """A configured check: when it is asked next, and the answer that is under way."""

    check: CanaryCheck
    at: float
    asked: Future[Both] | None = field(default=None)


class Sampling:
    """Samples of one watch step.

    Args:
        since: When the canary's first weight was begun.
    """

    def __init__(self, road: Road, target: CanaryTarget, run: Attempt, checks: Sequence[CanaryCheck], *, since: datetime) -> None:
        self._road, self._target, self._run, self._since = road, target, run, since
        self._clock, self._measuring = road.workspace.clock, road.workspace.make_measuring()
        now = self._clock.monotonic()
        self._look_at = now
        up_s = (datetime.fromisoformat(self._clock.now()) - since).total_seconds()
        self._due = [_Due(check, now + _not_before_s(check, up_s)) for check in checks]
        self._sides: Sides | None = None
        self._pool = ThreadPoolExecutor(max_workers=max(1, len(checks)), thread_name_prefix="canary-check")

    def __enter__(self) -> Sampling:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Requests that are still under way have a deadline of their own; a command could be left behind, and is stopped.
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._measuring.close()

    def take(self) -> list[Sample]:
        """What was measured since the last time. Asks what is due now; waits for the target only."""
        taken = self._look() if self._clock.monotonic() >= self._look_at else []
        for due in self._due:
            if due.asked is not None and due.asked.done():
                taken.append(sample(due.check, self._clock.now(), *due.asked.result()))
                due.asked = None
            if due.asked is None and self._clock.monotonic() >= due.at and self._sides is not None:
                due.at = self._clock.monotonic() + due.check.interval_s
                due.asked = self._ask(due.check, self._sides)
        return taken

    def _look(self) -> list[Sample]:
        """The sample of readiness."""
        self._look_at = self._clock.monotonic() + READINESS_S
        road = self._road
        deployment = road.journal.deployment
        assert deployment.plan is not None  # noqa: S101 - its steps run
        try:
            self._sides = self._target.sides(deployment.plan, deployment.id, road.execution.outcomes)
        except (Unreachable, QueryTimeout) as problem:
            return [Sample(check=READINESS, time=self._clock.now(), verdict=Verdict.ERROR, message=str(problem))]
        return [readiness_sample(self._sides.canary, self._clock.now())]

    def _ask(self, check: CanaryCheck, sides: Sides) -> Future[Both]:
        window = f"{max(1, round((datetime.fromisoformat(self._clock.now()) - self._since).total_seconds()))}s"
        compared = check.max_ratio_to_stable is not None
        try:
            canary = _asker(check, self._measuring, self._target, sides.canary, sides.stable, window)
            stable = _asker(check, self._measuring, self._target, sides.stable, sides.canary, window) if compared else None
        except (Unreachable, QueryTimeout) as problem:
            answered: Future[Both] = Future()
            answered.set_result((Measured(error=str(problem)), None))
            return answered
        return self._pool.submit(lambda: (_measured(canary), _measured(stable) if stable is not None else None))


def _asker(
    check: CanaryCheck, measuring: Measuring, target: CanaryTarget, here: Side, there: Side, window: str
) -> Callable[[], Measured]:
    """How *check* is asked of the side *here*."""
    words = {"{{canary}}": here.name, "{{stable}}": there.name, "{{window}}": window}
    if check.http is not None:
        http = check.http
        urls = [f"{endpoint}{http.path}" for endpoint in target.endpoints(here, http.port)]
        return lambda: measuring.http(urls, expect_status=http.expect_status, timeout_s=http.timeout_s)
    if check.prometheus is not None:
        url, query = check.prometheus.url, _filled(check.prometheus.query, words)
        return lambda: measuring.prometheus(url, query, timeout_s=PROMETHEUS_S)
    argv = [_filled(word, words) for word in check.command or ()]
    return lambda: measuring.command(argv, timeout_s=COMMAND_S)


def _measured(ask: Callable[[], Measured]) -> Measured:
    """A measurement that goes wrong is a sample that could not be taken, never a good one."""
    try:
        return ask()
    except PopDeployError as problem:
        return Measured(error=str(problem))
    except Exception as problem:  # noqa: BLE001 - see above
        return Measured(error=in_words(problem))


def _not_before_s(check: CanaryCheck, up_s: float) -> float:
    """A rate over a window that is shorter than the time between two scrapes has no data, which proves nothing."""
    windowed = check.prometheus is not None and "{{window}}" in check.prometheus.query
    return max(0.0, check.interval_s - up_s) if windowed else 0.0


def _filled(text: str, words: dict[str, str]) -> str:
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text
