"""How far a project has come: what the stages say for what was found, and when a validation still counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.readiness import CheckResult, Outcome, Scope, ValidationReport, assess
from orchestrator.projections.pipeline import SetupFile, Stage, ValidationStanding, age, of_report, pipeline, validation_words

PLACE = ValidationStanding(target="web", environment="production", required=True)
CHECKS = (CheckResult(name="git-clean", status=Outcome.PASS, message="clean"),)
REPORT = ValidationReport(
    checks=CHECKS,
    readiness=assess(CHECKS),
    created_at="2026-03-18T14:30:00+00:00",
    commit_sha="a" * 40,
    config_digest="sha256:1",
    environment="production",
    target="web",
    version="1.0.0",
)


def standing(report: ValidationReport = REPORT, *, minutes: int = 12, **now: Any) -> ValidationStanding:
    """What *report* comes to so many minutes after it was made."""
    known: dict[str, Any] = {"commit_sha": "a" * 40, "config_digest": "sha256:1", "max_age_s": 3600, "scope": Scope.QUICK}
    return of_report(
        report, PLACE, **(known | now), now=datetime(2026, 3, 18, 14 + (30 + minutes) // 60, (30 + minutes) % 60, tzinfo=UTC)
    )


def stages(**found: Any) -> dict[str, Stage]:
    known: dict[str, Any] = {
        "configured": True,
        "problem": False,
        "path": "deploy.json",
        "files": (),
        "validations": (),
        "live": (),
    }
    return {stage.name: stage for stage in pipeline(**(known | found), commands=("init", "validate", "execute"))}


def test_a_report_of_this_commit_and_configuration_is_current() -> None:
    found = standing()

    assert (found.current, found.good, found.score, found.recommendation, found.age_s) == (True, True, 100, "GO", 720)
    assert validation_words(found) == "production/web: 100 GO, 12m ago"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"commit_sha": "b" * 40}, "of another commit (aaaaaaaaa)"),
        ({"commit_sha": None}, "of another commit (aaaaaaaaa)"),
        ({"config_digest": "sha256:2"}, "deploy.json was changed since"),
        ({"minutes": 61}, "older than 1h"),
    ],
)
def test_what_has_changed_since_is_said_and_it_does_not_count(now: dict[str, Any], said: str) -> None:
    found = standing(**now)

    assert (found.current, found.good) == (False, False)
    assert validation_words(found).endswith(f"ago, {said}")


def test_a_no_go_is_current_and_not_good() -> None:
    checks = (CheckResult(name="tests", status=Outcome.FAIL, message="2 failed", blocking=True),)

    found = standing(replace(REPORT, checks=checks, readiness=assess(checks)))

    assert (found.current, found.recommendation, found.good) == (True, "NO-GO", False)


@pytest.mark.parametrize(
    ("validations", "status", "command"),
    [
        ((), "optional", "validate"),
        ((PLACE,), "missing", "validate"),
        ((replace(PLACE, required=False),), "optional", "validate"),
        ((standing(), replace(PLACE, target="api")), "partly", "validate"),
        ((standing(),), "done", None),
    ],
)
def test_the_stage_of_validation(validations: tuple[ValidationStanding, ...], status: str, command: str | None) -> None:
    stage = stages(validations=validations)["validate"]

    assert (stage.status, stage.command) == (status, command)


def test_the_stage_of_the_files() -> None:
    there, missing = SetupFile(path="Dockerfile", target="web", found=True), SetupFile(path="setup.py", target="lib", found=False)

    assert [stages(files=files)["setup"].status for files in ((), (there,), (there, missing), (missing,))] == [
        "optional",
        "done",
        "partly",
        "missing",
    ]
    assert stages(files=(there, missing))["setup"].detail == "Dockerfile; missing: setup.py (lib)"


def test_nothing_but_init_is_suggested_while_there_is_no_usable_file() -> None:
    absent, broken = stages(configured=False), stages(problem=True)

    assert [stage.command for stage in absent.values()] == ["init", None, None, None]
    assert [stage.command for stage in broken.values()] == [None, None, None, None]
    assert broken["init"].detail == "deploy.json has to be corrected"


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (200_000, "2d")])
def test_ages_are_short(seconds: int, shown: str) -> None:
    assert age(seconds) == shown
