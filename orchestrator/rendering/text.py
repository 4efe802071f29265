"""What all text reports share: durations, text from outside made harmless, and writing that survives any locale.

Our own words are ASCII; what comes from a target may be anything. Start at `printable` and `write`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TextIO

# CSI and OSC sequences as ECMA-48 and xterm know them, then all other control characters but tab and line feed.
# Marks that turn the direction of text are among them: they make a line read as what it is not.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b(?:[ -/]*[0-~]|$)"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RETURN = re.compile(r"[^\n]*\r(?!\n|$)")


def printable(text: str) -> str:
    """*text* as a terminal may show it: no escape sequence, no control character but tab and line feed.

    Of a line that was overwritten with carriage returns, as progress bars do, the last state is kept.
    """
    text = _SEQUENCE.sub("", text).replace("\r\n", "\n")
    return _CONTROL.sub("", _RETURN.sub("", text))


def one_line(text: str) -> str:
    """`printable`, and line feeds and tabs as blanks: for a place where a single line is expected."""
    return " ".join(printable(text).split())


def duration(seconds: float) -> str:
    """``85ms``, ``0.4s``, ``3s``, ``45s``, ``90s``, ``2m 30s``, ``1h 05m``."""
    if seconds < 0.1:
        return f"{round(seconds * 1000)}ms"
    if round(seconds, 1) < 10:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def tail(text: str, lines: int) -> list[str]:
    """The last *lines* lines of *text*, printable, without blank ones at the end."""
    return printable(text).rstrip().splitlines()[-lines:]


def indented(lines: Iterable[str], by: str) -> str:
    return "".join(f"{by}{line}".rstrip() + "\n" for line in lines)


def encodable(text: str, encoding: str | None) -> str:
    """*text* with ``?`` for what *encoding* cannot say."""
    name = encoding or "utf-8"
    return text.encode(name, "replace").decode(name)


def write(stream: TextIO, text: str) -> None:
    """Write *text*, whatever the locale; a stream that cannot encode a character gets ``?`` in its place."""
    stream.write(encodable(text, stream.encoding))
    stream.flush()
