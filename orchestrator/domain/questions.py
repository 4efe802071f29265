"""The questions a person or a policy must answer, with their options as they are shown.

Identifiers, labels and descriptions are those of the deploy skill; an agent can show them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.errors import UsageProblem

DEPLOY_TARGET_NAME = "deploy_target_name"
ROLLBACK_VERSION = "rollback_version"
ABORT = "abort"
"""Answers no question: asks the process at work to stop before its next step."""
MOST_OPTIONS = 4


@dataclass(frozen=True, slots=True)
class Option:
    id: str
    label: str
    description: str

    def to_json(self) -> dict[str, str]:
        return {"id": self.id, "label": self.label, "description": self.description}


@dataclass(frozen=True, slots=True)
class Question:
    """*header* has at most 12 characters; *default* is what Enter answers on a terminal, None where nothing may go unread; *also*
    are answers that are taken beside the options that are shown."""

    decision_id: str
    question: str
    header: str
    options: tuple[Option, ...]
    default: str | None = None
    also: tuple[str, ...] = ()

    def check(self, answer: str) -> str:
        """*answer* in its stored form (``dry-run`` is ``dry_run``).

        Raises:
            UsageProblem: It is none of the options; names them.
        """
        if (as_typed := answer.strip()) in (taken := dict.fromkeys((*self.ids, *self.also))):
            return as_typed
        normal = as_typed.replace("-", "_")
        if normal not in self.ids:
            raise UsageProblem(f"{self.decision_id}={answer}: expected one of {', '.join(taken)}")
        return normal

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(option.id for option in self.options)


DEPLOY_TARGET = Question(
    "deploy_target",
    "Which target should I deploy?",
    "Target",
    (
        Option("primary", "Primary target", "Deploy to the primary configured target"),
        Option("all", "All targets", "Deploy to all enabled targets"),
        Option("specific", "Choose target", "Select a specific target"),
    ),
    default="primary",
)
DEPLOY_MODE = Question(
    "deploy_mode",
    "How should I deploy?",
    "Mode",
    (
        Option("dry_run", "Dry run (Recommended first)", "Simulate deployment without executing"),
        Option("deploy", "Deploy", "Execute the deployment"),
        Option("canary", "Canary deploy", "Deploy to small percentage first"),
    ),
    default="dry_run",
)
CONFIRM_DEPLOY = Question(
    "confirm_deploy",
    "Ready to deploy? This will push changes to the target environment.",
    "Confirm",
    (
        Option("proceed", "Deploy now", "Execute the deployment"),
        Option("dry_run_first", "Dry run first", "Run a dry run before deploying"),
        Option("abort", "Abort", "Cancel deployment"),
    ),
)
POST_DEPLOY = Question(
    "post_deploy",
    "Deployment complete. What next?",
    "Result",
    (
        Option("verify", "Verify deployment", "Run health checks on deployed service"),
        Option("rollback", "Rollback", "Something went wrong, roll back"),
        Option("done", "Done", "Deployment successful, finish"),
    ),
    default="done",
)
AFTER_FAILURE = Question(
    "after_failure",
    "Deployment failed. What next?",
    "Failure",
    (
        Option("retry", "Retry", "Start a new deployment of the same version"),
        Option("rollback", "Rollback", "Bring back the last verified release"),
        Option("abort", "Abort", "Leave it as it is and close this deployment"),
    ),
)
CONFIRM_ROLLBACK = Question(
    "confirm_rollback",
    "Ready to roll back? This changes what is live.",
    "Confirm",
    (
        Option("proceed", "Roll back now", "Bring back the release named above"),
        Option("dry_run", "Dry run", "Show the steps without executing them"),
        Option("abort", "Abort", "Leave everything as it is"),
    ),
)
ROLLBACK_STRATEGY = Question(
    "rollback_strategy",
    "How should I roll back?",
    "Strategy",
    (
        Option("previous", "Previous version", "Bring back the last verified release"),
        Option("specific", "Specific version", "Choose one of the verified releases"),
        Option("investigate", "Investigate first", "Show what is known, change nothing, and ask again"),
    ),
    default="previous",
)
INCIDENT_REPORT = Question(
    "incident_report",
    "Should I write an incident report?",
    "Report",
    (
        Option("create_report", "Create report", "Write it from what was recorded"),
        Option("skip_report", "Skip", "Write none; pop-deploy incident can do it at any time"),
    ),
    default="create_report",
)
SCOPE_LEVEL = Question(
    "scope_level",
    "How thoroughly should I validate?",
    "Scope",
    (
        Option("quick", "Quick", "Configuration, version, git and tools"),
        Option("standard", "Standard (Recommended)", "Also build, tests, dependencies and lock files"),
        Option("full", "Full", "Also security, licences, images, sizes and integration tests"),
    ),
    default="standard",
)
PROCEED_ACTION = Question(
    "proceed_action",
    "Validation complete. How should I proceed?",
    "Proceed",
    (
        Option("deploy", "Deploy", "Go on with the deployment"),
        Option("fix", "Fix", "Fix what can be fixed and validate again"),
        Option("override", "Override", "Accept the warnings, with a reason, and deploy"),
        Option("abort", "Abort", "Stop here"),
    ),
)
STEP_OUTCOME = Question(
    "step_outcome",
    "Nobody knows whether this step was done. Look at the target: was it?",
    "Outcome",
    (
        Option("done", "It was done", "Record it as done and go on with the next step"),
        Option("not_done", "It was not done", "Do it now"),
        Option("abort", "Abort", "Stop here and close this deployment"),
    ),
)

PROMOTE, PROMOTE_FULL = "promote", "promote_full"
CANARY_PAUSE = Question(
    "canary_pause",
    "The canary is up and waits. Should it go on?",
    "Canary",
    (
        Option(PROMOTE, "Promote", "Go on with the next step of the canary"),
        Option(ABORT, "Abort", "Remove the canary and leave the stable release as it is"),
    ),
    also=(PROMOTE_FULL,),
)

QUESTIONS = {
    question.decision_id: question
    for question in (
        DEPLOY_TARGET,
        DEPLOY_MODE,
        CONFIRM_DEPLOY,
        POST_DEPLOY,
        AFTER_FAILURE,
        ROLLBACK_STRATEGY,
        CONFIRM_ROLLBACK,
        INCIDENT_REPORT,
        SCOPE_LEVEL,
        PROCEED_ACTION,
        STEP_OUTCOME,
        CANARY_PAUSE,
    )
}


OF_ONE_ROLLBACK = (CONFIRM_ROLLBACK.decision_id, ROLLBACK_STRATEGY.decision_id, ROLLBACK_VERSION, INCIDENT_REPORT.decision_id)
"""One answer to these, one rollback."""


def which_target(names: Sequence[str]) -> Question:
    """The question after ``specific``: of the enabled targets four are shown, and any of them is taken as an answer."""
    options = tuple(Option(name, name, f"Deploy to {name}") for name in names[:MOST_OPTIONS])
    also = tuple(names[MOST_OPTIONS:])
    return Question(DEPLOY_TARGET_NAME, "Which of the enabled targets?", "Target", options, also=also)


def which_version(releases: Sequence[tuple[str, str]]) -> Question:
    """The question after the strategy ``specific``.

    Args:
        releases: Version and description of what can be gone back to, newest first, at least one. Four at most are shown; any of
            them is taken as an answer.
    """
    versions = dict(reversed(releases))  # of the same version the newest counts
    ordered = dict.fromkeys(version for version, _ in releases)
    shown = tuple(Option(version, version, versions[version]) for version in list(ordered)[:MOST_OPTIONS])
    # A form needs two options, and whoever finds only one version here may not want that one.
    leave = (Option("abort", "Abort", "Leave everything as it is"),) if len(shown) == 1 else ()
    also = tuple(version for version in ordered if version not in {option.id for option in shown})
    return Question(ROLLBACK_VERSION, "Which version should be brought back?", "Version", (*shown, *leave), also=also)
