"""A report from elsewhere is taken as it is meant, or refused with the place that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.readiness import Outcome, Recommendation
from orchestrator.domain.validation_report import MOST_BYTES, read_report

READINESS = {"score": 100, "recommendation": "GO", "reason": "r", "summary": {}}
PASSED = {"name": "tests", "status": "pass", "message": "12 passed", "blocking": True}


def read(checks: Any = (PASSED,), readiness: Any = READINESS, **more: Any) -> Any:
    return read_report(json.dumps({"checks": checks, "readiness": readiness, **more}).encode(), "report.json")


def test_takes_the_shape_of_the_skill_and_keys_that_nobody_knows() -> None:
    found = read(operation="validate_deployment", timestamp="2026-03-18")

    assert [(check.name, check.status, check.blocking) for check in found.checks] == [("tests", Outcome.PASS, True)]
    assert (found.readiness.recommendation, found.bound) == (Recommendation.GO, False)


def test_cannot_claim_more_than_its_checks_show() -> None:
    found = read([{**PASSED, "status": "fail"}])

    assert found.readiness.recommendation is Recommendation.NO_GO


def test_a_no_go_that_it_claims_itself_stays_one() -> None:
    found = read(readiness={**READINESS, "recommendation": "NO-GO"})

    assert [check.name for check in found.blocking] == ["readiness"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"checks": None}, "checks: expected a list of at most 500, got nothing"),
        ({"checks": [PASSED] * 501}, "checks: expected a list of at most 500"),
        ({"checks": ["x"]}, r"checks\[0\]: expected an object"),
        ({"checks": [{**PASSED, "status": "ok"}]}, r"checks\[0\].status: expected pass, warn, fail or skip, got 'ok'"),
        ({"checks": [{**PASSED, "status": ["pass"]}]}, r"checks\[0\].status"),
        ({"checks": [{**PASSED, "blocking": "no"}]}, r"checks\[0\].blocking: expected true or false"),
        ({"checks": [{**PASSED, "name": " "}]}, r"checks\[0\].name"),
        ({"checks": [{**PASSED, "message": "x" * 4001}]}, r"checks\[0\].message: expected text of at most 4000"),
        ({"checks": [{**PASSED, "duration_ms": -1}]}, r"checks\[0\].duration_ms"),
        (
            {"readiness": {"recommendation": "MAYBE", "score": 1}},
            "readiness.recommendation: expected one of GO, CONDITIONAL",
        ),
        ({"readiness": {"recommendation": "GO", "score": 101}}, "readiness.score"),
        ({"created_at": "2026-03-18T15:00:00"}, "created_at: expected an ISO 8601 time with an offset"),
        ({"scope": "all"}, "scope: expected quick, standard or full"),
        ({"dirty": 1}, "dirty: expected true or false"),
        ({"commit_sha": 7}, "commit_sha: expected text"),
    ],
)
def test_refuses_what_is_no_report_and_says_where(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageProblem, match=f"^report.json: {said}"):
        read(**{"checks": [PASSED], **changed})


@pytest.mark.parametrize("raw", [b"", b"[1", b"\xff", b"[" * 100_000, b"[]", b" " * (MOST_BYTES + 1)])
def test_refuses_bytes_that_are_no_object(raw: bytes) -> None:
    with pytest.raises(UsageProblem, match=r"^report\.json: "):
        read_report(raw, "report.json")
