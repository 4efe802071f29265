"""The workflows as data: which step asks what, and which step follows which answer. `WORKFLOWS` is the index at the foot.

Step IDs, types, scripts and next steps of `deploy-execute` are those of the deploy skill, and stay as they are: whoever knows
only these walks the same graph. What the skill leaves out (a failed verification, a failed rollback, the way back from a dry run
to the confirmation) stands beside it: in steps with ``added``, and in a step's ``edges``, which go before its ``next``. Questions
are those of `questions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.domain import questions as q
from orchestrator.domain.questions import Question
from orchestrator.domain.workflow import DECISION, SCRIPT, SKILL, TERMINAL, Edge, Workflow, WorkflowStep

_NAME = Question(q.DEPLOY_TARGET_NAME, q.which_target(()).question, q.which_target(()).header, ())
_VERSION = Question(q.ROLLBACK_VERSION, "Which version should be brought back?", "Version", ())


def _script(name: str, description: str, action: str, command: str, next: str, *edges: Edge) -> WorkflowStep:
    script, args = "scripts/execute_deployment.py", f"--action {action}"
    return WorkflowStep(
        id=name, description=description, type=SCRIPT, script=script, args=args, command=command, next=next, edges=edges
    )


def _command(name: str, description: str, command: str, next: str, *edges: Edge, added: bool = False) -> WorkflowStep:
    """A step without a script of the skill's."""
    return WorkflowStep(id=name, description=description, type=SCRIPT, command=command, next=next, edges=edges, added=added)


def _decision(
    name: str, description: str, question: Question, answers: Mapping[str, str], *edges: Edge, added: bool = False
) -> WorkflowStep:
    command = f"pop-deploy decide ID {question.decision_id}=<option>"
    return WorkflowStep(
        id=name,
        description=description,
        type=DECISION,
        question=question,
        answers=answers,
        command=command,
        edges=edges,
        added=added,
    )


def _named(name: str, description: str, question: Question, next: str, options_from: str) -> WorkflowStep:
    """A question whose options only the project knows: any of them leads to *next*."""
    return WorkflowStep(
        id=name,
        description=description,
        type=DECISION,
        question=question,
        command=f"pop-deploy decide ID {question.decision_id}=<name>",
        next=next,
        options_from=options_from,
        added=True,
    )


def _end(description: str, name: str = "complete", *, added: bool = False, command: str | None = None) -> WorkflowStep:
    return WorkflowStep(id=name, description=description, type=TERMINAL, added=added, command=command)


EXECUTE = Workflow(
    id="deploy-execute",
    name="Deployment Execution Workflow",
    version=1,
    description="Execute deployment with dry-run support and rollback on failure",
    steps=(
        _script("load_config", "Load deploy.json and prepare deployment", "prepare", "pop-deploy prepare", "target_decision"),
        _decision(
            "target_decision",
            "Confirm deployment target",
            q.DEPLOY_TARGET,
            dict.fromkeys(q.DEPLOY_TARGET.ids, "mode_decision"),
            Edge(when="specific", next="target_name"),
        ),
        _named("target_name", "Choose one of the enabled targets", _NAME, "mode_decision", "the enabled targets of deploy.json"),
        _decision(
            "mode_decision",
            "Choose deployment mode",
            q.DEPLOY_MODE,
            {"dry_run": "execute_deploy", "deploy": "confirm_deploy", "canary": "confirm_deploy"},
        ),
        _decision(
            "confirm_deploy",
            "Final deployment confirmation",
            q.CONFIRM_DEPLOY,
            {"proceed": "execute_deploy", "dry_run_first": "execute_deploy", "abort": "complete"},
        ),
        _script(
            "execute_deploy",
            "Execute the deployment",
            "execute",
            "pop-deploy execute ID",
            "review_result",
            Edge(when="dry_run_first", next="confirm_deploy"),
            Edge(when="dry_run", next="complete"),
            Edge(when="failed", next="after_failure"),
            Edge(when="unknown", next="step_outcome"),
            Edge(when="paused", next="canary_decision"),
            Edge(when="rolled_back", next="complete"),
            Edge(when="rollback_failed", next="rollback_failed"),
        ),
        _decision(
            "canary_decision",
            "Decide whether a canary goes on",
            q.CANARY_PAUSE,
            {"promote": "resume_deploy", "abort": "complete"},
            added=True,
        ),
        _decision(
            "step_outcome",
            "Say whether an interrupted step was done",
            q.STEP_OUTCOME,
            {"done": "resume_deploy", "not_done": "resume_deploy", "abort": "complete"},
            added=True,
        ),
        _command(
            "resume_deploy",
            "Finish an interrupted deployment",
            "pop-deploy resume ID",
            "review_result",
            Edge(when="failed", next="after_failure"),
            Edge(when="unknown", next="step_outcome"),
            added=True,
        ),
        _decision(
            "review_result",
            "Review deployment result",
            q.POST_DEPLOY,
            {"verify": "run_verify", "rollback": "run_rollback", "done": "complete"},
        ),
        _script(
            "run_verify",
            "Verify deployment health",
            "verify",
            "pop-deploy verify ID",
            "complete",
            Edge(when="failed", next="after_failure"),
        ),
        _decision(
            "after_failure",
            "Decide what follows a failure",
            q.AFTER_FAILURE,
            {"retry": "load_config", "rollback": "run_rollback", "abort": "complete"},
            added=True,
        ),
        WorkflowStep(
            id="run_rollback",
            description="Initiate rollback",
            type=SKILL,
            skill="pop-deploy-rollback",
            command="pop-deploy rollback ID",
            next="complete",
            edges=(Edge(when="failed", next="rollback_failed"),),
        ),
        _end(
            "The rollback failed: a person is needed. Look at the target, then roll back again",
            "rollback_failed",
            added=True,
            command="pop-deploy show ID",
        ),
        _end("Execution workflow finished"),
    ),
)

ROLLBACK = Workflow(
    id="deploy-rollback",
    name="Rollback Workflow",
    version=1,
    description="Bring back a verified release, and say what happened",
    steps=(
        _command(
            "assess",
            "Say what is live and what can be gone back to",
            "pop-deploy rollback --list",
            "rollback_strategy",
            Edge(when="nothing", next="complete"),
        ),
        _decision(
            "rollback_strategy",
            "Choose how to roll back",
            q.ROLLBACK_STRATEGY,
            {"previous": "confirm_rollback", "specific": "rollback_version", "investigate": "investigate"},
        ),
        _command(
            "investigate", "Gather what is known; changes nothing", "pop-deploy rollback ID --investigate", "rollback_strategy"
        ),
        _named(
            "rollback_version", "Choose one of the verified releases", _VERSION, "confirm_rollback", "pop-deploy rollback --list"
        ),
        _decision(
            "confirm_rollback",
            "Final rollback confirmation",
            q.CONFIRM_ROLLBACK,
            {"proceed": "execute_rollback", "dry_run": "simulate_rollback", "abort": "complete"},
        ),
        _command("simulate_rollback", "Show the steps, change nothing", "pop-deploy rollback ID --dry-run", "confirm_rollback"),
        _command(
            "execute_rollback",
            "Bring the release back and verify it",
            "pop-deploy rollback ID",
            "incident_report",
            Edge(when="failed", next="rollback_failed"),
        ),
        _end("The rollback failed: a person is needed", "rollback_failed", command="pop-deploy show ID"),
        _decision(
            "incident_report",
            "Decide whether a report is written",
            q.INCIDENT_REPORT,
            {"create_report": "write_report", "skip_report": "complete"},
        ),
        _command("write_report", "Write the incident report", "pop-deploy incident ID", "complete"),
        _end("Rollback workflow finished"),
    ),
)

VALIDATE = Workflow(
    id="deploy-validate",
    name="Validation Workflow",
    version=1,
    description="Check whether a version is fit to be deployed",
    steps=(
        _decision("scope_level", "Choose how much is checked", q.SCOPE_LEVEL, dict.fromkeys(q.SCOPE_LEVEL.ids, "run_validation")),
        _command(
            "run_validation",
            "Run the checks",
            "pop-deploy validate --scope <scope_level>",
            "proceed_action",
        ),
        _decision(
            "proceed_action",
            "Decide what follows the report",
            q.PROCEED_ACTION,
            {"deploy": "run_deploy", "fix": "run_fix", "override": "run_override", "abort": "complete"},
        ),
        _command(
            "run_fix",
            "Fix what can be fixed, and check again",
            "pop-deploy validate --scope <scope_level> --fix",
            "proceed_action",
        ),
        _command("run_deploy", "Go on with the deployment", "pop-deploy execute", "complete"),
        _command(
            "run_override",
            "Deploy although there are warnings; the reason is recorded",
            "pop-deploy execute --accept-warnings --reason TEXT",
            "complete",
        ),
        _end("Validation workflow finished"),
    ),
)

WORKFLOWS = {workflow.id: workflow for workflow in (EXECUTE, ROLLBACK, VALIDATE)}


def document() -> dict[str, Any]:
    """`deploy-execute` as the skill has it, and under ``workflows`` all of them."""
    return {**EXECUTE.to_json(), "workflows": {name: each.to_json() for name, each in WORKFLOWS.items()}}
