"""The output of a validation's checks: the lines around it (`header`, `footer`), the whole as data (`document`)."""

from __future__ import annotations

from typing import Any

from orchestrator.domain.validation_events import ValidationCheckRecorded
from orchestrator.rendering.text import duration, one_line


def header(check: ValidationCheckRecorded) -> str:
    return f"==> {one_line(check.name)}\n"


def footer(check: ValidationCheckRecorded) -> str:
    return f"<== {one_line(check.name)}: {check.status} ({duration(check.duration_ms / 1000)}): {one_line(check.message)}\n"


def document(check: ValidationCheckRecorded, output: bytes) -> dict[str, Any]:
    """One check with its whole *output*; what is not UTF-8 is replaced."""
    names = ("name", "status", "message", "blocking", "duration_ms")
    return {**{name: getattr(check, name) for name in names}, "output": output.decode(errors="replace")}
