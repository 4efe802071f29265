"""The bytes of a deploy.json -> one JSON object, or a `ConfigError`; never a traceback.

Stricter than JSON itself where lenience would lose something later: a key written twice (one of the two would vanish when the
file is written again), numbers that are not finite or do not fit 64 bits, text that is not Unicode. Keys mean nothing here yet.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path as FilePath
from typing import Any, NoReturn

from orchestrator.config.errors import ConfigError, ConfigMissing, Enough, Problem, note
from orchestrator.config.words import Path, place, quoted

MAX_BYTES = 5_000_000
MAX_DEPTH = 64
_INT64 = range(-(2**63), 2**63)
_WRITE_ONE = "To write one: pop-deploy init"


class _Repeated(dict[str, Any]):
    """An object in which *key* stands more than once."""

    key = ""


def read_file(path: FilePath) -> bytes:
    """The bytes of *path*, at most one more than `MAX_BYTES`.

    Raises:
        ConfigMissing: There is no file.
        ConfigError: It is no regular file, or cannot be read.
    """
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise ConfigError(path.name, [Problem("", "a file", "something else", f"{path} is not a regular file")])
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigMissing(str(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(path.name, [Problem("", "a readable file", reason, f"{path} cannot be read: {reason}")]) from error


def parse_json(raw: bytes, file: str) -> dict[str, Any]:
    """The object that *raw* holds.

    Args:
        file: Name of the file, for messages.

    Raises:
        ConfigError: Not one JSON object, too large, nested too deep, or with values no program agrees on.
    """
    document = _decoded(raw, file)
    if not isinstance(document, dict):
        _refuse(file, "a JSON object", _json_type(document))
    problems: list[Problem] = []
    with suppress(Enough):
        # UTF-8 has no half surrogate pairs and JSON no NUL, unless they are written as escapes.
        _check_values(document, (), partial(note, problems), texts=b"\\u" in raw)
    if problems:
        raise ConfigError(file, problems)
    return document


def _decoded(raw: bytes, file: str) -> Any:
    if len(raw) > MAX_BYTES:
        _refuse(file, "at most 5 MB", "more")
    if raw.startswith(b"\xef\xbb\xbf"):
        _refuse(file, "UTF-8", "a byte order mark", "starts with a byte order mark; save it as UTF-8 without one")
    if not raw.strip():
        _refuse(file, "a JSON object", "an empty file", f"expected a JSON object, got an empty file. {_WRITE_ONE}")
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        _refuse(file, "UTF-8", f"byte {raw[error.start]:#04x} at offset {error.start}")
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ConfigError(file, [Problem(where, "JSON", error.msg, f"not valid JSON: {error.msg}")]) from None
    except RecursionError:
        _refuse(file, f"at most {MAX_DEPTH} levels of nesting", "more")
    except ValueError:  # Python converts no whole number of more than 4300 digits
        _refuse(file, "whole numbers that fit 64 bits", "one of thousands of digits")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    repeated, seen = _Repeated(members), set[str]()
    for key, _ in pairs:
        if key in seen:
            repeated.key = key
        seen.add(key)
    return repeated


def _check_values(value: Any, path: Path, add: Callable[[Problem], None], *, texts: bool) -> None:
    """Report what is wrong at or below *value*; *texts*: in its texts too. Recursion is bounded by `MAX_DEPTH`."""
    if isinstance(value, dict | list):
        if len(path) >= MAX_DEPTH:
            add(Problem(place(path[:3]), f"at most {MAX_DEPTH} levels of nesting", "more"))
            return
        if isinstance(value, _Repeated):
            add(Problem(place(path), "each key once", value.key, f"the key {quoted(value.key)} stands twice; remove one"))
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if texts:
                _check_text(key, path, add)
            _check_values(item, (*path, key), add, texts=texts)
    elif isinstance(value, float) and not math.isfinite(value):
        add(Problem(place(path), "a finite number", "NaN" if math.isnan(value) else "Infinity"))
    elif isinstance(value, int) and value not in _INT64:
        add(Problem(place(path), "a whole number that fits 64 bits", "a larger one"))
    elif texts:
        _check_text(value, path, add)


def _check_text(value: Any, path: Path, add: Callable[[Problem], None]) -> None:
    if not isinstance(value, str):
        return
    if "\0" in value:  # no file name, argument or variable can hold one
        add(Problem(place(path), "text without NUL characters", "one"))
    elif not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        add(Problem(place(path), "Unicode text", "half of a surrogate pair"))


def _refuse(file: str, wanted: str, got: str, sentence: str = "") -> NoReturn:
    raise ConfigError(file, [Problem("", wanted, got, sentence)])


def _json_type(value: Any) -> str:
    names = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
