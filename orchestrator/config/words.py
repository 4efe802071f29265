"""The words of the messages: what was expected, what was found, where, and which known name is nearest.

Nothing here decides whether a value is right; `convert` does. What may be secret is never put into words (`hides_secret`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from orchestrator.domain.settings import SecretRef

Path = tuple[str | int, ...]
"""Keys and list indexes from the root of the file to a value."""

LONGEST_QUOTE = 60

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_USER_INFO = re.compile(r"//[^/@\s]*@")
_SCALARS: dict[Any, tuple[str, str]] = {
    str: ("a string", "strings"),
    bool: ("true or false", "truth values"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    dict: ("an object", "objects"),
    Any: ("any value", "values"),
    SecretRef: ('{"env": "NAME"} or {"file": "path"}', "references to secrets"),
}


def place(path: Path) -> str:
    """*path* as people write it: ``targets.docker.config.tags[0]``."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _PLAIN_KEY.fullmatch(key) and len(key) <= LONGEST_QUOTE:
            text += f".{key}" if text else key
        else:
            text += f"[{quoted(key)}]"
    return text


def quoted(text: str) -> str:
    """*text* in double quotes on one line, shortened, safe to print on a terminal, and without the user of a URL."""
    text = _USER_INFO.sub("//***@", text)
    if len(text) > LONGEST_QUOTE:
        text = text[: LONGEST_QUOTE - 3] + "..."
    return json.dumps(text, ensure_ascii=not text.isprintable())


def found(value: Any, *, secret: bool = False) -> str:
    """What stands in the file: the value itself where it is short and cannot be secret, else only what it is."""
    match value:
        case None:
            return "null"
        case dict():
            return "an object"
        case list():
            return "an empty list" if not value else "a list"
        case str():
            return "a string" if secret else quoted(value)
        case bool():
            return "true or false" if secret else json.dumps(value)
        case _:
            number = repr(value)
            return "a number" if secret or len(number) > LONGEST_QUOTE else number


def expected(wanted: Any) -> str:
    """What the type *wanted* asks for: ``a list of strings``."""
    return _words(wanted, plural=False)


def hides_secret(wanted: Any) -> bool:
    """Whether a value of the type *wanted* may be a secret, and so must not be shown."""
    return wanted is SecretRef or any(hides_secret(part) for part in get_args(wanted))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that *name* is most likely a slip of, or None."""
    from difflib import get_close_matches  # only needed when something is wrong already

    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = get_close_matches(name.lower()[:LONGEST_QUOTE], by_lower, n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """``, did you mean "tags"?``, or *otherwise* when nothing is near."""
    near = nearest(name, known)
    return f", did you mean {quoted(near)}?" if near is not None else otherwise


def listed(names: Iterable[str]) -> str:
    """*names* in the order given, with commas; more than twelve are counted."""
    names = list(names)
    shown = ", ".join(name if _PLAIN_KEY.fullmatch(name) else quoted(name) for name in names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"


def _words(wanted: Any, *, plural: bool) -> str:
    origin = get_origin(wanted)
    if wanted in _SCALARS:
        return _SCALARS[wanted][plural]
    if origin is Literal or (isinstance(wanted, type) and issubclass(wanted, Enum)):
        choices = get_args(wanted) or tuple(choice.value for choice in wanted)
        return ("any of " if plural else "one of ") + ", ".join(json.dumps(choice) for choice in choices)
    if origin in (Union, UnionType):
        parts = list(dict.fromkeys(_words(part, plural=plural) for part in get_args(wanted) if part is not NoneType))
        return ", ".join(parts[:-1]) + f" or {parts[-1]}" if len(parts) > 1 else parts[0]
    if origin in (tuple, list, Sequence):
        return ("lists of " if plural else "a list of ") + _words(get_args(wanted)[0], plural=True)
    if origin in (dict, Mapping):
        item = get_args(wanted)[1]
        of = "" if item is Any or is_dataclass(item) else f" of {_words(item, plural=True)}"
        return ("objects" if plural else "an object") + of
    return "objects" if plural else "an object"
