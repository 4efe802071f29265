"""Change one top-level member of a JSON text and leave every other byte as its author wrote it.

Not a parser: the text has to be valid JSON with an object at the top (`orchestrator.config.reading.parse_json` decides that), and
is only searched here. Start at `replace_member`.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

_BLANKS = " \t\r\n"
_decode = json.JSONDecoder().raw_decode


class Member(NamedTuple):
    """Where a member of the top-level object stands, as offsets into the text."""

    name: str
    start: int
    name_end: int
    value_start: int
    value_end: int


def members(text: str) -> list[Member]:
    """The members of the object that *text* holds, in order."""
    found = []
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        name, name_end = _decode(text, at)
        value_start = _skip(text, _skip(text, name_end) + 1)
        value_end = _decode(text, value_start)[1]
        found.append(Member(name, at, name_end, value_start, value_end))
        at = _skip(text, value_end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def replace_member(text: str, name: str, value: Any) -> str:
    """*text* with *value* as its top-level member *name*; a missing member becomes the last one.

    The new value is written the way the rest is: same indentation, line ends, and way of writing what is not ASCII.
    """
    known = members(text)
    style = _Style.of(text, known)
    for member in known:
        if member.name == name:
            return text[: member.value_start] + style.write(value) + text[member.value_end :]
    return _insert(text, known, f"{json.dumps(name)}{style.colon}{style.write(value)}", style)


def _insert(text: str, known: list[Member], written: str, style: _Style) -> str:
    if known:
        end = known[-1].value_end
        gap = style.newline + style.indent if style.indent else style.comma
        return f"{text[:end]},{gap}{written}{text[end:]}"
    start, end = text.index("{") + 1, text.rindex("}")
    return f"{text[:start]}{style.newline}{style.indent}{written}{style.newline}{text[end:]}"


class _Style(NamedTuple):
    """How a file is written.

    Attributes:
        indent: In front of a top-level member; "" when everything stands on one line.
        comma: What follows a comma within one line.
    """

    indent: str
    newline: str
    colon: str
    comma: str
    ascii_only: bool

    @classmethod
    def of(cls, text: str, known: list[Member]) -> _Style:
        newline = "\r\n" if "\r\n" in text else "\n"
        tight = bool(known) and text[known[0].name_end : known[0].value_start] == ":"
        return cls(
            indent=_indent(text, known),
            newline=newline,
            colon=":" if tight else ": ",
            comma="" if tight else " ",
            ascii_only=text.isascii() and "\\u" in text,
        )

    def write(self, value: Any) -> str:
        if not self.indent:
            return self._dump(value, None)
        lines = self._dump(value, self.indent).split("\n")
        return (self.newline + self.indent).join(lines)

    def _dump(self, value: Any, indent: str | None) -> str:
        # A line break inside a string is always written as an escape, so the lines of the result are those of its layout.
        comma = "," if indent else f",{self.comma}"
        return json.dumps(value, indent=indent, separators=(comma, self.colon), ensure_ascii=self.ascii_only)


def _indent(text: str, known: list[Member]) -> str:
    """The blanks in front of the first member that starts a line."""
    for member in known:
        line = text[text.rfind("\n", 0, member.start) + 1 : member.start]
        if not line.strip(_BLANKS) and "\n" in text[: member.start]:
            return line
    return "" if known else "  "


def _skip(text: str, at: int) -> int:
    while text[at] in _BLANKS:
        at += 1
    return at
