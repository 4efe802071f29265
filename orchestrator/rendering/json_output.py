"""Report objects as JSON: the dataclasses of `orchestrator.projections` with their own field names, nothing left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from orchestrator.projections.decision_required import DecisionRequired
from orchestrator.projections.deployment_result import DeploymentResult


def document(value: Any) -> Any:
    """*value* as plain JSON values: dataclasses become objects, tuples lists."""
    if is_dataclass(value):
        return {field.name: document(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): document(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [document(each) for each in value]
    return value.value if isinstance(value, Enum) else value


def dumps(value: Any) -> str:
    """One JSON text, indented, with a line feed at its end. ASCII only, so that every locale and every pipe can carry it."""
    return json.dumps(document(value), indent=2) + "\n"


def decision_document(decision: DecisionRequired) -> dict[str, Any]:
    """``{"decision_required": {...}}``, as it is printed when a question stands open (exit code 3)."""
    return {"decision_required": document(decision)}


def all_document(results: Iterable[DeploymentResult]) -> dict[str, Any]:
    """``--all``: ``{"deployments": [...], "success"}``; no deployment at all is no success."""
    deployments = list(results)
    return {
        "deployments": [document(result) for result in deployments],
        "success": bool(deployments) and all(result.success for result in deployments),
    }
