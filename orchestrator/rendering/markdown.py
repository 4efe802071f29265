"""Text from outside as a part of a Markdown document, so that none of it is taken for Markdown: `words`, `code`, `fenced`.

CommonMark with the additions of the usual hosts (tables, autolinks). What a terminal would obey is taken out as well.
"""

from __future__ import annotations

import re

from orchestrator.rendering.text import one_line, printable

# A backslash before any of these makes it a plain character (CommonMark 2.4); the rest of ASCII punctuation is harmless in the
# middle of a line, and at its beginning nothing of others stands.
# An underscore within a word means nothing.
_SPECIAL = re.compile(r"([\\`*\[\]<|&~#!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_TICKS = re.compile("`+")


def words(text: str) -> str:
    """*text* on one line, as it is read: no emphasis, link, image or HTML comes of it, nor does an address become one."""
    return _SPECIAL.sub(r"\\\1", one_line(text)).replace("://", ":\\//")


def code(text: str) -> str:
    """*text* on one line as a code span; it may hold backticks itself. Nothing is a dash."""
    shown = one_line(text)
    if not shown:
        return "-"
    ticks = _longer(shown, 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def fenced(text: str) -> str:
    """*text* as a block, its lines kept. No line of it can end the block: the fence is longer than any run of backticks in it."""
    shown = printable(text).replace("\u2028", "\n").replace("\u2029", "\n").strip("\n")
    fence = _longer(shown, 3)
    return f"{fence}text\n{shown}\n{fence}\n"


def _longer(text: str, least: int) -> str:
    return "`" * max([least, *(len(run) + 1 for run in _TICKS.findall(text))])
