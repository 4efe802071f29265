"""A client that sends requests at a steady rate while something is deployed, and counts what it gets.

A request starts each ``1 / rate`` seconds by the clock, however long the one before took,
so a pause of the service shows as lost requests and not as fewer of them.

>>> with Traffic([f"{url}/version"]) as traffic:
...     deploy()
>>> assert traffic.lost == 0, traffic.problems
"""

from __future__ import annotations

import http.client
import math
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

_WORKERS = 16


class Traffic:
    """Requests to some URLs in turn, from entering to leaving the ``with`` block.

    Args:
        urls: Each is asked in turn; a plain GET, on a connection of its own.
        rate: Requests per second over all URLs.
        timeout_s: A request that takes longer is lost.

    Attributes:
        answers: How often each body came with status 200, without the white space around it: the version.
        problems: How often each other outcome came, by its description; their sum is :attr:`lost`.
        times: ``(seconds since the start, seconds it took, answer or problem)`` of each request, in order of their ends.
    """

    def __init__(self, urls: Sequence[str], *, rate: float = 50, timeout_s: float = 2) -> None:
        self._urls = [urllib.parse.urlsplit(url) for url in urls]
        self._pause_s = 1 / rate
        self._timeout_s = timeout_s
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._send)
        self._started = 0.0
        self.answers: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self.times: list[tuple[float, float, str]] = []

    @property
    def sent(self) -> int:
        """Requests that have an outcome; all that were sent, once the block is left."""
        return self.answers.total() + self.lost

    @property
    def lost(self) -> int:
        """Requests that were not answered with 200."""
        return self.problems.total()

    def __enter__(self) -> Traffic:
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _send(self) -> None:
        # Leaving the pool waits for the requests that are under way.
        with ThreadPoolExecutor(_WORKERS) as workers:
            number = 0
            while not self._ended.wait(max(0.0, self._started + number * self._pause_s - time.monotonic())):
                workers.submit(self._ask, self._urls[number % len(self._urls)])
                number += 1

    def _ask(self, url: urllib.parse.SplitResult) -> None:
        began = time.monotonic()
        try:
            status, body = self._get(url)
            problem = "" if status == 200 else f"status {status}"
        except (OSError, http.client.HTTPException) as error:
            problem, body = f"{type(error).__name__}: {error}", ""
        took = time.monotonic() - began
        with self._lock:
            (self.problems if problem else self.answers)[problem or body] += 1
            self.times.append((began - self._started, took, problem or body))

    def _get(self, url: urllib.parse.SplitResult) -> tuple[int, str]:
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=self._timeout_s)
        try:
            connection.request("GET", url.path or "/", headers={"Connection": "close"})
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace").strip()
        finally:
            connection.close()


Times = Sequence[tuple[float, float, str]]
"""As `Traffic.times`."""


def share_of(said: str, times: Times, *, weight: float) -> tuple[int, int, float]:
    """What a replica that answers *said* got while it was there, of a service that leads *weight* (0 to 1) of its requests to it.

    Returns:
        Requests from its first to its last, how many of them it got, and the most that chance explains (three deviations).
    """
    hit = [began for began, _, what in times if what == said]
    while_up = Counter(what for began, _, what in times if min(hit) <= began <= max(hit))
    sent = while_up.total()
    return sent, while_up[said], sent * weight + 3 * math.sqrt(sent * weight * (1 - weight))
