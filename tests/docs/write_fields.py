"""The tables of fields in ``docs/deploy-json.md``, made from the published schema: `document`.

``python -m tests.docs.write_fields`` writes them.

The page is written by hand around them: a table stands between ``<!-- fields of NAME -->`` and ``<!-- end of fields -->``, where
NAME is a definition of the schema, or ``deploy.json`` for its top level.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "deploy-json.md"
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "deploy.json").read_text(encoding="utf-8"))
TOP = "deploy.json"

_TABLE = re.compile(r"(<!-- fields of ([\w.]+) -->\n).*?(<!-- end of fields -->)", re.DOTALL)
_HEADING = re.compile(r"^#+ (.*)\n(?:(?!^#).*\n)*?<!-- fields of ([\w.]+) -->", re.MULTILINE)

Schema = dict[str, Any]


def document(page: str) -> str:
    """*page* with every table as it should be."""
    places = {
        name: heading.lower().replace(" ", "-").replace("`", "").replace(",", "") for heading, name in _HEADING.findall(page)
    }
    return _TABLE.sub(lambda match: f"{match[1]}\n{table(match[2], places)}\n{match[3]}", page)


def tables(page: str) -> list[str]:
    """Names of the definitions that *page* has tables of."""
    return [match[2] for match in _TABLE.finditer(page)]


def definitions() -> set[str]:
    """Everything in the schema that has fields of its own and is no override of something else."""
    named = {name for name, found in SCHEMA["$defs"].items() if "properties" in found and not name.startswith("Kind-")}
    return {name for name in named if name != "Override" and not name.endswith("-override")} | {TOP}


def table(name: str, places: dict[str, str]) -> str:
    schema = SCHEMA if name == TOP else SCHEMA["$defs"][name]
    required = schema.get("required", [])
    rows = ["| field | type | default | meaning |", "|---|---|---|---|"]
    for key, field in schema["properties"].items():
        default = "required" if key in required else f"`{json.dumps(_default(field))}`"
        cells = (f"`{key}`", _type(field, places) + _limits(key, field), default, _words(field.get("description", "")))
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows) + "\n"


def _type(schema: Schema, places: dict[str, str]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2].replace("Override", "Target")
        return f"[{name}](#{places[name]})" if name in places else name
    if "anyOf" in schema:
        return " or ".join(_type(part, places) for part in schema["anyOf"] if part.get("type") != "null")
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"] if value is not None)
    kind = str(schema.get("type", "anything")).replace("array", "list")
    below = schema.get("items") if kind == "list" else schema.get("additionalProperties")
    return f"{kind} of {_type(below, places)}" if below else kind


def _limits(key: str, schema: Schema) -> str:
    unit = ", seconds" if key.endswith("_s") else ""
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is not None:
        return f"{unit}, {low} to {high}"
    if low:
        return f"{unit}, {low} or more"
    return f"{unit}, more than 0" if "exclusiveMinimum" in schema else unit


def _default(schema: Schema) -> Any:
    if "default" in schema:
        return schema["default"]
    return {"array": [], "object": {}}.get(schema.get("type", ""), {} if schema.get("$ref", "").endswith("/Hooks") else None)


def _words(text: str) -> str:
    """A docstring's markup as Markdown, and Python's None as JSON's null."""
    text = text.replace("``", "`")
    text = re.sub(r"\*(\w+)\*", r"`\1`", text)
    return re.sub(r"\bNone\b", "`null`", text)


if __name__ == "__main__":
    PAGE.write_text(document(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
