"""JSON values -> frozen dataclasses, by their type hints; every mistake is collected, none ends the reading.

A configuration class is a plain dataclass of `str`, `bool`, `int`, `float`, `Literal`, `tuple[X, ...]`, `dict[str, X]`,
`X | None`, `Value` (a string or a `SecretRef`) and other such dataclasses. What it may say about itself:

- ``field(metadata={"minimum": 1, "maximum": 65535})``: limits of a number. Names ending in ``_s`` are seconds and have some.
- ``EXTRA_KEYS: ClassVar[bool] = True``: unknown keys are no mistake.
- ``INPUT_PATHS: ClassVar[tuple[str, ...]]``: fields that name the project's files (checked in `entry`, not here). A dotted name
  leads into objects and lists: ``compose.file``, ``assets.path``.
- ``CREDENTIAL_PATHS``: the same for files that hold credentials; only a relative one has to stay in the project.
- ``__post_init__`` raising ``ValueError("keep: expected ...")``: what the types cannot say, with the field's name in front.

Why not a library: msgspec stops at the first mistake and costs 10 ms of import, a quarter of what `pop-deploy history` may take.
The rules for values of our own settings (health checks, hooks, environments) are in `checks`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from orchestrator.config.checks import CHECKS, ENVIRONMENT_NAME, RENAMED, seconds_problem
from orchestrator.config.errors import Problem, note
from orchestrator.config.words import Path, did_you_mean, expected, found, hides_secret, listed, place, quoted
from orchestrator.domain.settings import SecretRef

T = TypeVar("T")

ARGUMENT_LIST = "a list of at least one string"
UNIONS, LISTS, OBJECTS = (Union, UnionType), (tuple, list, Sequence), (dict, Mapping)  # as get_origin says it


class _Invalid:
    """Stands for a value that was refused; the mistake is on the list already."""


INVALID = _Invalid()


class Field(NamedTuple):
    """One field of a configuration class, by its name in JSON."""

    key: str
    attribute: str
    wanted: Any
    required: bool
    metadata: Mapping[str, Any]


@cache
def fields_of(cls: type) -> Mapping[str, Field]:
    """The fields of the dataclass *cls* by their JSON names, in order."""
    hints, renamed = get_type_hints(cls), RENAMED.get(cls, {})
    fields = (
        Field(renamed.get(field.name, field.name), field.name, hints[field.name], _is_required(field), field.metadata)
        for field in dataclasses.fields(cls)
        if field.init
    )
    return MappingProxyType({field.key: field for field in fields})


def extra_keys_allowed(cls: type) -> bool:
    return bool(getattr(cls, "EXTRA_KEYS", False))


def is_optional_list(wanted: Any) -> bool:
    """``tuple[str, ...] | None``: None says "none", so an empty list is a mistake (an argument list without a program)."""
    parts = get_args(wanted) if get_origin(wanted) in UNIONS else ()
    return NoneType in parts and any(get_origin(part) in (tuple, list) for part in parts)


def is_list_of_lists(wanted: Any) -> bool:
    return get_origin(wanted) in (tuple, list) and get_origin(get_args(wanted)[0]) in (tuple, list)


class Converter:
    """Converts values and keeps the list of what was wrong with them in *problems*; raises `Enough` when it gets too long."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def read(self, value: Any, cls: type[T], path: Path) -> T | None:
        """*value* as *cls*, or None with at least one more entry in *problems*."""
        result = self.convert(value, cls, path)
        return None if result is INVALID else result

    def say(self, path: Path, sentence: str, wanted: str = "", got: str = "") -> _Invalid:
        note(self.problems, Problem(place(path), wanted, got, sentence))
        return INVALID

    def wrong(self, path: Path, wanted: str, got: str) -> _Invalid:
        note(self.problems, Problem(place(path), wanted, got))
        return INVALID

    def convert(self, value: Any, wanted: Any, path: Path) -> Any:
        """*value* as the type *wanted*, or `INVALID`."""
        if get_origin(wanted) in UNIONS:
            return self._union(value, wanted, path)
        if not _fits(value, wanted):
            return self.wrong(path, expected(wanted), found(value, secret=hides_secret(wanted)))
        return self._made(value, wanted, path)

    def _made(self, value: Any, wanted: Any, path: Path) -> Any:
        origin = get_origin(wanted)
        if wanted is SecretRef:
            return self._secret(value, path)
        if origin in LISTS:
            return self._list(value, wanted, path)
        if origin in OBJECTS:
            return self._mapping(value, get_args(wanted)[1], path)
        if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
            return self._object(value, wanted, path)
        return value if origin is Literal or wanted is Any else wanted(value)

    def _union(self, value: Any, wanted: Any, path: Path) -> Any:
        options = [option for option in get_args(wanted) if _fits(value, option)]
        if len(options) > 1 and isinstance(value, dict):  # alternatives such as {"weight": 10} and {"pause_s": 60}
            needed = [_required_keys(option) for option in options]
            options = [option for option, keys in zip(options, needed, strict=True) if keys <= value.keys()]
            if len(options) != 1:
                alternatives = " or with ".join(" and ".join(sorted(keys)) for keys in needed)
                return self.wrong(path, f"an object with {alternatives}", listed(value) or "an empty object")
        if not options:
            return self.wrong(path, expected(wanted), found(value, secret=hides_secret(wanted)))
        return None if options[0] is NoneType else self.convert(value, options[0], path)

    def _secret(self, value: dict[str, Any], path: Path) -> SecretRef | _Invalid:
        kind, name = next(iter(value.items()), ("", ""))
        right = len(value) == 1 and kind in ("env", "file") and isinstance(name, str) and name.isprintable() and name != ""
        if not right or (kind == "env" and not ENVIRONMENT_NAME.fullmatch(name)):
            return self.wrong(path, '{"env": "NAME"} or {"file": "path"}', "another object")
        return SecretRef(**{kind: name})

    def _list(self, value: list[Any], wanted: Any, path: Path) -> Any:
        item_type = get_args(wanted)[0]
        if is_list_of_lists(wanted) and [] in value:
            return self.wrong((*path, value.index([])), ARGUMENT_LIST, "an empty list")
        items = [self.convert(item, item_type, (*path, index)) for index, item in enumerate(value)]
        if INVALID in items:
            return INVALID
        return items if get_origin(wanted) is list else tuple(items)

    def _mapping(self, value: dict[str, Any], item_type: Any, path: Path) -> Any:
        items = {key: self.convert(item, item_type, (*path, key)) for key, item in value.items()}
        return INVALID if INVALID in items.values() else items

    def _object(self, value: dict[str, Any], cls: type, path: Path) -> Any:
        before, fields = len(self.problems), fields_of(cls)
        self._refuse_unknown(value, cls, path)
        arguments = {}
        for key, field in fields.items():
            if key in value:
                arguments[field.attribute] = self._field(value[key], field, (*path, key))
            elif field.required:
                self.wrong((*path, key), expected(field.wanted), "nothing")
        if len(self.problems) > before:
            return INVALID
        try:
            made = cls(**arguments)
        except ValueError as error:
            return self._refused_by_class(str(error), cls, path)
        for where, sentence in CHECKS.get(cls, _no_checks)(made):
            self.say((*path, *where), sentence)
        return made if len(self.problems) == before else INVALID

    def _refuse_unknown(self, value: dict[str, Any], cls: type, path: Path) -> None:
        if extra_keys_allowed(cls):
            return
        known = fields_of(cls)
        for key in value:
            if key not in known and not key.startswith("x-"):
                hint = did_you_mean(key, known, otherwise=f"; known here: {listed(known)}")
                self.say((*path, key), f"unknown key{hint}", f"one of {listed(known)}", quoted(key))

    def _refused_by_class(self, message: str, cls: type, path: Path) -> _Invalid:
        name, colon, rest = message.partition(": ")
        key = next((field.key for field in fields_of(cls).values() if colon and field.attribute == name), None)
        return self.say(path, message) if key is None else self.say((*path, key), rest)

    def _field(self, value: Any, field: Field, path: Path) -> Any:
        result = self.convert(value, field.wanted, path)
        if result is INVALID or result is None:
            return result
        wanted = _narrower(result, field)
        return result if wanted is None else self.wrong(path, wanted, found(value, secret=hides_secret(field.wanted)))


def _narrower(result: Any, field: Field) -> str | None:
    """What should have stood there when *result* has the right type and still is wrong, else None."""
    if isinstance(result, str) and not isinstance(result, Enum) and any(ord(character) < 32 for character in result):
        return "a string on one line, without control characters"
    if isinstance(result, int | float) and not isinstance(result, bool):
        return seconds_problem(field.key, result) or _limits_problem(result, field.metadata)
    if isinstance(result, tuple | list) and not result and is_optional_list(field.wanted):
        return ARGUMENT_LIST
    if isinstance(result, dict) and hides_secret(field.wanted) and any(not _is_variable(key) for key in result):
        return "names without '=' and blanks"
    return None


def _limits_problem(number: float, metadata: Mapping[str, Any]) -> str | None:
    low, high = metadata.get("minimum"), metadata.get("maximum")
    if low is not None and high is not None:
        return None if low <= number <= high else f"a number from {low} to {high}"
    if low is not None:
        return None if number >= low else f"a number of at least {low}"
    return None if high is None or number <= high else f"a number of at most {high}"


def _is_variable(name: str) -> bool:
    return bool(name) and name.isprintable() and "=" not in name and " " not in name


def _fits(value: Any, wanted: Any) -> bool:
    """Whether *value* is the kind of JSON value that *wanted* is made from; what is inside is not looked at."""
    origin = get_origin(wanted)
    if origin in UNIONS:
        return any(_fits(value, option) for option in get_args(wanted))
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(wanted))
    if origin in LISTS:
        return isinstance(value, list)
    return isinstance(value, dict) if origin in OBJECTS else wanted is Any or _fits_class(value, wanted)


def _fits_class(value: Any, wanted: type) -> bool:
    if dataclasses.is_dataclass(wanted) or issubclass(wanted, dict):
        return isinstance(value, dict)
    if issubclass(wanted, Enum):
        return any(value == choice.value for choice in wanted)
    if wanted not in (str, bool, int, float, NoneType):
        raise TypeError(f"a configuration class cannot have a field of {wanted}: JSON has no such value")
    return type(value) in ((int, float) if wanted is float else (wanted,))


def _required_keys(wanted: Any) -> set[str]:
    if not (isinstance(wanted, type) and dataclasses.is_dataclass(wanted)):
        return set()
    return {key for key, field in fields_of(wanted).items() if field.required}


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _no_checks(_: Any) -> tuple[()]:
    return ()
