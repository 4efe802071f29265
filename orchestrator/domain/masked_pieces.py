"""Pieces of a long secret: lines of a text that was wrapped, whatever a program put in front of each of them. Pure.

``docker build`` writes ``#7 0.3`` before every line that a step prints, so a key that it prints as base64 stands nowhere in one
piece. Whatever has `LENGTH` characters in a row from one form of a secret counts as a piece of it. Used by `masking.Masker`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LENGTH = 24
_RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{LENGTH},}}")


class Pieces:
    """Knows all pieces of the forms that it was told. They are taken apart only when a text has something of their kind."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._known: set[str] | None = None

    def add(self, forms: Iterable[str]) -> None:
        self._forms |= {form for form in forms if _RUN.fullmatch(form)}
        self._known = None

    def stand_in(self, text: str) -> bool:
        """Whether `spans` finds any."""
        return next(self.spans(text), None) is not None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where in *text* pieces stand: start, end."""
        if not self._forms:
            return
        for run in _RUN.finditer(text):
            known = self._pieces()
            yield from ((run.start() + start, run.start() + end) for start, end in _in_run(run.group(), known))

    def _pieces(self) -> set[str]:
        if self._known is None:
            self._known = {form[at : at + LENGTH] for form in self._forms for at in range(len(form) - LENGTH + 1)}
        return self._known


def _in_run(run: str, known: set[str]) -> Iterator[tuple[int, int]]:
    at, last = 0, len(run) - LENGTH
    while at <= last:
        start = at
        while at <= last and run[at : at + LENGTH] in known:
            at += 1
        if at > start:
            at += LENGTH - 1
            yield start, at
        else:
            at += 1
