"""What the program prints with ``--json``, held against the schemas in docs/schemas: `check_printed`, called by whatever runs it;
`check_script` for the drop-in scripts, `check_answered` for tools of the Model Context Protocol.

Stricter than the published schemas: a key that they do not name fails here, so that none is printed undescribed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from orchestrator.cli.main import COMMANDS
from orchestrator.rendering.outputs import schemas_of
from orchestrator.rendering.script_documents import script_schema_of

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas"
NO_ANSWER = frozenset({"--help", "-h"})
_COMMAND_OF: Mapping[str, tuple[str, ...]] = {"status": (), "investigate": ("rollback",)}


def check_printed(words: Sequence[str], out: str) -> None:
    """Stdout of ``pop-deploy WORDS`` is one JSON object that fits one of the command's schemas, if ``--json`` asks for that."""
    if "--json" not in words or NO_ANSWER & set(words):
        return
    document = json.loads(out)
    assert isinstance(document, dict), f"{words}: not one object: {out[:200]}"
    if document.get("error") is not None and unknown_command(words):
        names: tuple[str, ...] = ("error",)
    else:
        names = schemas_of(tuple(words), document)
    found = {name: problem_of(name, document) for name in names}
    assert None in found.values(), f"{' '.join(words)}: " + "; ".join(f"{name}: {problem}" for name, problem in found.items())


def check_answered(tool: str, answer: Mapping[str, Any]) -> None:
    """What a tool of ``pop-deploy mcp`` answers is what its command prints, with the exit code added."""
    document = {key: value for key, value in answer.items() if key != "exit_code"}
    names = schemas_of(_COMMAND_OF.get(tool, (tool,)), document)
    found = {name: problem_of(name, document) for name in names}
    assert None in found.values(), f"{tool}: " + "; ".join(f"{name}: {problem}" for name, problem in found.items())


def check_script(script: str, out: str, err: str) -> None:
    """The one document of a drop-in SCRIPT, on whichever stream, fits its schema. Nothing is said of wrong usage."""
    text = out or err
    if not text.lstrip().startswith("{"):
        return
    document = json.loads(text)
    name = script_schema_of(document)
    problem = problem_of(name, document)
    assert problem is None, f"{script}: {name}: {problem}"


def problem_of(name: str, document: Any) -> str | None:
    """What makes *document* no NAME; None when it is one."""
    error = jsonschema.exceptions.best_match(closed_validator(name).iter_errors(document))
    return None if error is None else f"{error.json_path}: {error.message[:500]}"


def unknown_command(words: Sequence[str]) -> bool:
    return bool(words) and not words[0].startswith("-") and words[0] not in COMMANDS


@cache
def closed_validator(name: str) -> Any:
    """Of the schema NAME, with no keys but those that it names."""
    document = closed(json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8")))
    return jsonschema.validators.validator_for(document)(document)


def closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {key: closed(value) for key, value in schema.items()}
    if isinstance(shut.get("properties"), dict) and shut.get("type") == "object":
        shut.setdefault("additionalProperties", False)
    return shut
