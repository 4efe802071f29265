"""JSON values and bytes that are nearly right: strategies that spoil a right document in one to four places."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

ODD_TEXT = st.sampled_from(
    [
        "", " ", "-", "--", "--help", ".", "..", "/", "/etc/passwd", "~", "a" * 300, "\0", "\n", "\x1b[2J", "\ud800", "\u202e",
        "é", "0", "-1", "1e999", "null", "latest", "{{version}}", "${X}", "*", "[", "(", "(a+)+$", "http://[", "http://a:b@c/",
        "a:1", "2026-12-24T00:00:00Z", "9999-99-99", "sha256:", "sha256:" + "0" * 64, "deploy", "dry_run",
        "deploy-20260318-143022-k3f9",
    ]
)  # fmt: skip
NUMBERS = st.sampled_from([0, 1, -1, 2**31, 2**63, 2**63 - 1, -(2**63), 2**64 - 1, 10**400, 0.5, -0.0, 1e308])
SCALARS = st.none() | st.booleans() | st.integers(-10, 10) | NUMBERS | ODD_TEXT | st.text(max_size=6)
SMALL = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXT | st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: Path = ()) -> list[Path]:
    """The path of every value inside *value*, its own first."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in items for found in places(item, (*path, key)))]


@st.composite
def spoiled(draw: st.DrawFn, documents: Sequence[Any], replacements: st.SearchStrategy[Any] = SMALL, most: int = 4) -> Any:
    """One of *documents* with values replaced, removed, renamed, or taken from elsewhere in it."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, most))):
        known = places(document)
        path = known[draw(st.integers(0, len(known) - 1))]
        document = _changed(draw, document, path, known, replacements)
    return document


def _changed(draw: st.DrawFn, document: Any, path: Path, known: list[Path], replacements: st.SearchStrategy[Any]) -> Any:
    if not path:
        return document if draw(st.integers(0, 9)) else draw(replacements)
    holder = at(document, path[:-1])
    match draw(st.sampled_from(("replace", "replace", "remove", "rename", "move", "repeat"))):
        case "replace":
            holder[path[-1]] = draw(replacements)
        case "remove":
            del holder[path[-1]]
        case "rename" if isinstance(holder, dict):
            holder[draw(ODD_TEXT)] = holder.pop(path[-1])
        case "move":
            holder[path[-1]] = copy.deepcopy(at(document, known[draw(st.integers(0, len(known) - 1))]))
        case "repeat" if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
    return document


def at(document: Any, path: Path) -> Any:
    for key in path:
        document = document[key]
    return document


@st.composite
def flipped(draw: st.DrawFn, texts: Sequence[bytes], most: int = 6) -> bytes:
    """One of *texts* with bytes changed, cut out, put in, or cut off behind."""
    raw = bytearray(draw(st.sampled_from(texts)))
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, len(raw)))
        match draw(st.sampled_from(("flip", "flip", "insert", "cut", "end"))):
            case "flip" if place < len(raw):
                raw[place] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                raw[place:place] = draw(st.binary(min_size=1, max_size=4))
            case "cut":
                del raw[place : place + draw(st.integers(1, 8))]
            case "end":
                del raw[place:]
    return bytes(raw)


def as_bytes(value: Any) -> bytes:
    """JSON, also of what JSON does not know (NaN, half characters)."""
    return json.dumps(value).encode("utf-8", "surrogatepass")
