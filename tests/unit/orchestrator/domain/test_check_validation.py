"""The gate: which report allows which deployment, and what is said where none does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.domain.errors import ValidationRequired
from orchestrator.domain.policy import Candidate, check_validation
from orchestrator.domain.readiness import CheckResult, Outcome, Scope, ValidationReport, assess
from orchestrator.domain.settings import EnvironmentRules

NOW = "2026-03-18T15:00:00+00:00"
STRICT = EnvironmentRules(requires_validation=True, validation_max_age_s=3600)
FREE = EnvironmentRules()
SHA, OTHER = "a" * 40, "b" * 40
CANDIDATE = Candidate(
    environment="production", target="web", version="1.0.0", commit_sha=SHA, config_digest="sha256:1", source_digest="sha256:s"
)


def report(*outcomes: Outcome, blocking: Any = False, **changed: Any) -> ValidationReport:
    checks = tuple(
        CheckResult(name=f"c{number}", status=each, message="what was seen", blocking=blocking)
        for number, each in enumerate(outcomes or (Outcome.PASS,))
    )
    bound = {"environment": "production", "target": "web", "version": "1.0.0", "commit_sha": SHA, "config_digest": "sha256:1"}
    bound |= {"source_digest": "sha256:s", "created_at": "2026-03-18T14:30:00+00:00", "validation_id": "validate-1"}
    return ValidationReport(checks=checks, readiness=assess(checks), **{**bound, **changed})


def asked(rules: EnvironmentRules, current: ValidationReport | None = None, **more: Any) -> ValidationReport | None:
    candidate = more.pop("candidate", CANDIDATE)
    return check_validation(candidate, rules, NOW, current=current, **more)


def test_a_passing_report_about_this_very_candidate_allows_it() -> None:
    assert asked(STRICT, report()) == report()


def test_without_a_report_it_is_refused_with_the_command_that_makes_one() -> None:
    with pytest.raises(ValidationRequired, match=r"Next: pop-deploy validate --environment production --target web$"):
        asked(STRICT)


def test_a_version_that_was_named_is_named_in_the_command() -> None:
    with pytest.raises(ValidationRequired, match=r"--target web --version 1\.0\.0$"):
        asked(STRICT, candidate=replace(CANDIDATE, given_version="1.0.0"))


@pytest.mark.parametrize("needed", list(Scope))
@pytest.mark.parametrize("had", [None, *Scope])
def test_a_report_has_to_be_as_thorough_as_the_environment_wants(needed: Scope, had: Scope | None) -> None:
    rules, candidate = replace(STRICT, validation_scope=needed), replace(CANDIDATE, scope=needed)
    suffices = {Scope.QUICK: True, Scope.STANDARD: had in (Scope.STANDARD, Scope.FULL), Scope.FULL: had is Scope.FULL}[needed]

    if suffices:
        assert asked(rules, report(scope=had), candidate=candidate) is not None
        return
    said = "does not say its scope" if had is None else f"is of scope {had}"
    with pytest.raises(
        ValidationRequired, match=f"{said}, and production needs {needed}. Next: pop-deploy validate --scope {needed}"
    ):
        asked(rules, report(scope=had), candidate=candidate)


def test_where_none_is_required_none_is_needed() -> None:
    assert asked(FREE) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"commit_sha": OTHER}, "commit bbbbbbbbbbbb, not aaaaaaaaaaaa"),
        ({"config_digest": "sha256:2"}, "configuration sha256:2, not sha256:1"),
        ({"source_digest": "sha256:t"}, "files sha256:t, not sha256:s"),
        ({"version": "0.9.0"}, "version 0.9.0, not 1.0.0"),
        ({"environment": "staging"}, "environment staging, not production"),
        ({"target": "api"}, "target api, not web"),
    ],
)
@pytest.mark.parametrize("road", ["taken_in", "newest"])
def test_a_report_about_something_else_is_refused_and_says_in_what(changed: dict[str, str], said: str, road: str) -> None:
    with pytest.raises(ValidationRequired, match=said):
        asked(STRICT, **{road: report(**changed)})


def test_a_tree_that_was_changed_since_is_not_what_was_validated() -> None:
    with pytest.raises(ValidationRequired, match="changes since that are in no commit"):
        asked(STRICT, report(), candidate=replace(CANDIDATE, dirty=True))


def test_files_that_are_not_known_yet_are_not_compared() -> None:
    assert asked(STRICT, report(), candidate=replace(CANDIDATE, source_digest=None)) is not None


@pytest.mark.parametrize(
    ("created_at", "said"),
    [
        ("2026-03-18T14:00:00+00:00", "is 3600 s old, and production takes none of 3600 s or more"),
        ("2026-03-18T15:05:01+00:00", "from the future"),
    ],
)
def test_a_report_has_an_age(created_at: str, said: str) -> None:
    with pytest.raises(ValidationRequired, match=said):
        asked(STRICT, report(created_at=created_at))


@pytest.mark.parametrize("created_at", ["2026-03-18T14:00:01+00:00", "2026-03-18T15:04:59+00:00"])
def test_within_its_age_it_counts(created_at: str) -> None:
    assert asked(STRICT, report(created_at=created_at)) is not None


@pytest.mark.parametrize("rules", [STRICT, FREE])
@pytest.mark.parametrize("road", ["current", "taken_in"])
def test_a_no_go_is_refused_everywhere_and_no_flag_helps(rules: EnvironmentRules, road: str) -> None:
    no_go = report(Outcome.PASS, Outcome.FAIL, blocking=True)

    with pytest.raises(ValidationRequired, match=r"says NO-GO for 1\.0\.0.*No flag overrides that"):
        asked(rules, **{road: no_go}, candidate=replace(CANDIDATE, accepted=[no_go.identity], accepts_all=True))


def test_a_report_from_elsewhere_does_not_outweigh_our_own_no_go() -> None:
    with pytest.raises(ValidationRequired, match="says NO-GO"):
        asked(STRICT, report(Outcome.FAIL, blocking=True), taken_in=report())


def test_a_no_go_about_another_commit_forbids_nothing_where_none_is_required() -> None:
    assert asked(FREE, taken_in=report(Outcome.FAIL, commit_sha=OTHER)) is None


WARNED = report(*[Outcome.PASS] * 9, Outcome.WARN)


def test_warnings_have_to_be_accepted_where_validation_is_required() -> None:
    with pytest.raises(ValidationRequired, match=r"c9: what was seen.*--accept-warnings --reason"):
        asked(STRICT, WARNED)

    assert asked(FREE, WARNED) == WARNED
    assert asked(STRICT, WARNED, candidate=replace(CANDIDATE, accepted=[WARNED.identity])) == WARNED


def test_accepting_other_warnings_accepts_nothing() -> None:
    with pytest.raises(ValidationRequired):
        asked(STRICT, WARNED, candidate=replace(CANDIDATE, accepted=[report(Outcome.WARN).identity]))


@pytest.mark.parametrize("missing", ["created_at", "config_digest", "environment", "target", "version"])
def test_an_unbound_report_is_one_warning_more(missing: str) -> None:
    unbound = report(*[Outcome.PASS] * 9, **{missing: None})

    with pytest.raises(ValidationRequired, match=f"binding: .*{missing} missing"):
        asked(STRICT, taken_in=unbound)

    allowed = asked(STRICT, taken_in=unbound, candidate=replace(CANDIDATE, accepts_all=True))
    assert allowed is not None
    assert [check.name for check in allowed.warnings] == ["binding"]


def test_blocking_failures_of_an_unbound_report_still_block() -> None:
    unbound = report(Outcome.FAIL, blocking=True, config_digest=None, environment=None, target=None, created_at=None)

    with pytest.raises(ValidationRequired, match="says NO-GO"):
        asked(FREE, taken_in=unbound, candidate=replace(CANDIDATE, accepts_all=True))
