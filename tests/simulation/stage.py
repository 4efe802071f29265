"""A stage for actors of which one plays at a time: who goes on is drawn from the seed, so that a history can be played again.

Each actor is a thread, because the services are ordinary functions that cannot be suspended otherwise. They hand over only in
`Stage.turn`, which the seams call. Nothing here knows what is played.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

Part = Callable[[], None]


class Abandoned(BaseException):
    """The history has failed elsewhere: this actor leaves as it stands."""


class Stage:
    """Plays parts.

    Args:
        random: Decides who goes on.
        restless: How likely another actor goes on at a turn.
    """

    def __init__(self, random: Random, restless: float) -> None:
        self._random, self._restless = random, restless
        self._playing: list[threading.Lock] = []
        self._mine: threading.Lock | None = None
        self._done = threading.Lock()
        self._failure: BaseException | None = None
        self._alone = 0

    def play(self, parts: Sequence[Part]) -> None:
        """Play all of *parts* to their ends. Raises what the first one raised that failed; the others are abandoned."""
        self._failure = None
        self._playing = [_closed() for _ in parts]
        threads = [
            threading.Thread(target=self._play, args=(part, baton), daemon=True)
            for part, baton in zip(parts, self._playing, strict=True)
        ]
        self._done.acquire()
        for thread in threads:
            thread.start()
        self._hand_to(self._random.choice(self._playing))
        self._done.acquire()
        self._done.release()
        for thread in threads:
            thread.join()
        self._mine = None
        if self._failure is not None:
            raise self._failure

    def turn(self, restless: float | None = None) -> None:
        """Perhaps somebody else goes on now; returns when it is this actor's turn again."""
        if self._failure is not None:
            raise Abandoned
        if self._alone or len(self._playing) < 2 or self._random.random() >= (self._restless if restless is None else restless):
            return
        mine = self._mine
        assert mine is not None, "somebody plays"
        self._hand_to(self._random.choice([baton for baton in self._playing if baton is not mine]))
        mine.acquire()
        if self._failure is not None:
            raise Abandoned

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else goes on inside: what a lock of the operating system keeps others from."""
        self._alone += 1
        try:
            yield
        finally:
            self._alone -= 1

    def _play(self, part: Part, baton: threading.Lock) -> None:
        baton.acquire()
        try:
            if self._failure is None:
                part()
        except Abandoned:
            pass
        except BaseException as failure:  # noqa: BLE001 - raised by `play`
            self._failure = self._failure or failure
        self._playing.remove(baton)
        if self._playing:
            self._hand_to(self._random.choice(self._playing))
        else:
            self._done.release()

    def _hand_to(self, baton: threading.Lock) -> None:
        self._mine = baton
        baton.release()


def _closed() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock
