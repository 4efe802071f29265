"""The outage that checks show, and the severity rule at each of its edges."""

from __future__ import annotations

import pytest

from orchestrator.domain.incidents import LONG_OUTAGE_S, Outage, SeenCheck, outage, severity

DAY = "2026-03-18T14:{:02}:{:02}.000000+00:00"


def check(status: str, minute: int, second: int = 0, *, phase: str = "verify", number: int = 1) -> SeenCheck:
    return SeenCheck(phase, number, status, DAY.format(minute, second))


def test_it_lasts_from_the_first_failed_check_to_the_first_verification_that_passed() -> None:
    found = outage(
        [
            check("pass", 0),
            check("fail", 1, number=2),
            check("fail", 2, number=3),
            check("pass", 3, 30, phase="rollback_verify", number=4),
            check("pass", 9, phase="rollback_verify", number=5),
        ]
    )

    assert found == Outage(began_at=DAY.format(1, 0), ended_at=DAY.format(3, 30), seconds=150.0)


def test_a_check_that_passes_beside_one_that_fails_ends_nothing() -> None:
    found = outage([check("fail", 1), check("fail", 2, number=2), check("pass", 2, number=2)])

    assert found == Outage(began_at=DAY.format(1, 0), ended_at=None, seconds=None)


def test_what_was_only_skipped_ends_nothing() -> None:
    found = outage([check("fail", 1), check("skip", 2, number=2), check("warn", 2, number=2)])

    assert found is not None and found.seconds is None


def test_of_two_outages_the_last_one_is_meant() -> None:
    found = outage([check("fail", 1), check("pass", 2, number=2), check("fail", 5, number=3), check("pass", 6, number=4)])

    assert found is not None and (found.began_at, found.seconds) == (DAY.format(5, 0), 60.0)


def test_preflight_checks_are_no_health_checks() -> None:
    assert outage([check("fail", 1, phase="preflight")]) is None


def test_a_clock_that_was_set_back_gives_no_negative_length() -> None:
    found = outage([check("fail", 5), check("pass", 4, number=2)])

    assert found is not None and found.seconds == 0


@pytest.mark.parametrize(
    ("environment", "affected", "restored", "seconds", "expected"),
    [
        ("production", False, False, None, "low"),
        ("production", True, False, None, "critical"),
        ("production", True, False, 1.0, "critical"),
        ("production", True, True, None, "medium"),
        ("production", True, True, LONG_OUTAGE_S, "critical"),
        ("production", True, True, LONG_OUTAGE_S - 0.001, "high"),
        ("Prod", True, True, 1.0, "high"),
        ("staging", False, True, None, "low"),
        ("staging", True, False, None, "high"),
        ("staging", True, True, None, "low"),
        ("staging", True, True, LONG_OUTAGE_S, "medium"),
        ("staging", True, True, LONG_OUTAGE_S - 0.001, "low"),
        ("preproduction", True, True, LONG_OUTAGE_S, "medium"),
    ],
)
def test_the_severity_follows_the_rule(
    environment: str, affected: bool, restored: bool, seconds: float | None, expected: str
) -> None:
    seen = None if seconds is None else Outage(began_at=DAY.format(1, 0), ended_at=DAY.format(2, 0), seconds=seconds)

    grade, rule = severity(environment, affected=affected, restored=restored, seen=seen)

    assert grade == expected
    assert rule
