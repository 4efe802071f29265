"""Keeps secrets out of everything that is stored or shown: what is found becomes ``***``.

`Masker` knows three kinds: values that were revealed during this run (in every form of `secret_forms`, also where escape codes or
line ends break them), the user's own patterns (`redact` in deploy.json), and the shapes of well-known tokens. Its streaming form
is `StreamMasker`. It is no proof against a program that disguises a secret (encrypts it, prints it backwards). Start reading at
`Masker.mask`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.masked_pieces import Pieces
from orchestrator.domain.masked_views import ESCAPES, View, joined, without_controls
from orchestrator.domain.secret_forms import SHORTEST, forms
from orchestrator.domain.secret_shapes import FLAG, SHAPES

MASK = "***"
HOLD_CHARS = 4096
HOLD_LIMIT_CHARS = 256 * 1024
_BROKEN = 8
"""From how many characters on a form is looked for across the ends of lines: shorter ones would be found by chance."""

Find = tuple[int, int, int]


class Masker:
    """Replaces secrets. Values may be added at any time; what was masked before stays as it was.

    A value shorter than four characters is masked only where it stands as a word of its own (``7`` in ``port 7``, not in
    ``1970``) and in no other form: anything else would shred every output. Blanks around it do not count; an empty one is
    no secret.

    Args:
        patterns: Regular expressions of what else must not be seen.

    Raises:
        UsageProblem: One of the patterns is no regular expression.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._values: list[str] = []
        self._words: set[re.Pattern[str]] = set()
        self._pieces = Pieces()
        self._patterns = [_compiled(pattern) for pattern in patterns]

    def add(self, value: str) -> None:
        """Mask *value* from now on."""
        word = value.strip()
        if len(word) >= SHORTEST:
            made = forms(value)
            self._pieces.add(made)
            self._values = sorted({*self._values, *made}, key=len, reverse=True)
        elif word:
            self._words.add(re.compile(rf"(?<!\w){re.escape(word)}(?!\w)"))

    @property
    def values(self) -> tuple[str, ...]:
        """Every form of every value that is known, the longest first; not the short ones that count only as a word."""
        return tuple(self._values)

    @property
    def longest(self) -> int:
        """Characters of the longest known value in its longest form; 0 when none is known."""
        return len(self._values[0]) if self._values else 0

    def mask(self, text: str) -> str:
        """*text* with every secret replaced. The same object when there is none."""
        found = self.find(text)
        if not found:
            return text
        parts, at = [], 0
        for _, start, stop in found:
            parts += [text[at:start], MASK]
            at = stop
        return "".join(parts) + text[at:]

    def mask_bytes(self, data: bytes) -> bytes:
        """The same for bytes; what is not UTF-8 comes out as it went in. Give it the whole, or use `StreamMasker`."""
        text = data.decode(errors="surrogateescape")
        masked = self.mask(text)
        return data if masked is text else masked.encode(errors="surrogateescape")

    def mask_json(self, value: Any) -> Any:
        """The same for every string inside a JSON value, keys too, and for the argument after a flag like ``--password``."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, dict):
            return {self.mask(key): self.mask_json(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            before: Sequence[Any] = (None, *value)
            return [
                MASK if _follows_flag(last, item) else self.mask_json(item) for last, item in zip(before, value, strict=False)
            ]
        return value

    def may_mask_json(self, data: bytes) -> bool:
        """False when `mask_json` would for certain change nothing in the value that is written as the JSON bytes *data*.

        Every event is asked before it is recorded, and hardly any holds a secret: one look at the text is twenty times as fast
        as one at each string in it.
        """
        text = data.decode()
        return (
            "\\" in text  # what is escaped does not look like itself
            or not text.isascii()  # some controls and marks are written as they are, and may break a value
            or bool(self._patterns)  # an anchor may mean where a string begins, which is lost here
            or any(value in text for value in self._values)
            or any(word.search(text) for word in self._words)
            or self._pieces.stand_in(text)
            or any(hint in text for hint in _HINTS)
        )

    def find(self, text: str) -> list[Find]:
        """Where the secrets are: (start of what makes it known as one, start, end), by start, without overlaps."""
        found = self._plain(text)
        found += [(start, start, end) for start, end in self._pieces.spans(text)]
        if (view := without_controls(text)) is not None:
            found += _placed(view, self._plain(view.text))
        if self._values and (view := joined(text)) is not None:
            broken = [find for value in self._values if len(value) >= _BROKEN for find in _occurrences(value, view.text)]
            found += _placed(view, broken)
        return _merged(found)

    def unfinished(self, text: str) -> int:
        """Where the earliest known value starts that *text* ends in the middle of; the length of *text* if none does."""
        end = self._unfinished(text, 1)
        if (view := without_controls(text)) is not None:
            end = min(end, view.original(self._unfinished(view.text, 1)))
        if self._values and (view := joined(text)) is not None:
            # Almost every line ends with a letter that some form begins with: only more than that is worth waiting for.
            end = min(end, view.original(self._unfinished(view.text, _BROKEN)))
        return end

    def _plain(self, text: str) -> list[Find]:
        """In the text as it is; may overlap."""
        found: list[Find] = []
        for value in self._values:
            found += _occurrences(value, text)
        for pattern in (*self._words, *self._patterns):
            found += [(match.start(), *match.span()) for match in pattern.finditer(text) if match.group()]
        present = {hint for hint in _SHAPE_HINTS if hint in text}
        for hints, pattern in SHAPES if present else ():
            if not present.isdisjoint(hints):
                found += _matches(pattern, text)
        return found

    def _unfinished(self, text: str, least: int) -> int:
        return min((_unfinished(value, text, least) for value in self._values), default=len(text))


class StreamMasker:
    """Masks a stream of blocks; a secret that is split between blocks is found.

    It holds back the last unfinished line (4,096 characters of it at most), and lines that may be the beginning of a known value
    or of a private key. Close it to get the rest. A user's pattern over several lines is only found by `Masker.mask`.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._pending = ""

    def feed(self, block: bytes) -> bytes:
        """What can be shown now, masked."""
        self._pending += self._decoder.decode(block)
        return self._release(self._safe_end())

    def close(self) -> bytes:
        """The rest, masked."""
        self._pending += self._decoder.decode(b"", final=True)
        return self._release(len(self._pending))

    def _safe_end(self) -> int:
        """Where the pending text can be cut without cutting a secret."""
        text = self._pending
        end = self._masker.unfinished(text)
        line_end = max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1
        end = line_end or max(0, min(end, len(text) - HOLD_CHARS))
        for context, _, stop in self._masker.find(text):
            # One of several lines that ends in the last of them may go on in the next block.
            grows = "\n" in text[context:stop] and "\n" not in text[stop:]
            if context < end and (stop > end or grows) and len(text) - context <= HOLD_LIMIT_CHARS:
                return context
        return end

    def _release(self, end: int) -> bytes:
        shown, self._pending = self._masker.mask(self._pending[:end]), self._pending[end:]
        return shown.encode(errors="surrogateescape")


_SURROGATES = re.compile("[\ud800-\udfff]")


def strip_controls(text: str) -> str:
    """*text* made harmless to show: no escape codes or other controls but newline and tab; a return starts a new line.

    Bytes that were not UTF-8 (lone surrogates) become U+FFFD. Mask after this, not before: a colour inside a secret hides it.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATES.sub("\ufffd", ESCAPES.sub("", text))


_SHAPE_HINTS = tuple(dict.fromkeys(hint for hints, _ in SHAPES for hint in hints))
# The last one: an argument that begins with a dash may be a flag.
_HINTS = (*_SHAPE_HINTS, '"-')


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as problem:
        raise UsageProblem(f"deploy.json: redact: {pattern!r} is no regular expression: {problem}") from problem


def _follows_flag(before: Any, item: Any) -> bool:
    return isinstance(before, str) and isinstance(item, str) and not item.startswith("-") and bool(FLAG.fullmatch(before))


def _occurrences(value: str, text: str) -> list[Find]:
    """Runs of *value*, also where it overlaps itself."""
    found: list[Find] = []
    at = text.find(value)
    while at >= 0:
        start = found.pop()[1] if found and at <= found[-1][2] else at
        found.append((start, start, at + len(value)))
        at = text.find(value, at + 1)
    return found


def _unfinished(value: str, text: str, least: int) -> int:
    """Where the last *least* characters of *text*, or more, are the beginning of *value*; the length of *text* if none are."""
    at = text.find(value[0], max(0, len(text) - len(value) + 1))
    while 0 <= at <= len(text) - least:
        if value.startswith(text[at:]):
            return at
        at = text.find(value[0], at + 1)
    return len(text)


def _placed(view: View, found: list[Find]) -> list[Find]:
    return [(view.original(context), view.original(start), view.original_end(stop)) for context, start, stop in found]


def _matches(pattern: re.Pattern[str], text: str) -> list[Find]:
    return [(match.start(), *match.span(match.lastgroup or 0)) for match in pattern.finditer(text)]


def _merged(found: list[Find]) -> list[Find]:
    merged: list[Find] = []
    for context, start, stop in sorted(found, key=lambda item: item[1]):
        if merged and start <= merged[-1][2]:
            last = merged[-1]
            merged[-1] = (min(last[0], context), last[1], max(last[2], stop))
        else:
            merged.append((context, start, stop))
    return merged
