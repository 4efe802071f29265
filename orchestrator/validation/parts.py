"""Small things that several checks share: several answers made one, and messages that stay on one line."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import CommandResult
from orchestrator.validation.base import Found

_WORST_FIRST = (Outcome.FAIL, Outcome.WARN, Outcome.SKIP, Outcome.PASS)
_LONGEST_LINE = 200
_NOISE = ("npm error A complete log", "npm ERR! A complete log", "npm ERR!     ", "npm notice", "npm warn", "npm WARN", "hint:")


def together(parts: Sequence[Found], *, none: str) -> Found:
    """One answer for all *parts*: the worst of them, and what each had to say, the worst first.

    A part that could not run makes the whole a SKIP unless another one warns or fails: half a look is no pass.

    Args:
        none: Why there is nothing to look at, for a project without any part.
    """
    if not parts:
        return Found(Outcome.SKIP, none)
    ordered = sorted(parts, key=lambda part: _WORST_FIRST.index(part.status))
    return Found(ordered[0].status, "; ".join(part.message for part in ordered))


def shown(names: Collection[str], *, most: int = 5) -> str:
    """*names* in words: ``a, b, c and 4 more``."""
    listed = list(names)
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest} more" if rest > 0 else "")


def counted(number: int, singular: str, plural: str = "") -> str:
    """``1 package``, ``2 packages``."""
    return f"{number} {singular if number == 1 else plural or f'{singular}s'}"


def last_words(result: CommandResult) -> str:
    """The last line of a command's output that says something, errors first; "" where it was silent."""
    for stream in (result.stderr, result.stdout):
        lines = [line for raw in stream.splitlines() if (line := one_line(raw)) and not line.startswith(_NOISE)]
        if lines:
            return lines[-1]
    return ""


def ended(result: CommandResult) -> str:
    """How a failed command ended, for a message."""
    words = last_words(result)
    return f"{' '.join(result.argv[:3])} ended with {result.exit_code}" + (f": {words}" if words else "")


def one_line(words: str) -> str:
    """*words* without line breaks and control characters, cut where it gets long."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."
