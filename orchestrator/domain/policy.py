"""Rules that are not the lifecycle's: what an environment forbids, and which release may be gone back to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import Frozen, NotConfirmed, NothingToRollBack, ValidationRequired
from orchestrator.domain.plan import Release
from orchestrator.domain.readiness import BINDING, CheckResult, Outcome, Recommendation, Scope, ValidationReport
from orchestrator.domain.settings import EnvironmentRules, Freeze

CLOCK_SKEW_S = 300
"""How far another machine's clock may be ahead of ours."""


def check_environment(deployment: Deployment, rules: EnvironmentRules, now: str) -> None:
    """Refuse a live deployment that its environment does not allow now. Dry runs and rollbacks are exempt.

    Args:
        now: ISO 8601 with offset.

    Raises:
        Frozen: A period without deployments.
    """
    where = deployment.requested.environment
    for freeze in frozen_by(deployment, rules, now):
        why = f": {freeze.reason}" if freeze.reason else ""
        raise Frozen(f"{where} is frozen until {freeze.end}{why}. Next: wait, or --override-freeze with a --reason")


def frozen_by(deployment: Deployment, rules: EnvironmentRules, now: str) -> list[Freeze]:
    """The periods without deployments that hold at *now* and that nobody has overridden for this deployment."""
    moment = datetime.fromisoformat(now)
    overridden = {(each.start, each.end) for each in deployment.freeze_overrides}
    return [
        freeze
        for freeze in rules.freeze
        if datetime.fromisoformat(freeze.start) <= moment < datetime.fromisoformat(freeze.end)
        and (freeze.start, freeze.end) not in overridden
    ]


def check_approval(deployment: Deployment, rules: EnvironmentRules, by: str) -> None:
    """Refuse an approval that does not count where the environment wants other people than the one who asked.

    Raises:
        NotConfirmed: *by* asked for the deployment or planned it, or has approved it already; says who may.
    """
    if not rules.approvals:
        return
    where, wanted = deployment.requested.environment, people(rules.approvals)
    following = f"Next, by somebody else: pop-deploy confirm {deployment.id}"
    if person(by) in askers(deployment):
        raise NotConfirmed(f"{where} needs {wanted}, and {by} asked for this deployment. {following}")
    if person(by) in {person(each.by) for each in deployment.approvals}:
        given = f"{len(deployment.approvals)} of {rules.approvals}"
        raise NotConfirmed(f"{where} needs {wanted}, and {by} has approved it already ({given}). {following}")


def askers(deployment: Deployment) -> list[str]:
    """Who asked for the deployment and who planned it: their own approval does not count."""
    planner = deployment.prepared.by if deployment.prepared is not None else ""
    return list(dict.fromkeys(person(by) for by in (deployment.actor, planner) if by))


def person(actor: str) -> str:
    """Actors are NAME@HOST: from another machine it is still the same person."""
    return actor.rpartition("@")[0] or actor


def people(approvals: int) -> str:
    """How many have to approve, in words."""
    return "a second person" if approvals == 1 else f"{approvals} other people"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is about to be deployed, as a report has to be about it.

    Attributes:
        source_digest: None while it is not known, or where the target has none.
        given_version: The version where somebody named it, for the command that is suggested.
        accepted: `ValidationReport.identity` of the reports whose warnings somebody accepted.
        accepts_all: Somebody accepts whatever warnings there are.
        scope: How thorough a report has to be, for the command that is suggested.
    """

    environment: str
    target: str
    version: str
    commit_sha: str | None
    config_digest: str
    source_digest: str | None = None
    dirty: bool = False
    given_version: str | None = None
    accepted: Collection[str] = ()
    accepts_all: bool = False
    scope: Scope = Scope.QUICK

    @property
    def validate_with(self) -> str:
        """The command that makes the report."""
        version = f" --version {self.given_version}" if self.given_version else ""
        scope = f" --scope {self.scope}" if self.scope is not Scope.QUICK else ""
        return f"pop-deploy validate{scope} --environment {self.environment} --target {self.target}{version}"


def check_validation(
    candidate: Candidate,
    rules: EnvironmentRules,
    now: str,
    *,
    current: ValidationReport | None,
    taken_in: ValidationReport | None = None,
    newest: ValidationReport | None = None,
) -> ValidationReport | None:
    """Refuse a live deployment that validation forbids. Dry runs and rollbacks are exempt.

    Everywhere a NO-GO about this very candidate forbids it, and no flag helps. Where the environment requires validation, a
    report must be there, about this candidate, young enough, and without warnings that nobody has accepted.

    Args:
        now: ISO 8601 with offset.
        current: Our own newest report about this candidate.
        taken_in: A report from elsewhere; it counts in place of *current*, but never against its NO-GO.
        newest: Our own newest report about the slot, to say why it does not count.

    Returns:
        The report that allows it, with what was missing as one warning more; None where none is required and none was found.

    Raises:
        ValidationRequired: Says what is missing, and the next command.
    """
    for report in (current, taken_in):
        if report is not None and not _mismatches(report, candidate):
            _refuse_no_go(report, candidate)
    report = taken_in or current
    if not rules.requires_validation:
        return report if report is not None and not _mismatches(report, candidate) else None
    if report is None:
        raise ValidationRequired(_missing(candidate, newest))
    if mismatches := _mismatches(report, candidate):
        raise ValidationRequired(
            f"{candidate.environment} takes only validated commits, and {report.shown_id} is about something else: "
            f"{'; '.join(mismatches)}. Next: {candidate.validate_with}"
        )
    _refuse_small(report, candidate, rules)
    _refuse_old(report, candidate, rules, now)
    report = _with_binding(report)
    _refuse_warnings(report, candidate)
    return report


def _refuse_no_go(report: ValidationReport, candidate: Candidate) -> None:
    if report.readiness.recommendation is not Recommendation.NO_GO and not report.blocking:
        return
    failed = "; ".join(f"{check.name}: {check.message}" for check in report.blocking) or report.readiness.reason
    raise ValidationRequired(
        f"{report.shown_id} says NO-GO for {candidate.version} (score {report.readiness.score}): {failed}. "
        f"No flag overrides that. Next: correct it, then {candidate.validate_with}"
    )


def _missing(candidate: Candidate, newest: ValidationReport | None) -> str:
    why = "there is no report about it"
    if newest is not None and (mismatches := _mismatches(newest, candidate)):
        why = f"the newest report, {newest.shown_id}, is about something else: {'; '.join(mismatches)}"
    return f"{candidate.environment} takes only validated commits, and {why}. Next: {candidate.validate_with}"


def _mismatches(report: ValidationReport, candidate: Candidate) -> list[str]:
    """In which respects the report is about something else; what it does not say is no mismatch."""
    compared = (
        ("environment", report.environment, candidate.environment),
        ("target", report.target, candidate.target),
        ("version", report.version, candidate.version),
        ("commit", report.commit_sha, candidate.commit_sha),
        ("configuration", report.config_digest, candidate.config_digest),
        ("files", report.source_digest, candidate.source_digest if candidate.source_digest is not None else report.source_digest),
    )
    found = [f"{name} {_short(said)}, not {_short(now)}" for name, said, now in compared if said is not None and said != now]
    if candidate.dirty and report.bound and not report.dirty:
        found.append("the working tree has changes since that are in no commit")
    return found


def _short(value: str | None) -> str:
    """Enough of a digest or commit to recognise it."""
    return "none" if value is None else value[:19] if value.startswith("sha256:") else value[:12] if len(value) == 40 else value


def _refuse_small(report: ValidationReport, candidate: Candidate, rules: EnvironmentRules) -> None:
    """A report that does not say its scope has the smallest one."""
    scope = report.scope or Scope.QUICK
    if not scope.covers(rules.validation_scope):
        said = f"is of scope {scope}" if report.scope is not None else "does not say its scope"
        raise ValidationRequired(
            f"{report.shown_id} {said}, and {candidate.environment} needs {rules.validation_scope}. "
            f"Next: {candidate.validate_with}"
        )


def _refuse_old(report: ValidationReport, candidate: Candidate, rules: EnvironmentRules, now: str) -> None:
    if report.created_at is None:
        return  # one of the things that make it unbound
    age = (datetime.fromisoformat(now) - datetime.fromisoformat(report.created_at)).total_seconds()
    if age >= rules.validation_max_age_s:
        old = f"is {age:.0f} s old, and {candidate.environment} takes none of {rules.validation_max_age_s} s or more"
    elif age < -CLOCK_SKEW_S:
        old = f"is from the future ({report.created_at})"
    else:
        return
    raise ValidationRequired(f"{report.shown_id} {old}. Next: {candidate.validate_with}")


def _with_binding(report: ValidationReport) -> ValidationReport:
    """A report that does not say what it was made for has one warning more."""
    if report.bound:
        return report
    missing = ", ".join(name for name in BINDING if getattr(report, name) is None)
    message = f"the report does not say what it was made for: {missing} missing"
    return report.with_more(CheckResult(name="binding", status=Outcome.WARN, message=message))


def _refuse_warnings(report: ValidationReport, candidate: Candidate) -> None:
    if report.readiness.recommendation is Recommendation.NO_GO:
        raise ValidationRequired(
            f"{report.shown_id} does not suffice (score {report.readiness.score}): {report.readiness.reason}. "
            f"Next: {candidate.validate_with}"
        )
    if report.warnings and not candidate.accepts_all and report.identity not in candidate.accepted:
        names = "; ".join(f"{check.name}: {check.message}" for check in report.warnings)
        raise ValidationRequired(
            f"{report.shown_id} has warnings (score {report.readiness.score}): {names}. "
            f"Next: correct them and {candidate.validate_with}, or accept them: --accept-warnings --reason TEXT"
        )


def same_release(one: Release | None, other: Release | None) -> bool:
    """Whether going from one to the other would change nothing: the same deployment, or the same version and artifacts."""
    if one is None or other is None:
        return False
    if one.deployment_id is not None and one.deployment_id == other.deployment_id:
        return True
    return bool(one.artifacts) and (one.version, dict(one.artifacts)) == (other.version, dict(other.artifacts))


def others(deployment: Deployment, candidates: Sequence[Release]) -> list[Release]:
    """Those of *candidates* that are not what *deployment* put, or was to put, there: to go back to an identical release would
    change nothing."""
    return [
        release
        for release in candidates
        if not same_release(release, deployment.intended_release) and release.deployment_id != deployment.id
    ]


def back_to(deployment: Deployment, candidates: Sequence[Release], version: str | None) -> Release:
    """The release to leave *deployment* for.

    Args:
        candidates: The slot's verified releases, newest first.
        version: Only a release of this version qualifies, if given.

    Raises:
        NothingToRollBack: None qualifies; says which do.
    """
    found_others = others(deployment, candidates)
    if version is None:
        reference = deployment.reference
        if reference in found_others:
            return reference
        if found_others:
            return next((release for release in found_others if same_release(reference, release)), found_others[0])
        raise NothingToRollBack(
            f"{deployment.slot}: no verified release before {deployment.requested.version}, nothing to roll back to. "
            "Next: fix it and pop-deploy execute"
        )
    found = next((release for release in found_others if release.version == version), None)
    if found is None:
        known = ", ".join(dict.fromkeys(release.version for release in found_others)) or "none"
        raise NothingToRollBack(f"{deployment.slot}: no verified release {version} to go back to; there are: {known}")
    return found
