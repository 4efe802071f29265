"""What every fuzzer shares: `Fuzzer`, `run`, and a deadline for each input. Nothing here knows what is fuzzed.

A fuzzer is a Hypothesis strategy and a function that is given what it makes. The function may raise `allowed` errors, which are
the answers a user is to get; anything else is a finding, and so is an input that takes longer than `DEADLINE_S`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from eventstore.errors import EventStoreError
from orchestrator.domain.errors import PopDeployError

DEADLINE_S = 5.0
BATCH = 1000
"""Examples in one run of Hypothesis, which remembers all of a run."""

ALLOWED: tuple[type[Exception], ...] = (PopDeployError, EventStoreError)


class Hung(BaseException):
    """An input took too long. No `Exception`: nothing on the way may take it for one of its own."""


@dataclass(frozen=True)
class Fuzzer:
    """One thing that is fuzzed.

    Attributes:
        share: Of all inputs, in percent.
        inputs: Makes them.
        check: Given one; raises `allowed` or nothing.
    """

    name: str
    share: float
    inputs: SearchStrategy[Any]
    check: Callable[[Any], object]
    allowed: tuple[type[Exception], ...] = ALLOWED


@dataclass(frozen=True)
class Ran:
    """How a fuzzer did: inputs really tried, how many of them were refused, and the slowest one in seconds."""

    inputs: int
    refused: int
    slowest_s: float


def run(fuzzer: Fuzzer, inputs: int, first_seed: int) -> Ran:
    """Try *inputs* inputs, fewer only if the strategy has no more. Raises what a finding raised, with the input in its notes."""
    tried = refused = 0
    slowest_s = 0.0

    def once(value: Any) -> None:
        nonlocal tried, refused, slowest_s
        tried += 1
        began = time.monotonic()
        try:
            with deadline():
                fuzzer.check(value)
        except fuzzer.allowed:
            refused += 1
        except BaseException as finding:
            finding.add_note(f"fuzzer {fuzzer.name}, input {value!r}"[:4000])
            raise
        slowest_s = max(slowest_s, time.monotonic() - began)

    for number, start in enumerate(range(0, inputs, BATCH)):
        _batch(fuzzer.inputs, once, min(BATCH, inputs - start), first_seed + number)
    return Ran(tried, refused, slowest_s)


def _batch(inputs: SearchStrategy[Any], once: Callable[[Any], None], count: int, with_seed: int) -> None:
    @seed(with_seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def test(value: Any) -> None:
        once(value)

    test()


@cache
def room() -> Path:
    """A directory for this process, in memory where there is one, removed at its end."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


@contextmanager
def deadline(seconds: float = DEADLINE_S) -> Iterator[None]:
    """Raise `Hung` in the main thread after *seconds*."""

    def hung(_number: int, _frame: FrameType | None) -> None:
        raise Hung(f"no end after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
