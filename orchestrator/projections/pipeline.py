"""How far a project has come on the road init, setup, validate, execute: `pipeline`, a part of `standing`.

Not here: reading deploy.json, the project's files and the validations; that is `cli/standing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator.domain.readiness import Recommendation, Scope, ValidationReport

DONE, PARTLY, MISSING, OPTIONAL = "done", "partly", "missing", "optional"


@dataclass(frozen=True, kw_only=True)
class SetupFile:
    """A file that a target needs. *target* is None while no target is configured: then it is one that was found."""

    path: str
    target: str | None
    found: bool


@dataclass(frozen=True, kw_only=True)
class ValidationStanding:
    """The newest validation of an enabled target in the default environment.

    Attributes:
        required: The environment's rules ask for one before a live deployment.
        score, recommendation, created_at, age_s: None while it was never validated.
        current: It is of this commit and configuration, and young enough where the rules say how old it may be; None where that
            cannot be told.
        stale_because: Why *current* is False, in words.
    """

    target: str
    environment: str
    required: bool
    version: str | None = None
    score: int | None = None
    recommendation: str | None = None
    created_at: str | None = None
    age_s: int | None = None
    current: bool | None = None
    stale_because: str | None = None

    @property
    def good(self) -> bool:
        """Nothing more has to be validated."""
        return self.recommendation not in (None, str(Recommendation.NO_GO)) and self.current is not False


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage. *status*: done, partly, missing (it comes next), optional. *command* does what is left of it."""

    name: str
    status: str
    detail: str
    command: str | None = None


def pipeline(
    *,
    configured: bool,
    problem: bool,
    path: str,
    files: Sequence[SetupFile],
    validations: Sequence[ValidationStanding],
    live: Sequence[str],
    commands: tuple[str, str, str],
) -> tuple[Stage, ...]:
    """The four stages in their order.

    Args:
        configured: There is a deploy.json; *problem*: it cannot be used.
        live: What is live, in words.
        commands: To init, to validate, to execute.
    """
    init, validate, execute = commands
    usable = configured and not problem
    return (
        _init(configured, problem, path, init),
        _setup(files, "no files needed" if usable else "no files found"),
        _validate(validations, validate if usable else None),
        Stage(
            name="execute",
            status=DONE if live else MISSING,
            detail="; ".join(live) or "nothing deployed yet",
            command=execute if usable else None,
        ),
    )


def _init(configured: bool, problem: bool, path: str, command: str) -> Stage:
    if not configured:
        return Stage(name="init", status=MISSING, detail=f"{path} is not there", command=command)
    detail = f"{path} {'has to be corrected' if problem else 'is there'}"
    return Stage(name="init", status=PARTLY if problem else DONE, detail=detail)


def _setup(files: Sequence[SetupFile], none: str) -> Stage:
    there, missing = [each for each in files if each.found], [each for each in files if not each.found]
    said = [", ".join(dict.fromkeys(each.path for each in there))] if there else []
    said += [f"missing: {', '.join(_with_target(missing))}"] if missing else []
    status = (PARTLY if there else MISSING) if missing else DONE if there else OPTIONAL
    return Stage(name="setup", status=status, detail="; ".join(said) or none)


def _with_target(files: Iterable[SetupFile]) -> Iterable[str]:
    return (f"{each.path} ({each.target})" if each.target else each.path for each in files)


def _validate(validations: Sequence[ValidationStanding], command: str | None) -> Stage:
    wanted = [each for each in validations if each.required]
    done = [each for each in validations if each.good]
    left = [each for each in wanted if not each.good]
    status = (PARTLY if done else MISSING) if left else DONE if done else OPTIONAL
    detail = "; ".join(validation_words(each) for each in validations) or "not validated"
    return Stage(name="validate", status=status, detail=detail, command=command if left or not done else None)


def of_report(
    report: ValidationReport,
    place: ValidationStanding,
    *,
    commit_sha: str | None,
    config_digest: str,
    max_age_s: float,
    scope: Scope,
    now: datetime,
) -> ValidationStanding:
    """*place* with what the newest *report* says, compared with what stands there now."""
    age_s = max(0, int((now - datetime.fromisoformat(report.created_at)).total_seconds())) if report.created_at else None
    wrong = []
    if report.commit_sha != commit_sha:
        wrong.append(f"of another commit ({(report.commit_sha or 'none')[:9]})")
    if report.config_digest is not None and report.config_digest != config_digest:
        wrong.append("deploy.json was changed since")
    if place.required and not (report.scope or Scope.QUICK).covers(scope):
        wrong.append(f"{report.scope or 'of no scope'}, where {scope} is needed")
    if place.required and age_s is not None and age_s > max_age_s:
        wrong.append(f"older than {age(int(max_age_s))}")
    return replace(
        place,
        version=report.version,
        score=report.readiness.score,
        recommendation=str(report.readiness.recommendation),
        created_at=report.created_at,
        age_s=age_s,
        current=not wrong,
        stale_because=", ".join(wrong) or None,
    )


def validation_words(each: ValidationStanding) -> str:
    """``production/web: 92 CONDITIONAL, 12m ago``."""
    place = f"{each.environment}/{each.target}"
    if each.recommendation is None:
        return f"{place}: not validated{' (required)' if each.required else ''}"
    stale = f", {each.stale_because}" if each.stale_because else ""
    return f"{place}: {each.score} {each.recommendation}, {age(each.age_s or 0)} ago{stale}"


def age(seconds: int) -> str:
    """``45s``, ``12m``, ``3h``, ``4d``."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
