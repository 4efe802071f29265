"""A validation report that was made elsewhere: `read_report` takes it in, strictly, or says what is wrong with it.

The shape is `ValidationReport.to_json`'s; the keys that bind a report may be missing, and keys that nobody knows may be there.
What follows from the checks is worked out anew: a report cannot claim more than its checks show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.readiness import CheckResult, Outcome, Recommendation, Scope, ValidationReport, assess

MOST_BYTES = 1_000_000
MOST_CHECKS = 500
LONGEST_NAME = 100
LONGEST_MESSAGE = 4000
_TEXTS = (
    "validation_id",
    "created_at",
    "project",
    "environment",
    "target",
    "version",
    "commit_sha",
    "config_digest",
    "source_digest",
)


def read_report(raw: bytes, name: str) -> ValidationReport:
    """The report that *raw* holds.

    Args:
        name: Of the file, for messages.

    Raises:
        UsageProblem: It is no report; says where and what was expected.
    """
    if len(raw) > MOST_BYTES:
        raise UsageProblem(f"{name}: a validation report has at most {MOST_BYTES} bytes")
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UsageProblem(f"{name}: not valid JSON: {error}") from None
    return _Reader(name).report(data)


class _Reader:
    """Knows the file's name, so that every message can say it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def report(self, data: Any) -> ValidationReport:
        self._want(isinstance(data, Mapping), "", "an object", data)
        checks = data.get("checks")
        self._want(isinstance(checks, list) and len(checks) <= MOST_CHECKS, "checks", f"a list of at most {MOST_CHECKS}", checks)
        found = tuple(self._check(f"checks[{number}]", check) for number, check in enumerate(checks))
        claimed = self._recommendation(data.get("readiness"))
        texts = {key: self._text(key, data.get(key), longest=200) for key in _TEXTS if data.get(key) is not None}
        if "created_at" in texts:
            self._time(texts["created_at"])
        scope, dirty = data.get("scope"), data.get("dirty", False)
        self._want(scope is None or scope in tuple(Scope), "scope", "quick, standard or full", scope)
        self._want(isinstance(dirty, bool), "dirty", "true or false", dirty)
        report = ValidationReport(
            checks=found, readiness=assess(found), scope=Scope(scope) if scope else None, dirty=dirty, **texts
        )
        if claimed is Recommendation.NO_GO and report.readiness.recommendation is not Recommendation.NO_GO:
            refusal = CheckResult(name="readiness", status=Outcome.FAIL, message="the report itself says NO-GO", blocking=True)
            return report.with_more(refusal)
        return report

    def _check(self, where: str, data: Any) -> CheckResult:
        self._want(isinstance(data, Mapping), where, "an object", data)
        status, blocking = data.get("status"), data.get("blocking", False)
        self._want(isinstance(status, str) and status in tuple(Outcome), f"{where}.status", "pass, warn, fail or skip", status)
        self._want(isinstance(blocking, bool), f"{where}.blocking", "true or false", blocking)
        duration = data.get("duration_ms", 0)
        whole = isinstance(duration, int) and not isinstance(duration, bool) and 0 <= duration < 2**53
        self._want(whole, f"{where}.duration_ms", "a whole number of milliseconds", duration)
        return CheckResult(
            name=self._text(f"{where}.name", data.get("name"), longest=LONGEST_NAME),
            status=Outcome(status),
            message=self._text(f"{where}.message", data.get("message", ""), longest=LONGEST_MESSAGE, empty=True),
            blocking=blocking,
            duration_ms=duration,
        )

    def _recommendation(self, data: Any) -> Recommendation:
        self._want(isinstance(data, Mapping), "readiness", "an object", data)
        said, score = data.get("recommendation"), data.get("score")
        wanted = ", ".join(Recommendation)
        self._want(isinstance(said, str) and said in tuple(Recommendation), "readiness.recommendation", f"one of {wanted}", said)
        number = isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 100
        self._want(number, "readiness.score", "a number from 0 to 100", score)
        return Recommendation(said)

    def _text(self, where: str, value: Any, *, longest: int, empty: bool = False) -> str:
        good = isinstance(value, str) and len(value) <= longest and (empty or value.strip() != "") and "\0" not in value
        self._want(good, where, f"text of at most {longest} characters", value)
        return str(value)

    def _time(self, text: str) -> None:
        try:
            good = datetime.fromisoformat(text).tzinfo is not None
        except ValueError:
            good = False
        self._want(good, "created_at", "an ISO 8601 time with an offset", text)

    def _want(self, good: bool, where: str, wanted: str, got: Any) -> None:
        if not good:
            shown = "nothing" if got is None else ascii(got)[:60]
            raise UsageProblem(f"{self._name}: {where + ': ' if where else ''}expected {wanted}, got {shown}")
