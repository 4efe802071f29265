"""Whether a version is fit to be deployed: what checks have found, and the score and recommendation that follow from it.

Pure. The checks themselves are in `validation/`, the rule that asks for a report is in `policy.py`. The formula stands in
`docs/validation.md`; `assess` is it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from orchestrator.domain.plan import canonical_json


class Outcome(StrEnum):
    """What a check has found. SKIP: it could not run, which never counts as passed."""

    PASS = "pass"  # noqa: S105 - a status, no password
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


class Scope(StrEnum):
    """How much is checked; each has all checks of those before it."""

    QUICK = "quick"
    STANDARD = "standard"
    FULL = "full"

    def covers(self, other: Scope) -> bool:
        """Whether it has all checks of *other*."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


class Recommendation(StrEnum):
    GO = "GO"
    CONDITIONAL = "CONDITIONAL"
    NO_GO = "NO-GO"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check has found.

    Attributes:
        blocking: A failure of it forbids a live deployment, whatever else is well.
        log: Name of the attachment with its whole output, or None.
        fixed: What ``--fix`` has changed, or "".
    """

    name: str
    status: Outcome
    message: str
    blocking: bool = False
    duration_ms: int = 0
    log: str | None = None
    fixed: str = ""

    def to_json(self) -> dict[str, Any]:
        """A key without a value is left out."""
        return {key: value for key, value in asdict(self).items() if value is not None and value != ""}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CheckResult:
        return cls(**{**data, "status": Outcome(data["status"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What follows from the checks.

    Attributes:
        score: 0 to 100.
        reason: Why it is this recommendation, in one sentence.
        summary: How many checks passed, warned, failed, were skipped; and how many blocking ones failed:
            ``{"pass", "warn", "fail", "skip", "blocking"}``.
    """

    score: int
    recommendation: Recommendation
    reason: str
    summary: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "recommendation": str(self.recommendation), "summary": dict(self.summary)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Readiness:
        return cls(**{**data, "recommendation": Recommendation(data["recommendation"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """What was validated, and what was found.

    A report that was made elsewhere may lack the keys that bind it to a commit and a configuration: then it is unbound.

    Attributes:
        created_at: ISO 8601 with offset, when the checks ended.
        config_digest: `ResolvedTarget.digest` of the target in its environment.
        source_digest: Of the target's inputs, as its plan has it; None where the target has none.
        dirty: The working tree had changes that are in no commit.
    """

    checks: tuple[CheckResult, ...]
    readiness: Readiness
    validation_id: str | None = None
    created_at: str | None = None
    scope: Scope | None = None
    project: str | None = None
    environment: str | None = None
    target: str | None = None
    version: str | None = None
    commit_sha: str | None = None
    config_digest: str | None = None
    source_digest: str | None = None
    dirty: bool = False

    @property
    def bound(self) -> bool:
        """It says for which configuration and when it was made, so it can be compared with a deployment."""
        return all(getattr(self, name) is not None for name in BINDING)

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """What somebody may accept: warnings, and failures that do not block."""
        return tuple(check for check in self.checks if check.status is Outcome.WARN or _soft_failure(check))

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """What nobody can override."""
        return tuple(check for check in self.checks if check.status is Outcome.FAIL and check.blocking)

    @property
    def skipped(self) -> tuple[CheckResult, ...]:
        """What could not run, and so says nothing."""
        return tuple(check for check in self.checks if check.status is Outcome.SKIP)

    @property
    def identity(self) -> str:
        """What an acceptance of its warnings is bound to: its ID (the digest of a report without one) and what is accepted."""
        named = [self.validation_id, *sorted(check.name for check in self.warnings)]
        covered = named if self.validation_id is not None else self.to_json()
        return "sha256:" + hashlib.sha256(canonical_json(covered)).hexdigest()

    @property
    def shown_id(self) -> str:
        """Its ID where it has one, for messages."""
        return self.validation_id or "the report that was handed in"

    def passes(self, *, strict: bool = False) -> bool:
        """Whether validating has succeeded: no NO-GO and, with *strict*, neither a warning nor a check that could not run."""
        if self.readiness.recommendation is Recommendation.NO_GO:
            return False
        return not (strict and (self.warnings or self.skipped))

    def with_more(self, *more: CheckResult) -> ValidationReport:
        """The report with *more* checks, and what then follows. What was worse before stays."""
        checks = (*self.checks, *more)
        found = assess(checks)
        worse = self.readiness.recommendation is Recommendation.NO_GO and found.recommendation is not Recommendation.NO_GO
        return replace(self, checks=checks, readiness=self.readiness if worse else found)

    def to_json(self) -> dict[str, Any]:
        """The shape that ``--validation-report`` reads; every key is there."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain |= {"checks": [check.to_json() for check in self.checks], "readiness": self.readiness.to_json()}
        return {**plain, "scope": str(self.scope) if self.scope is not None else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ValidationReport:
        """Of what `to_json` gave."""
        checks = tuple(CheckResult.from_json(check) for check in data["checks"])
        scope = Scope(data["scope"]) if data.get("scope") else None
        return cls(**{**data, "checks": checks, "readiness": Readiness.from_json(data["readiness"]), "scope": scope})


def assess(checks: Sequence[CheckResult]) -> Readiness:
    """Score and recommendation.

    The score is the share of the checks that ran (passed, warned, failed) which passed, a warning counting half, in percent and
    rounded down; 0 where none ran. 100 is GO, 60 to 99 CONDITIONAL, below 60 NO-GO; any blocking failure is NO-GO.
    """
    count = {outcome: sum(check.status is outcome for check in checks) for outcome in Outcome}
    ran = count[Outcome.PASS] + count[Outcome.WARN] + count[Outcome.FAIL]
    score = (200 * count[Outcome.PASS] + 100 * count[Outcome.WARN]) // (2 * ran) if ran else 0
    blocking = [check.name for check in checks if check.status is Outcome.FAIL and check.blocking]
    recommendation = Recommendation.NO_GO if blocking else next(rule for least, rule, _ in BANDS if score >= least)
    words = f"blocking: {', '.join(blocking)}" if blocking else next(said for least, _, said in BANDS if score >= least)
    return Readiness(
        score=score,
        recommendation=recommendation,
        reason=words if ran else "no check could run",
        summary={**{str(outcome): number for outcome, number in count.items()}, "blocking": len(blocking)},
    )


BINDING = ("created_at", "config_digest", "environment", "target", "version")
"""What a report has to say to be bound; the commit besides, where there is one."""
BANDS = (
    (100, Recommendation.GO, "every check that ran has passed"),
    (80, Recommendation.CONDITIONAL, "minor warnings: they have to be accepted"),
    (60, Recommendation.CONDITIONAL, "several warnings: they have to be accepted"),
    (40, Recommendation.NO_GO, "too much is wrong"),
    (0, Recommendation.NO_GO, "not fit to be deployed"),
)
"""Least score, what follows, and why."""


def _soft_failure(check: CheckResult) -> bool:
    return check.status is Outcome.FAIL and not check.blocking
