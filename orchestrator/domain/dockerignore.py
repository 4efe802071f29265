"""The rules of ``.dockerignore``: which paths of a build context are not sent to the engine. Pure: compares names only.

They differ from ``.gitignore``: a pattern begins at the context's root, ``*`` stays within one name, the last pattern that fits
decides, and ``!`` brings back what lies in an excluded directory. Source: the reference of ``docker build``, and what its
matcher does where that is silent. Start at `DockerIgnore.parse`.
"""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

_SPECIAL = re.compile(r"[*?\[\\]")


class _Rule(NamedTuple):
    """One line.

    Attributes:
        fits: Matches the whole of a path that the pattern fits, or that has a parent which it fits.
        back: Written with ``!``.
        literal: What the pattern begins with before its first wildcard.
    """

    fits: re.Pattern[str]
    back: bool
    literal: str


class DockerIgnore(NamedTuple):
    """The rules of one file, in its order."""

    rules: tuple[_Rule, ...] = ()

    @classmethod
    def parse(cls, text: str) -> DockerIgnore:
        """The rules in *text*.

        Raises:
            ValueError: A pattern makes no sense; the message begins with the line's number. The engine refuses it too.
        """
        rules = []
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
            if line.startswith("#") or not line.strip():
                continue
            try:
                rules.append(_rule(line.strip()))
            except (re.error, ValueError) as error:
                raise ValueError(f"line {number}: no usable pattern: {line.strip()!r}: {error}") from None
        return cls(tuple(rules))

    def skips(self, relative: str) -> bool:
        """Whether *relative* (slashes, from the context's root) is not sent."""
        last = next((rule for rule in reversed(self.rules) if rule.fits.fullmatch(relative)), None)
        return last is not None and not last.back

    def may_bring_back(self, directory: str) -> bool:
        """Whether something below the skipped *directory* may be sent all the same."""
        inside = f"{directory}/"
        return any(rule.back and (rule.literal.startswith(inside) or inside.startswith(rule.literal)) for rule in self.rules)


def _rule(line: str) -> _Rule:
    back = line.startswith("!")
    pattern = line[1:].strip() if back else line
    if not pattern:
        raise ValueError("nothing after the exclamation mark")
    pattern = posixpath.normpath(pattern).lstrip("/")
    special = _SPECIAL.search(pattern)
    literal = pattern[: special.start()] if special else pattern
    return _Rule(re.compile(_expression(pattern) + "(?:/.*)?", re.DOTALL), back, literal)


def _expression(pattern: str) -> str:
    rest = pattern[2:]
    if pattern.startswith("**") and not _SPECIAL.search(rest):  # the one case in which ** ends within a name: **.log
        return f"(?:.*/)?{re.escape(rest[1:])}" if rest.startswith("/") else f".*{re.escape(rest)}"
    text, at = "", 0
    while at < len(pattern):
        part, at = _token(pattern, at)
        text += part
    return text


def _token(pattern: str, at: int) -> tuple[str, int]:
    """The expression for what begins at *at*, and where it ends."""
    if pattern.startswith("**", at):
        at += 2
        at += pattern.startswith("/", at)
        return ("(?:.*/)?" if at < len(pattern) else ".*"), at
    match pattern[at]:
        case "*":
            return "[^/]*", at + 1
        case "?":
            return "[^/]", at + 1
        case "[":
            return _set(pattern, at)
        case "\\":
            if at + 1 == len(pattern):
                raise ValueError("a backslash at its end")
            return re.escape(pattern[at + 1]), at + 2
        case other:
            return re.escape(other), at + 1


def _set(pattern: str, at: int) -> tuple[str, int]:
    """``[a-z]``, ``[^a]``: a set never holds the slash."""
    end = at + 1
    while end < len(pattern) and pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    if end >= len(pattern):
        raise ValueError("[ without ]")
    inner = pattern[at + 1 : end]
    negated = inner.startswith("^")
    inner = inner.removeprefix("^").replace("[", "\\[")
    if not inner:
        raise ValueError("an empty set")
    return f"(?!/)[{'^' if negated else ''}{inner}]", end + 1
