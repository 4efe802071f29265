"""Which paths of a tree are left out: `Excludes`, used alike by what copies a source and by what digests it.

Pure: it compares names and never looks at a file. The patterns are those people know from ``.gitignore``, without negation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Excludes:
    """Patterns and places that are no part of a tree.

    Attributes:
        patterns: Without a slash a pattern fits a name at any depth (``*.log``, ``.git``); with one it fits the path from the
            tree's root (``docs/*.md``, ``/build``, ``**/cache/tmp``). What fits a directory leaves out all that is in it.
        places: Absolute paths (links followed) left out with all below them, wherever the tree's root is.

    Raises:
        ValueError: A pattern has a set that makes no sense, such as ``[z-a]``.

    >>> Excludes(("*.log", "docs/draft")).skips(Path("/srv/shop"), "a/b/x.log")
    True
    >>> Excludes(("*.log", "docs/draft")).skips(Path("/srv/shop"), "a/docs/draft")
    False
    """

    patterns: tuple[str, ...] = ()
    places: tuple[Path, ...] = ()
    _compiled: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        expressions = [_expression(pattern) for pattern in self.patterns if pattern.strip("/")]
        try:
            compiled = re.compile("|".join(expressions), re.DOTALL) if expressions else None
        except re.error as error:
            raise ValueError(f"no usable pattern among {', '.join(self.patterns)}: {error}") from error
        object.__setattr__(self, "_compiled", compiled)

    def skips(self, root: Path, relative: str) -> bool:
        """Whether the entry *relative* (slashes, from *root*) is left out.

        A walk asks from the top and does not enter what is skipped; so only *relative* itself is compared, not its parents.
        """
        if self._compiled is not None and self._compiled.fullmatch(relative):
            return True
        return bool(self.places) and root / relative in self.places


def _expression(pattern: str) -> str:
    if "/" not in pattern.rstrip("/"):
        return "(?:.*/)?" + _component(pattern.rstrip("/"))
    parts = pattern.strip("/").split("/")
    text = "".join("(?:.*/)?" if part == "**" else _component(part) + "/" for part in parts[:-1])
    return text + (".*" if parts[-1] == "**" else _component(parts[-1]))


def _component(glob: str) -> str:
    """One path component as a regular expression: ``*``, ``?`` and ``[...]`` stay inside it."""
    text, rest = "", glob
    while rest:
        head, rest = rest[0], rest[1:]
        if head == "[" and "]" in rest[1:]:
            end = rest.index("]", 1)
            inner, rest = rest[:end].replace("\\", "\\\\"), rest[end + 1 :]
            negated = inner.startswith(("!", "^"))
            text += f"[^/{inner[1:]}]" if negated else f"[{inner}]"
        else:
            text += {"*": "[^/]*", "?": "[^/]"}.get(head) or re.escape(head)
    return text
