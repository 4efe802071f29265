"""The published JSON schema of deploy.json, made from the classes that read it: `json_schema`, `write_schema`.

For editors and other tools. What the schema accepts is what `convert` accepts, except for rules that only code can say (an input
path that leaves the project, a name that has to stand elsewhere in the file).
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path as FilePath
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from orchestrator.config import checks
from orchestrator.config.convert import (
    LISTS,
    OBJECTS,
    UNIONS,
    Field,
    extra_keys_allowed,
    fields_of,
    is_list_of_lists,
    is_optional_list,
)
from orchestrator.config.entry import SAME_EVERYWHERE, TargetEntry
from orchestrator.config.project import TopLevel
from orchestrator.domain.receivers import RECEIVER_KINDS, Receiver
from orchestrator.domain.settings import HealthCheck, SecretRef

Schema = dict[str, Any]

_OWN_KEYS = {"^x-": True}
_HAS_TYPE = {"required": ["type"], "properties": {"type": {"type": "string"}}}
_NEXT_SECTION = re.compile(r"^\s*(?:Args|Raises|Returns):$", re.MULTILINE)
_NAMES = {"pattern": f"^{checks.NAME.pattern}$"}
_SCALARS: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
    Any: {},
}


def json_schema(config_types: Mapping[str, type]) -> Schema:
    """JSON schema (draft 2020-12) of deploy.json.

    Args:
        config_types: Kind of target to the class of its `config` (`targets.registry.config_types`).
    """
    definitions = _Definitions()
    document = definitions.of_class(TopLevel)
    document["properties"]["version"]["pattern"] = r"^1(\.[0-9]{1,9}){0,2}$"
    document["properties"]["environments"] |= {"propertyNames": _NAMES}
    document["properties"]["targets"] = _description(document, "targets") | _targets(config_types, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "deploy.json",
        **document,
        "description": "What a project deploys to, as pop-deploy reads it.",
        "$defs": dict(sorted(definitions.by_name.items())),
    }


def write_schema(path: FilePath, config_types: Mapping[str, type]) -> None:
    """Write `json_schema` to *path*, as it is published."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(schema_text(config_types), encoding="utf-8")


def schema_text(config_types: Mapping[str, type]) -> str:
    """The published file: indented, with a newline at its end."""
    return json.dumps(json_schema(config_types), indent=2, ensure_ascii=False) + "\n"


def _targets(config_types: Mapping[str, type], definitions: _Definitions) -> Schema:
    """Each entry is a `TargetEntry` whose `config` has the class of its `type`, or of its name when it has no `type`."""
    entry = definitions.of_class(TargetEntry)
    entry["properties"]["type"] = {**_description(entry, "type"), "enum": [*config_types, None]}
    override = definitions.of_class(TargetEntry, partial=True)
    override["properties"] = {key: value for key, value in override["properties"].items() if key not in SAME_EVERYWHERE}
    entry["properties"]["environments"] = {
        **_description(entry, "environments"),
        "type": "object",
        "propertyNames": _NAMES,
        "additionalProperties": {"$ref": "#/$defs/Override"},
    }
    by_kind = {f"Kind-{kind}": _of_kind(config, definitions) for kind, config in config_types.items()}
    by_type = [_when_type(kind) for kind in config_types]
    definitions.by_name |= {"Target": {**entry, "allOf": by_type}, "Override": override, **by_kind}
    return {
        "type": "object",
        "propertyNames": _NAMES,
        "properties": {kind: _named_like(kind) for kind in config_types},
        "additionalProperties": {"$ref": "#/$defs/Target", **_HAS_TYPE},
    }


def _description(schema: Schema, key: str) -> Schema:
    return {"description": schema["properties"][key]["description"]}


def _of_kind(config: type, definitions: _Definitions) -> Schema:
    full, partial = definitions.reference(config), definitions.reference(config, partial=True)
    overrides = {"additionalProperties": {"properties": {"config": partial}}}
    required = [field.key for field in fields_of(config).values() if field.required] if dataclasses.is_dataclass(config) else []
    return {"properties": {"config": full, "environments": overrides}, **({"required": ["config"]} if required else {})}


def _when_type(kind: str) -> Schema:
    return {"if": {"properties": {"type": {"const": kind}}, "required": ["type"]}, "then": {"$ref": f"#/$defs/Kind-{kind}"}}


def _named_like(kind: str) -> Schema:
    return {"$ref": "#/$defs/Target", "if": {"not": _HAS_TYPE}, "then": {"$ref": f"#/$defs/Kind-{kind}"}}


class _Definitions:
    """Schemas of classes, collected under ``$defs`` as they are met."""

    def __init__(self) -> None:
        self.by_name: dict[str, Schema] = {}

    def reference(self, cls: type, *, partial: bool = False) -> Schema:
        """A reference to the definition of *cls*; with *partial*, of an override of it: nothing is required."""
        if not dataclasses.is_dataclass(cls):
            return {"type": "object"}
        partial = partial and _demands(cls)
        name = cls.__name__ + ("-override" if partial else "")
        if name not in self.by_name:
            self.by_name[name] = _secret() if cls is SecretRef else self.of_class(cls, partial=partial)
        return {"$ref": f"#/$defs/{name}"}

    def of_class(self, cls: type, *, partial: bool = False) -> Schema:
        """An object with the fields of the dataclass *cls*."""
        summary, described = _documented(cls)
        fields = fields_of(cls)
        schema: Schema = {"type": "object", "description": summary, "properties": {}}
        for key, field in fields.items():
            text = {"description": described[field.attribute]} if field.attribute in described else {}
            schema["properties"][key] = {**text, **self._field(field, cls, partial=partial)}
        required = [key for key, field in fields.items() if field.required]
        if required and not partial:
            schema["required"] = required
        if cls is HealthCheck and not partial:
            schema["oneOf"] = [_is_given(kind) for kind in checks.HEALTH_CHECK_KINDS]
        if cls is Receiver:
            schema["properties"]["name"] |= _NAMES
            schema["oneOf"] = [_is_given(kind) for kind in RECEIVER_KINDS]
        if not extra_keys_allowed(cls):
            schema |= {"patternProperties": _OWN_KEYS, "additionalProperties": False}
        return schema

    def _field(self, field: Field, cls: type, *, partial: bool) -> Schema:
        schema = self._type(field.wanted, partial=partial)
        if is_optional_list(field.wanted):
            schema = {"anyOf": [{**part, "minItems": 1} if part.get("type") == "array" else part for part in schema["anyOf"]]}
        schema |= _limits(field)
        default = next(other.default for other in dataclasses.fields(cls) if other.name == field.attribute)
        if isinstance(default, str | int | float):
            schema["default"] = default
        if isinstance(default, tuple) and default:
            schema["default"] = list(default)
        return schema

    def _type(self, wanted: Any, *, partial: bool = False) -> Schema:
        origin, parts = get_origin(wanted), get_args(wanted)
        if wanted in _SCALARS:
            return dict(_SCALARS[wanted])
        if origin in UNIONS:
            return {"anyOf": [self._type(part, partial=partial) for part in parts]}
        if origin is Literal or (isinstance(wanted, type) and issubclass(wanted, Enum)):
            return {"enum": list(parts) or [choice.value for choice in wanted]}
        if origin in LISTS:
            items = self._type(parts[0])  # an override replaces a list as a whole, so what is in it is complete
            return {"type": "array", "items": {**items, "minItems": 1} if is_list_of_lists(wanted) else items}
        if origin in OBJECTS:
            return {"type": "object", "additionalProperties": self._type(parts[1], partial=partial)}
        return self.reference(wanted, partial=partial)


def _demands(wanted: Any) -> bool:
    """Whether a value of the type *wanted* must have something that an override of it may leave out."""
    if wanted is SecretRef or get_origin(wanted) in LISTS:
        return False  # replaced as a whole
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        return wanted is HealthCheck or any(field.required or _demands(field.wanted) for field in fields_of(wanted).values())
    return any(_demands(part) for part in get_args(wanted))


def _limits(field: Field) -> Schema:
    limits = {key: field.metadata[key] for key in ("minimum", "maximum") if key in field.metadata}
    seconds = checks.seconds_limits(field.key)
    if seconds is not None:
        low, excluded, high = seconds
        limits |= {"exclusiveMinimum" if excluded else "minimum": low, "exclusiveMaximum": high}
    return limits


def _secret() -> Schema:
    env = {"type": "string", "pattern": f"^{checks.ENVIRONMENT_NAME.pattern}$"}
    kinds = {"env": env, "file": {"type": "string", "minLength": 1}}
    one = [{"type": "object", "properties": {key: kinds[key]}, "required": [key], "additionalProperties": False} for key in kinds]
    return {"description": "Where a secret is found at the moment of use.", "oneOf": one}


def _is_given(key: str) -> Schema:
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def _documented(cls: type) -> tuple[str, dict[str, str]]:
    """First line of the docstring of *cls*, and what its section ``Attributes:`` says of each field."""
    text = cls.__doc__ or ""
    section = _NEXT_SECTION.split(text.partition("Attributes:")[2])[0]
    described: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        before, colon, words = line.strip().partition(": ")
        if colon and all(name.isidentifier() for name in before.split(", ")):
            names = before.split(", ")
            described |= dict.fromkeys(names, words)
        elif line.strip():
            described |= {name: f"{described[name]} {line.strip()}" for name in names}
    return text.partition("\n")[0], described
