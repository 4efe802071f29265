"""The readiness report of `validate` as text: `text`. Its checks may have been shown already, while they ran."""

from __future__ import annotations

from orchestrator.projections.validation_result import ValidationCheck, ValidationResult
from orchestrator.rendering.progress import check_line
from orchestrator.rendering.text import one_line

TITLE = "Readiness Report"


def opening(result: ValidationResult) -> str:
    """The head: what is validated, and how thoroughly."""
    primary = " (primary)" if result.primary else ""
    lines = [
        TITLE,
        "=" * len(TITLE),
        f"Target: {one_line(result.target or 'unknown')}{primary}",
        f"Environment: {one_line(result.environment or 'unknown')}",
        f"Version: {one_line(result.version or 'unknown')}",
        f"Scope: {result.scope}",
    ]
    return "\n".join(lines) + "\n"


def text(result: ValidationResult, *, begun: bool = False) -> str:
    """The whole report; with *begun* what comes after the checks."""
    checks = "\nChecks:\n" + "".join(_line(check) + "\n" for check in result.checks)
    return ("" if begun else opening(result) + checks) + "\n" + _verdict(result)


def _verdict(result: ValidationResult) -> str:
    readiness = result.readiness
    counted = readiness.summary
    counts = ", ".join(f"{counted[name]} {word}" for name, word in _WORDS.items())
    lines = [
        f"Score: {readiness.score} of 100 ({counts})",
        f"Recommendation: {readiness.recommendation}: {one_line(readiness.reason)}",
        *(
            ["Strict: a warning or a check that could not run counts as a failure"]
            if result.strict and not result.success
            else []
        ),
        *([f"Validation ID: {result.validation_id}"] if result.validation_id else []),
        *([f"Next: {result.next[0]}"] if result.next else []),
        *[f"      {command}" for command in result.next[1:]],
    ]
    return "\n".join(lines) + "\n"


def _line(check: ValidationCheck) -> str:
    fixed = f" (fixed: {one_line(check.fixed)})" if check.fixed else ""
    return check_line(check.name, check.status, check.message) + fixed


_STRICT = "Strict: a warning or a check that could not run counts as a failure"
_WORDS = {"pass": "passed", "warn": "warned", "fail": "failed", "skip": "skipped"}
