"""The formula of docs/validation.md at its edges, and what a report says of itself."""

from __future__ import annotations

import pytest

from orchestrator.domain.readiness import CheckResult, Outcome, Recommendation, Scope, ValidationReport, assess

P, W, F, S = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.SKIP


def checks(*outcomes: Outcome, blocking: bool = False) -> list[CheckResult]:
    return [CheckResult(name=f"c{number}", status=each, message="m", blocking=blocking) for number, each in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("outcomes", "score", "recommendation"),
    [
        ([P], 100, "GO"),
        ([P, S, S], 100, "GO"),  # what could not run counts neither way
        ([P] * 199 + [W], 99, "CONDITIONAL"),  # 99.75: rounded down, so that 100 means every one
        ([P] * 4 + [F], 80, "CONDITIONAL"),
        ([P] * 79 + [F] * 21, 79, "CONDITIONAL"),
        ([P] * 3 + [F] * 2, 60, "CONDITIONAL"),
        ([P] * 59 + [F] * 41, 59, "NO-GO"),
        ([P] * 2 + [F] * 3, 40, "NO-GO"),
        ([P] * 39 + [F] * 61, 39, "NO-GO"),
        ([W], 50, "NO-GO"),
        ([F], 0, "NO-GO"),
        ([S], 0, "NO-GO"),
        ([], 0, "NO-GO"),
    ],
)
def test_the_score_and_its_bands(outcomes: list[Outcome], score: int, recommendation: str) -> None:
    found = assess(checks(*outcomes))

    assert (found.score, found.recommendation) == (score, recommendation)


@pytest.mark.parametrize(
    ("score", "reason"),
    [(100, "every check"), (99, "minor"), (80, "minor"), (79, "several"), (60, "several"), (59, "too much"), (40, "too much")],
)
def test_each_band_has_its_reason(score: int, reason: str) -> None:
    assert assess(checks(*[P] * score, *[F] * (100 - score))).reason.startswith(reason)


def test_below_the_last_band_it_is_not_fit() -> None:
    assert assess(checks(*[P] * 39, *[F] * 61)).reason == "not fit to be deployed"


def test_one_blocking_failure_is_a_no_go_at_any_score() -> None:
    found = assess([*checks(*[P] * 99), CheckResult(name="tests", status=F, message="2 failed", blocking=True)])

    assert (found.score, found.recommendation, found.reason) == (99, "NO-GO", "blocking: tests")
    assert found.summary == {"pass": 99, "warn": 0, "fail": 1, "skip": 0, "blocking": 1}


def test_a_check_that_only_warns_blocks_nothing() -> None:
    assert assess(checks(P, W, blocking=True)).recommendation is Recommendation.CONDITIONAL


def test_without_any_check_that_ran_the_reason_says_so() -> None:
    assert assess(checks(S)).reason == "no check could run"


def report(*found: CheckResult) -> ValidationReport:
    return ValidationReport(checks=found, readiness=assess(found), scope=Scope.QUICK, validation_id="validate-1")


@pytest.mark.parametrize(
    ("outcomes", "passes", "strictly"),
    [([P], True, True), ([P, W], True, False), ([P, S], True, False), ([P, P, F], True, False), ([F], False, False)],
)
def test_strict_takes_neither_warnings_nor_what_could_not_run(outcomes: list[Outcome], passes: bool, strictly: bool) -> None:
    made = report(*checks(*outcomes))

    assert (made.passes(), made.passes(strict=True)) == (passes, strictly)


def test_a_report_reads_back_as_it_was_written() -> None:
    made = report(*checks(P, W, F, S, blocking=True))

    assert ValidationReport.from_json(made.to_json()) == made


def test_an_acceptance_holds_for_the_same_warnings_only() -> None:
    before, after = report(*checks(P, W)), report(*checks(W, W))

    assert before.identity == report(*checks(P, W)).identity
    assert before.identity != after.identity
