"""Licence expressions (SPDX), such as ``(MIT OR Apache-2.0) AND ISC``. What cannot be read counts as one licence of that name."""

from __future__ import annotations

import re

LONGEST = 200  # and with it how deep parentheses can be nested
MOST = 64


class _Unreadable(Exception):
    """It follows no grammar; it is a name that somebody made up."""


def alternatives(expression: str) -> list[frozenset[str]]:
    """Every choice the expression leaves, each with all the licences that it asks to keep together.

    An exception (``GPL-2.0-only WITH Classpath-exception-2.0``) belongs to its licence's name.

    >>> [sorted(choice) for choice in alternatives("(MIT OR Apache-2.0) AND ISC")]
    [['ISC', 'MIT'], ['Apache-2.0', 'ISC']]
    """
    if len(expression) > LONGEST:
        return [frozenset({expression})]
    try:
        found, rest = _either(re.findall(r"[()]|[^\s()]+", expression))
    except _Unreadable:
        return [frozenset({expression.strip()})]
    return [frozenset({expression.strip()})] if rest else found


def _either(words: list[str]) -> tuple[list[frozenset[str]], list[str]]:
    found, words = _both(words)
    while words and words[0].upper() == "OR":
        more, words = _both(words[1:])
        found = [*found, *more]
    return found, words


def _both(words: list[str]) -> tuple[list[frozenset[str]], list[str]]:
    found, words = _one(words)
    while words and words[0].upper() == "AND":
        more, words = _one(words[1:])
        found = [left | right for left in found for right in more]
        if len(found) > MOST:
            raise _Unreadable
    return found, words


def _one(words: list[str]) -> tuple[list[frozenset[str]], list[str]]:
    if not words or words[0] == ")" or words[0].upper() in ("AND", "OR", "WITH"):
        raise _Unreadable
    if words[0] == "(":
        found, rest = _either(words[1:])
        if rest[:1] != [")"]:
            raise _Unreadable
        return found, rest[1:]
    if len(words) > 2 and words[1].upper() == "WITH":
        return [frozenset({f"{words[0]} WITH {words[2]}"})], words[3:]
    return [frozenset({words[0]})], words[1:]
