"""Event classes to JSON bytes and back, with upcasters for old schema versions.

Types are stored by registered name and schema version, never by Python path: a class can be moved or renamed without touching
history. No event is ever rewritten; an old one is upcast each time it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, TypeVar

import orjson

from eventstore.errors import CodecError
from eventstore.events import NewEvent, RecordedEvent

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
C = TypeVar("C", bound=type[Any])

# By itself orjson writes the fields of a dataclass in their order in the class, whatever the option says.
_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS


class Codec:
    """Knows the event classes of one program.

    Event classes are dataclasses whose fields are JSON values, so that reading gives back what was written.

    >>> from dataclasses import dataclass
    >>> codec = Codec()
    >>> @codec.event("Opened", schema_version=2)
    ... @dataclass(frozen=True)
    ... class Opened:
    ...     owner: str
    >>> codec.upcaster("Opened", from_version=1)(lambda old: {"owner": old["name"]}) and None
    >>> codec.from_json("Opened", 1, b'{"name": "ann"}')
    Opened(owner='ann')
    """

    def __init__(self) -> None:
        self._classes: dict[str, tuple[type[Any], int]] = {}
        self._names: dict[type[Any], tuple[str, int]] = {}
        self._upcasters: dict[tuple[str, int], Upcaster] = {}
        self._checks: dict[type[Any], list[_Check]] = {}

    def event(self, name: str, *, schema_version: int = 1) -> Callable[[C], C]:
        """Register a class under *name*; *schema_version* is what is written now."""

        def register(cls: C) -> C:
            if name in self._classes:
                raise CodecError(f"two event classes are named {name}")
            self._classes[name] = (cls, schema_version)
            self._names[cls] = (name, schema_version)
            return cls

        return register

    def upcaster(self, name: str, *, from_version: int) -> Callable[[Upcaster], Upcaster]:
        """Register the function that turns data of *from_version* into data of the version after it."""

        def register(function: Upcaster) -> Upcaster:
            if (name, from_version) in self._upcasters:
                raise CodecError(f"two upcasters for {name} from schema version {from_version}")
            self._upcasters[name, from_version] = function
            return function

        return register

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._classes)

    def encode(self, event: Any, metadata: Mapping[str, Any] | bytes = b"{}") -> NewEvent:
        """Raises CodecError for an unregistered class or a field that is not JSON."""
        try:
            name, schema_version = self._names[type(event)]
        except KeyError:
            raise CodecError(f"{type(event).__name__} is not a registered event") from None
        try:
            data = orjson.dumps(event, _as_dict, _SORTED)
            raw = metadata if isinstance(metadata, bytes) else orjson.dumps(metadata, _as_dict, _SORTED)
        except TypeError as error:
            raise CodecError(f"{name} or its metadata cannot be written as JSON: {error}") from error
        return NewEvent(name, data, raw, schema_version)

    def decode(self, recorded: RecordedEvent) -> Any:
        """The event object; old schema versions are upcast.

        Raises:
            CodecError: Unknown type, a schema version newer than this program, or data that does not fit the class.
        """
        try:
            return self.from_json(recorded.type, recorded.schema_version, recorded.data)
        except CodecError as error:
            raise CodecError(f"event {recorded.position} ({recorded.stream}): {error}") from error

    def from_json(self, name: str, schema_version: int, data: bytes) -> Any:
        try:
            cls, current = self._classes[name]
        except KeyError:
            raise CodecError(f"unknown event type {name}: written by another program or a newer version of this one") from None
        if schema_version > current:
            raise CodecError(f"{name} has schema version {schema_version}, this program reads up to {current}: upgrade it")
        try:
            values = orjson.loads(data)
            if schema_version != current:
                values = self._upcast(name, schema_version, current, values)
            event = cls(**values)
            self._check(event)
            return event
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise CodecError(f"{name} of schema version {schema_version} does not fit its class: {error!r}") from error

    def _check(self, event: Any) -> None:
        """Raise TypeError when a field holds another type of value than its class says: nothing behind here looks again."""
        checks = self._checks.get(type(event))
        if checks is None:
            checks = self._checks[type(event)] = _checks(type(event))
        for name, types, inside in checks:
            value = getattr(event, name)
            if type(value) not in types or (inside and type(value) is list and any(type(item) not in inside for item in value)):
                raise TypeError(f"{name}: {type(value).__name__} is not what stands there")

    def _upcast(self, name: str, version: int, current: int, values: dict[str, Any]) -> dict[str, Any]:
        for step in range(version, current):
            upcaster = self._upcasters.get((name, step))
            if upcaster is None:
                raise CodecError(f"{name}: no upcaster from schema version {step} to {step + 1}")
            values = upcaster(values)
        return values


_Types = tuple[type, ...]
_Check = tuple[str, _Types, _Types]
"""A field, the types that its value may have, and those of the items where it is a list (() for any)."""
_JSON_TYPES: dict[str, _Types] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (float, int),
    "None": (NoneType,),
    "dict": (dict,),
    "list": (list,),
}


def _checks(cls: type[Any]) -> list[_Check]:
    """What the annotations of the dataclass *cls* say, as far as it is JSON; a field of any other type is not checked.

    They are read as they are written: evaluating them would cost more than all else that is done with an event.
    """
    found = []
    for field in fields(cls):
        kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
        types, inside = _types(kind), _types(kind.partition("list[")[2].rpartition("]")[0])
        if types:
            found.append((field.name, types, inside))
    return found


def _types(kind: str) -> _Types:
    """Of ``list[str] | None``: list and NoneType. () if any part of it is unknown here."""
    outside, depth = "", 0
    for character in kind:
        depth -= character == "]"
        outside += "" if depth else character
        depth += character == "["
    parts = [part.strip().partition("[")[0] for part in outside.split("|")]
    names = [_ALIASES.get(part, part) for part in parts]
    return tuple(each for name in names for each in _JSON_TYPES[name]) if all(name in _JSON_TYPES for name in names) else ()


_ALIASES = {"Json": "dict", "NoneType": "None"}
"""``Json`` is what a program may call a JSON object."""


def _as_dict(value: Any) -> dict[str, Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} is not a JSON value")
