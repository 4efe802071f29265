"""A Dockerfile's instructions, as far as `dockerfile` asks: no shell is understood, and nothing is filled in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_HEREDOC = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")
_TAKES_HEREDOC = ("RUN", "COPY", "ADD")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with its continuation lines and here-documents.

    Attributes:
        number: Of its first line, from 1.
        word: ``FROM``, in capitals.
    """

    number: int
    word: str
    rest: str

    def pairs(self) -> list[tuple[str, str]]:
        """Names and values of an ``ENV`` or ``ARG``; a value is "" where none is given."""
        try:
            words = shlex.split(self.rest)
        except ValueError:
            words = self.rest.split()
        if self.word == "ENV" and words and "=" not in words[0]:
            return [(words[0], " ".join(words[1:]))]  # the old form: ENV NAME the whole rest
        return [(name, value) for name, _, value in (word.partition("=") for word in words)]


def instructions(content: str) -> list[Instruction]:
    """All of them, in order. Comments are left out, also those between continuation lines."""
    return list(_read(content.splitlines(), _escape(content)))


def _escape(content: str) -> str:
    """The character that joins lines: a directive at the top may replace the backslash."""
    match = re.match(r"(?:#[^\n]*\n)*?#\s*escape\s*=\s*([`\\])", content, re.IGNORECASE)
    return match[1] if match else "\\"


def _read(lines: list[str], escape: str) -> Iterator[Instruction]:
    at = 0
    while at < len(lines):
        start = at
        parts: list[str] = []
        while at < len(lines):
            line, at = lines[at].strip(), at + 1
            if not line or line.startswith("#"):
                if parts:
                    continue  # Docker skips comments and blank lines in the middle of an instruction
                break
            parts.append(line.removesuffix(escape).rstrip())
            if not line.endswith(escape):
                break
        if not parts:
            continue
        word, _, rest = " ".join(parts).partition(" ")
        if word.upper() in _TAKES_HEREDOC:
            body, at = _heredocs(rest, lines, at)
            rest = "\n".join([rest, *body])
        yield Instruction(start + 1, word.upper(), rest.strip())


def _heredocs(rest: str, lines: list[str], at: int) -> tuple[list[str], int]:
    body: list[str] = []
    for end in _HEREDOC.findall(rest):
        while at < len(lines):
            line, at = lines[at], at + 1
            if line.strip() == end:
                break
            body.append(line)
    return body, at
