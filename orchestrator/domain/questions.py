"""The questions a person or a policy must answer, with their options as they are shown.

Identifiers, labels and descriptions are those of the deploy skill; an agent can show them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.errors import UsageProblem


@dataclass(frozen=True, slots=True)
class Option:
    id: str
    label: str
    description: str

    def to_json(self) -> dict[str, str]:
        return {"id": self.id, "label": self.label, "description": self.description}


@dataclass(frozen=True, slots=True)
class Question:
    """*header* has at most 12 characters; *default* is what Enter answers on a terminal, None where nothing may go unread."""

    decision_id: str
    question: str
    header: str
    options: tuple[Option, ...]
    default: str | None = None

    def check(self, answer: str) -> str:
        """*answer* in its stored form (``dry-run`` is ``dry_run``).

        Raises:
            UsageProblem: It is none of the options; names them.
        """
        normal = answer.strip().replace("-", "_") if answer not in self.ids else answer
        if normal not in self.ids:
            raise UsageProblem(f"{self.decision_id}={answer}: expected one of {', '.join(self.ids)}")
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

QUESTIONS = {
    question.decision_id: question
    for question in (
        DEPLOY_TARGET,
        DEPLOY_MODE,
        CONFIRM_DEPLOY,
        POST_DEPLOY,
        AFTER_FAILURE,
        CONFIRM_ROLLBACK,
        STEP_OUTCOME,
    )
}


def which_target(names: Sequence[str]) -> Question:
    """The question after ``specific``; its options are the enabled targets."""
    options = tuple(Option(name, name, f"Deploy to {name}") for name in names)
    return Question("deploy_target_name", "Which of the enabled targets?", "Target", options)
