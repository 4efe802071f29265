"""The other ways to read a text in which a secret can hide: without its escape codes, and with its lines joined. Pure.

A colour in the middle of a secret shows it whole on a terminal, and ``base64`` breaks what it prints after 76 characters. A
`View` is the text without those, and knows where each of its characters came from. Used by `masking.Masker`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_BREAK = re.compile(r"\n[ \t]*|\r\n[ \t]*")
ESCAPES = re.compile(
    r"""
      \x1b \[ [0-?]* [ -/]* [@-~]                      # CSI: colours, cursor, erase
    | \x1b [\]PX^_] [^\x07\x1b]* (?: \x07 | \x1b\\ )?  # OSC, DCS and the like: titles, links, clipboard
    | \x1b [ -/]* [0-~]?                               # any other escape
    | \x9b [0-?]* [ -/]* [@-~]                          # CSI as one character
    | [\x00-\x08\x0b-\x1f\x7f-\x9f]                    # what is left of control characters
    | [\u200e\u200f\u2028-\u202e\u2066-\u2069]          # direction and line overrides
    """,
    re.VERBOSE,
)
"""What is taken out of a text before a person sees it, newline and tab apart."""


class View(NamedTuple):
    """A text with parts of another one left out.

    Attributes:
        text: What is left.
        starts: Where in *text* something was left out, ascending; beginning with 0.
        shifts: For each of them, how much further right the original is from there on.
    """

    text: str
    starts: list[int]
    shifts: list[int]

    def original(self, at: int) -> int:
        """Where the character *at* of *text* stands in the original."""
        return at + self.shifts[bisect_right(self.starts, at) - 1]

    def original_end(self, end: int) -> int:
        """Where a piece of *text* that ends before *end* (1 or more) ends in the original, without what was left out after it."""
        return self.original(end - 1) + 1


def without_controls(text: str) -> View | None:
    """*text* without escape codes and controls; None when it has none."""
    if text.isprintable() or not _CONTROL.search(text):
        return None
    return _without(ESCAPES, text)


def joined(text: str) -> View | None:
    """*text* without the ends of its lines and the blanks that the next one begins with; None when it is one line."""
    return _without(_BREAK, text) if "\n" in text else None


def _without(pattern: re.Pattern[str], text: str) -> View | None:
    parts, starts, shifts, at, kept = [], [0], [0], 0, 0
    for match in pattern.finditer(text):
        parts.append(text[at : match.start()])
        kept += match.start() - at
        at = match.end()
        starts.append(kept)
        shifts.append(at - kept)
    if not parts:
        return None
    return View("".join([*parts, text[at:]]), starts, shifts)
