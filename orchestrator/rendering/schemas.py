"""JSON schemas of what the commands print with ``--json``, made from the types that are printed: `schema`, `schemas`.

Which command prints what stands in `outputs`, which script in `script_documents`. Published in ``docs/schemas`` by
``python -m orchestrator.rendering.schemas --write docs/schemas``; a test compares. All keys are required but those of a TypedDict
that says otherwise. More keys may come: a reader must not refuse those it does not know.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from orchestrator.projections.decision_required import DecisionRequired
from orchestrator.rendering.documents import ErrorDocument
from orchestrator.rendering.outputs import OUTPUTS
from orchestrator.rendering.script_documents import FAILED, SCRIPTS, Failed, Script

Schema = dict[str, Any]

_SCALARS: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    types.NoneType: {"type": "null"},
    Any: {},
}
_ATTRIBUTE = re.compile(r"^(\w+): (.*)$")


def schema(name: str, root: type) -> Schema:
    """The JSON Schema (2020-12) of the dataclass or TypedDict *root*; others in it stand in ``$defs``."""
    definitions: dict[str, Schema] = {}
    described = _of_class(root, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        **described,
        "$defs": dict(sorted(definitions.items())),
    }


def decision_required_schema() -> Schema:
    """Of ``{"decision_required": {...}}``."""
    inner = schema("decision_required", DecisionRequired)
    definitions = {
        **inner.pop("$defs"),
        "DecisionRequired": {key: inner[key] for key in inner if key not in {"$schema", "title"}},
    }
    return {
        "$schema": inner["$schema"],
        "title": "decision_required",
        "description": "Printed when a question must be answered first (exit code 3).",
        "type": "object",
        "properties": {"decision_required": {"$ref": "#/$defs/DecisionRequired"}},
        "required": ["decision_required"],
        "$defs": dict(sorted(definitions.items())),
    }


def error_schema() -> Schema:
    """Of ``{"success": false, "error": {...}}``; an error may have keys of its own."""
    found = schema("error", ErrorDocument)
    found["$defs"]["ErrorBody"]["additionalProperties"] = True
    return found


def script_schema(name: str, script: Script) -> Schema:
    """Of what one operation of the drop-in scripts prints."""
    definitions: dict[str, Schema] = {}
    adds = _of_class(script.adds, definitions)
    ours = _of_class(script.of, definitions) if script.of is not None else {"properties": {}, "required": []}
    ours["properties"] = {key: each for key, each in ours["properties"].items() if key not in script.without}
    required = [] if script.partly else [key for key in ours["required"] if key not in script.without]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        **adds,
        "properties": {**ours["properties"], **adds["properties"]},
        "required": list(dict.fromkeys([*adds["required"], *required])),
        "$defs": dict(sorted(definitions.items())),
    }


def schemas() -> dict[str, Schema]:
    """Name to schema, of all that are published.

    Raises:
        ValueError: Two answers have the same name.
    """
    roots: dict[str, type] = {}
    for name, root in (each for answers in OUTPUTS.values() for each in answers.items()):
        if roots.setdefault(name, root) is not root:
            raise ValueError(f"two different answers are called {name}")
    made = {name: schema(name, root) for name, root in roots.items()}
    made |= {f"script_{operation}": script_schema(f"script_{operation}", script) for operation, script in SCRIPTS.items()}
    made[FAILED] = schema(FAILED, Failed)
    return dict(sorted({**made, "decision_required": decision_required_schema(), "error": error_schema()}.items()))


def rendered(one: Schema) -> str:
    """As it stands in its file."""
    return json.dumps(one, indent=2) + "\n"


def write(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, one in schemas().items():
        (directory / f"{name}.json").write_text(rendered(one), encoding="utf-8")


def _of_class(cls: type, definitions: dict[str, Schema]) -> Schema:
    hints, described = get_type_hints(cls, include_extras=True), _attributes(cls)
    names = [field.name for field in fields(cls)] if is_dataclass(cls) else list(hints)
    properties = {name: _of_type(hints[name], definitions) | described.get(name, {}) for name in names}
    summary = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
    required = [name for name in names if get_origin(hints[name]) is not NotRequired]
    return {"description": summary, "type": "object", "properties": properties, "required": required}


def _of_type(hint: Any, definitions: dict[str, Schema]) -> Schema:
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if isinstance(hint, type) and (is_dataclass(hint) or is_typeddict(hint)):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}
            definitions[hint.__name__] = _of_class(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"type": "string", "enum": [str(member) for member in hint]}
    return _of_generic(hint, definitions)


def _of_generic(hint: Any, definitions: dict[str, Schema]) -> Schema:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is NotRequired:
        return _of_type(arguments[0], definitions)
    if origin in {Union, types.UnionType}:
        return _union([_of_type(each, definitions) for each in arguments])
    if origin in {tuple, list, Sequence}:
        return {"type": "array", "items": _of_type(arguments[0], definitions)}
    if origin in {dict, Mapping}:
        return {"type": "object", "additionalProperties": _of_type(arguments[1], definitions)}
    raise TypeError(f"no JSON schema for {hint!r}: teach orchestrator.rendering.schemas about it")


def _union(parts: list[Schema]) -> Schema:
    if all(set(part) == {"type"} for part in parts):
        return {"type": [part["type"] for part in parts]}
    return {"anyOf": parts}


def _attributes(cls: type) -> dict[str, Schema]:
    """What the docstring's ``Attributes:`` section says of each."""
    _, _, section = (inspect.getdoc(cls) or "").partition("Attributes:\n")
    found: dict[str, list[str]] = {}
    for line in inspect.cleandoc(section).splitlines():
        if match := _ATTRIBUTE.match(line):
            found[match[1]] = [match[2]]
        elif found and line.startswith(" "):
            found[list(found)[-1]].append(line.strip())
    return {name: {"description": " ".join(words)} for name, words in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the JSON schemas of the commands' output.")
    parser.add_argument("--write", type=Path, required=True, metavar="DIRECTORY")
    write(parser.parse_args().write)


if __name__ == "__main__":
    main()
