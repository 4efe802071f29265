"""Which text may be a version: `checked_version`."""

from __future__ import annotations

import re

from orchestrator.domain.errors import UsageProblem

LONGEST = 128
OPTION = "option"
"""Source of a version that somebody named, in place of the file that says it."""
_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")


def checked_version(version: str, source: str = "--version") -> str:
    """*version* itself, if it can name a release everywhere: a tag, a directory, an argument of a command.

    Letters, digits and ``. _ + -``, the first one a letter, a digit or ``_``; at most 128 characters. (No image tag may have a
    ``+``; the targets that make tags write ``-`` for it.)

    Raises:
        UsageProblem: It cannot; the message begins with *source*.
    """
    if _VERSION.fullmatch(version) and len(version) <= LONGEST:
        return version
    shown = ascii(version[:60])
    wanted = f"a version like 1.2.0 (letters, digits and . _ + -, at most {LONGEST} of them)"
    raise UsageProblem(f"{source}: expected {wanted}, got {shown}{' and more' if len(version) > 60 else ''}")
