"""The judge of a canary, case by case, and what holds for any samples at all."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.targets.canary import (
    Judgement,
    Measured,
    Ruling,
    Sample,
    Side,
    Verdict,
    judge,
    readiness_sample,
    sample,
    watched_s,
)
from orchestrator.targets.canary_config import READINESS, CanaryCheck

TIME = "2026-03-18T14:30:22Z"
LETTERS = {"P": Verdict.PASS, "F": Verdict.FAIL, "N": Verdict.NO_DATA, "E": Verdict.ERROR}
READY = Sample(check=READINESS, time=TIME, verdict=Verdict.PASS)


def check(name: str = "errors", **rule: Any) -> CanaryCheck:
    return CanaryCheck(name=name, command=("true",), **{"max": 1.0, **rule})


def taken(letters: str, name: str = "errors") -> list[Sample]:
    """``PFNE``: passed, failed, no data, error."""
    return [Sample(check=name, time=TIME, verdict=LETTERS[letter], message=f"it said {letter}") for letter in letters]


def judged(letters: str, **rule: Any) -> Judgement:
    """Of a canary that is ready."""
    return judge([check(**rule)], [READY, *taken(letters)])


# How many may fail


@pytest.mark.parametrize(
    ("limit", "letters", "ruling"),
    [
        (0, "P", Ruling.GOOD),
        (0, "F", Ruling.FAIL),
        (0, "PPPPF", Ruling.FAIL),
        (1, "FP", Ruling.GOOD),
        (1, "FPF", Ruling.FAIL),
        (2, "FPFPP", Ruling.GOOD),
        (2, "FFF", Ruling.FAIL),
        (2, "NFP", Ruling.GOOD),
        (2, "NFN", Ruling.FAIL),
    ],
)
def test_as_many_may_fail_as_the_limit_says_and_not_one_more(limit: int, letters: str, ruling: Ruling) -> None:
    assert judged(letters, failure_limit=limit).ruling is ruling


@pytest.mark.parametrize(
    ("limit", "letters", "ruling"),
    [
        (4, "PEEEE", Ruling.GOOD),
        (4, "PEEEEE", Ruling.FAIL),
        (4, "PEEEEPEEEE", Ruling.GOOD),
        (4, "PEEEENEEEE", Ruling.FAIL),  # no data fails, with nothing let pass
        (0, "E", Ruling.FAIL),
        (1, "PEPEPE", Ruling.GOOD),
        (1, "PEE", Ruling.FAIL),
    ],
)
def test_only_errors_in_a_row_are_counted_together(limit: int, letters: str, ruling: Ruling) -> None:
    assert judged(letters, consecutive_error_limit=limit).ruling is ruling


def test_one_error_too_many_fails_whatever_failed_samples_are_let_pass() -> None:
    assert judged("PEE", consecutive_error_limit=1, failure_limit=10).ruling is Ruling.FAIL


def test_errors_of_one_check_are_not_counted_for_another() -> None:
    two = [check("a", consecutive_error_limit=1), check("b", consecutive_error_limit=1)]
    samples = [READY, *taken("P", "a"), *taken("P", "b"), *taken("E", "a"), *taken("E", "b"), *taken("P", "a"), *taken("P", "b")]

    assert judge(two, samples).ruling is Ruling.GOOD


# How many are needed


@pytest.mark.parametrize(
    ("needed", "letters", "ruling"),
    [
        (1, "", Ruling.WAIT),
        (1, "P", Ruling.GOOD),
        (3, "PP", Ruling.WAIT),
        (3, "PPP", Ruling.GOOD),
        (1, "EEEE", Ruling.WAIT),
        (2, "PEEEE", Ruling.WAIT),
        (2, "PF", Ruling.GOOD),
    ],
)
def test_a_canary_waits_until_every_check_has_its_samples(needed: int, letters: str, ruling: Ruling) -> None:
    assert judged(letters, min_samples=needed, failure_limit=5).ruling is ruling


def test_failed_samples_that_are_let_pass_prove_nothing() -> None:
    assert judged("FFF", failure_limit=5) == Judgement(Ruling.WAIT, "errors has not passed yet")
    assert judged("FFFP", failure_limit=5).ruling is Ruling.GOOD


def test_a_canary_of_which_nobody_knows_whether_it_is_ready_waits() -> None:
    assert judge([], []) == Judgement(Ruling.WAIT, "readiness has 0 of 1 samples")
    assert judge([check()], taken("PPPP")).ruling is Ruling.WAIT


# What cannot be known


@pytest.mark.parametrize(
    ("no_data", "letters", "ruling"),
    [
        ("fail", "PN", Ruling.FAIL),
        ("pause", "PN", Ruling.PAUSE),
        ("pause", "PEEEEE", Ruling.PAUSE),
        ("pause", "PEEEE", Ruling.GOOD),
        ("pause", "PNF", Ruling.FAIL),
        ("pause", "FN", Ruling.FAIL),
        ("pause", "N", Ruling.PAUSE),
    ],
)
def test_what_is_unknown_fails_or_pauses_and_never_passes(no_data: str, letters: str, ruling: Ruling) -> None:
    assert judged(letters, no_data=no_data).ruling is ruling


def test_a_failed_check_comes_before_the_pause_of_another() -> None:
    two = [check("a", no_data="pause"), check("b")]

    assert judge(two, [READY, *taken("N", "a"), *taken("P", "b")]).ruling is Ruling.PAUSE
    assert judge(two, [READY, *taken("N", "a"), *taken("F", "b")]).ruling is Ruling.FAIL


def test_a_canary_that_cannot_be_asked_whether_it_is_ready_fails_in_the_end() -> None:
    assert judge([], taken("PEEEE", READINESS)).ruling is Ruling.GOOD
    assert judge([], taken("PEEEEE", READINESS)).ruling is Ruling.FAIL


def test_who_let_it_go_on_knew_the_samples_so_far_and_none_after() -> None:
    samples = [READY, *taken("PN")]

    assert judge([check(no_data="pause")], samples, pauses_from=2).ruling is Ruling.PAUSE
    assert judge([check(no_data="pause")], samples, pauses_from=3).ruling is Ruling.GOOD
    assert judge([check(no_data="pause")], [*samples, *taken("N")], pauses_from=3).ruling is Ruling.PAUSE


def test_who_let_it_go_on_has_not_let_it_fail() -> None:
    assert judge([check()], [READY, *taken("PF")], pauses_from=99).ruling is Ruling.FAIL


def test_samples_of_checks_that_are_not_asked_say_nothing() -> None:
    assert judge([check()], [READY, *taken("F", "another"), *taken("P")]).ruling is Ruling.GOOD


# In words


@pytest.mark.parametrize(
    ("letters", "rule", "reason"),
    [
        ("F", {}, "errors: it said F (1 failed)"),
        ("FF", {"failure_limit": 1}, "errors: it said F (2 failed, 1 let pass)"),
        ("PEEEEE", {}, "errors: could not be asked 5 times in a row: it said E"),
        ("PN", {"no_data": "pause"}, "errors: it said N"),
        ("PFP", {"failure_limit": 1}, "readiness 1 passed, errors 2 of 3 passed"),
        ("P", {"min_samples": 3}, "errors has 1 of 3 samples"),
    ],
)
def test_says_why(letters: str, rule: dict[str, Any], reason: str) -> None:
    assert judged(letters, **rule).reason == reason


# A sample


@pytest.mark.parametrize(
    ("rule", "value", "verdict"),
    [
        ({"max": 5.0}, 5.0, Verdict.PASS),
        ({"max": 5.0}, 5.01, Verdict.FAIL),
        ({"max": None, "min": 5.0}, 5.0, Verdict.PASS),
        ({"max": None, "min": 5.0}, 4.99, Verdict.FAIL),
        ({"max": 5.0, "min": 0.0}, -0.1, Verdict.FAIL),
        ({"max": 0.0}, 0.0, Verdict.PASS),
        ({"max": 5.0}, None, Verdict.NO_DATA),
        ({"max": 5.0}, math.nan, Verdict.NO_DATA),
        ({"max": 5.0}, -math.inf, Verdict.NO_DATA),
        ({"max": None, "min": 5.0}, math.inf, Verdict.NO_DATA),
    ],
)
def test_a_value_is_held_against_its_limits(rule: dict[str, Any], value: float | None, verdict: Verdict) -> None:
    assert sample(check(**rule), TIME, Measured(value)).verdict is verdict


@pytest.mark.parametrize(
    ("canary", "stable", "verdict", "message"),
    [
        (Measured(2.0), Measured(1.0), Verdict.PASS, "2 against 1 of the stable side"),
        (Measured(2.1), Measured(1.0), Verdict.FAIL, "2.1 against 1 of the stable side"),
        (Measured(0.0), Measured(0.0), Verdict.PASS, "0 against 0 of the stable side"),
        (Measured(0.1), Measured(0.0), Verdict.FAIL, "0.1 against 0 of the stable side"),
        (Measured(1.0), Measured(None), Verdict.NO_DATA, "no value of the stable side"),
        (Measured(1.0), Measured(math.nan), Verdict.NO_DATA, "no value of the stable side"),
        (Measured(1.0), Measured(math.inf), Verdict.NO_DATA, "no value of the stable side"),
        (Measured(1.0), Measured(error="gone"), Verdict.ERROR, "the stable side: gone"),
        (Measured(1.0), Measured(failure="HTTP 500"), Verdict.ERROR, "the stable side: HTTP 500"),
        (Measured(None), Measured(1.0), Verdict.NO_DATA, "no value"),
        (Measured(error="gone"), Measured(1.0), Verdict.ERROR, "gone"),
    ],
)
def test_a_value_is_held_against_that_of_the_stable_side(
    canary: Measured, stable: Measured, verdict: Verdict, message: str
) -> None:
    found = sample(check(max=None, max_ratio_to_stable=2.0), TIME, canary, stable)

    assert (found.verdict, found.message) == (verdict, message)
    assert found.threshold == "at most 2 times the stable side's"


def test_an_own_limit_is_no_matter_of_the_stable_side() -> None:
    both = check(max=1.0, max_ratio_to_stable=2.0)

    assert sample(both, TIME, Measured(1.5), Measured(100.0)).verdict is Verdict.FAIL
    assert sample(both, TIME, Measured(1.0), Measured(100.0)).verdict is Verdict.PASS


def test_a_bad_answer_fails_whatever_its_value() -> None:
    found = sample(check(), TIME, Measured(0.5, failure="10.0.0.7:80: HTTP 500, expected 200"))

    assert (found.verdict, found.message) == (Verdict.FAIL, "10.0.0.7:80: HTTP 500, expected 200")


@pytest.mark.parametrize(
    ("side", "verdict", "message"),
    [
        ({"wanted": 2, "ready": 2}, Verdict.PASS, "2 of 2 ready"),
        ({"wanted": 2, "ready": 3}, Verdict.PASS, "3 of 2 ready"),
        ({"wanted": 2, "ready": 1}, Verdict.FAIL, "1 of 2 ready"),
        ({"wanted": 0, "ready": 0}, Verdict.FAIL, "0 of 0 ready"),
        ({"wanted": 1, "ready": 1, "restarts": 1}, Verdict.FAIL, "1 of 1 ready, 1 restarted or failed"),
        ({"wanted": 1, "ready": 0, "problems": ("no node", "no image")}, Verdict.FAIL, "0 of 1 ready; no node; no image"),
    ],
)
def test_readiness_is_all_replicas_and_no_restart(side: dict[str, Any], verdict: Verdict, message: str) -> None:
    found = readiness_sample(Side(name="canary", **side), TIME)

    assert (found.check, found.verdict, found.message) == (READINESS, verdict, message)


# Whatever was measured

NAMES = ("a", "b", READINESS)
RULES = st.builds(
    check,
    st.sampled_from(["a", "b"]),
    failure_limit=st.integers(0, 3),
    consecutive_error_limit=st.integers(0, 3),
    min_samples=st.integers(1, 3),
    no_data=st.sampled_from(["fail", "pause"]),
)
CHECKS = st.lists(RULES, max_size=2, unique_by=lambda one: one.name)
NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
SAMPLES = st.lists(
    st.builds(
        Sample,
        check=st.sampled_from(NAMES),
        time=st.just(TIME),
        # Mostly good, or hardly any list would be.
        verdict=st.sampled_from([*[Verdict.PASS] * 6, *Verdict]),
        value=NUMBERS,
        threshold=st.text(max_size=5),
        message=st.text(max_size=5),
        stable=NUMBERS,
    ),
    max_size=20,
)


@given(CHECKS, SAMPLES, st.integers(0, 25))
def test_nothing_is_good_that_was_not_seen_to_pass(checks: list[CanaryCheck], samples: list[Sample], pauses_from: int) -> None:
    ruling = judge(checks, samples, pauses_from=pauses_from).ruling

    if ruling is Ruling.GOOD:
        for one in (READINESS, *(each.name for each in checks)):
            assert any(found.check == one and found.verdict is Verdict.PASS for found in samples)


@given(CHECKS, SAMPLES, st.sampled_from(NAMES))
def test_a_check_without_any_sample_of_worth_never_lets_a_canary_be_good(
    checks: list[CanaryCheck], samples: list[Sample], blind: str
) -> None:
    unseen = [one for one in samples if one.check != blind or one.verdict in (Verdict.NO_DATA, Verdict.ERROR)]

    if blind in (READINESS, *(each.name for each in checks)):
        assert judge(checks, unseen).ruling is not Ruling.GOOD
        assert judge(checks, unseen, pauses_from=len(unseen)).ruling is not Ruling.GOOD


@given(CHECKS, SAMPLES, SAMPLES, st.integers(0, 25), st.integers(0, 25))
def test_what_has_failed_stays_failed_for_the_same_reason(
    checks: list[CanaryCheck], before: list[Sample], after: list[Sample], early: int, late: int
) -> None:
    first = judge(checks, before, pauses_from=early)

    if first.ruling is Ruling.FAIL:
        assert judge(checks, [*before, *after], pauses_from=late) == first


@given(CHECKS, SAMPLES, st.integers(0, 25))
def test_a_bad_sample_fails_or_is_within_its_limit(checks: list[CanaryCheck], samples: list[Sample], pauses_from: int) -> None:
    ruling = judge(checks, samples, pauses_from=pauses_from).ruling

    for one in checks:
        bad = sum(found.check == one.name and found.verdict is Verdict.FAIL for found in samples)
        assert ruling is Ruling.FAIL or bad <= one.failure_limit


@given(CHECKS, SAMPLES, st.integers(0, 25))
def test_what_is_recorded_is_judged_as_what_was_measured(
    checks: list[CanaryCheck], samples: list[Sample], pauses_from: int
) -> None:
    recorded: Sequence[dict[str, Any]] = json.loads(json.dumps([one.to_json() for one in samples]))
    again = [Sample.from_json(one) for one in recorded]

    assert again == samples
    assert judge(checks, again, pauses_from=pauses_from) == judge(checks, samples, pauses_from=pauses_from)


# How long somebody was watching


def at(*seconds: float) -> list[Sample]:
    return [Sample(check=READINESS, time=f"2026-03-18T14:30:{second:06.3f}Z", verdict=Verdict.PASS) for second in seconds]


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [
        ([], 0.0),
        ([[]], 0.0),
        ([at(5)], 0.0),
        ([at(5, 6, 7.5)], 2.5),
        ([at(5, 7), [], at(30, 31)], 3.0),  # nobody watched in between
        ([at(7, 5)], 0.0),  # a clock that was set back takes nothing away
        ([at(7, 5), at(10, 12)], 2.0),
    ],
)
def test_only_the_time_between_samples_was_watched(attempts: list[list[Sample]], seconds: float) -> None:
    assert watched_s(attempts) == pytest.approx(seconds)
