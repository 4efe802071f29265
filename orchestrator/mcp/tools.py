"""The tools, as data. A new one is one more `Tool` in `TOOLS`; what that says is in `tool.py`.

Not here, because a person at a shell decides it: overriding a freeze, taking a slot's claim away, and the care of the store.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.mcp.tool import Argument, Tool
from orchestrator.projections.deployments_table import STATUSES

_ID = "The deployment's ID, for example deploy-20260318-143022-k3f9"
_SOME_ID = Argument(name="deployment_id", description=f"{_ID}, its beginning, or latest.", required=True)
_EXACT_ID = Argument(name="deployment_id", description=f"{_ID}.", required=True)
_TARGET = Argument(name="target", option="--target", description="A target of deploy.json; otherwise the primary one.")
_ENVIRONMENT = Argument(
    name="environment", option="--environment", description="Otherwise POP_DEPLOY_ENVIRONMENT, or the default_environment."
)
_REASON = Argument(name="reason", option="--reason", description="Why, on one line; recorded.")
_WHY = Argument(name="reason", option="--reason", description="Why, on one line; recorded.", required=True)
_WAIT = Argument(
    name="wait_s",
    option="--wait",
    type="integer",
    description="Wait so many seconds for a slot that is held; otherwise exit_code 4.",
)
_YES = Argument(name="yes", option="--yes", type="boolean", description="Answers the confirmation. Only where the user said so.")
_VERSION = Argument(name="version", option="--version", description="Otherwise package.json, pyproject.toml or a git tag.")
_WISH = (
    _TARGET,
    Argument(name="all_targets", option="--all", type="boolean", description="Every enabled target, one after another."),
    _ENVIRONMENT,
    _VERSION,
    Argument(
        name="mode",
        option="--mode",
        only=("dry_run", "deploy", "canary"),
        description="dry_run asks everything and changes nothing; deploy and canary are live.",
    ),
    Argument(name="dry_run", option="--dry-run", type="boolean", description="Simulate the chosen mode."),
    _REASON,
)

TOOLS = (
    Tool(
        name="status",
        title="Where the project stands",
        description="What is live where, what is interrupted or waits for an answer, and what comes next. Begin here.",
        command=(),
        reads=True,
    ),
    Tool(
        name="workflow",
        title="Which question follows which answer",
        description="The steps and questions of deploying, going back and validating as a graph, the same for every project.",
        command=("workflow",),
        reads=True,
    ),
    Tool(
        name="validate",
        title="Is it fit to be deployed?",
        description=(
            "Run the checks of a version: score, and GO, CONDITIONAL or NO-GO (exit_code 1). The report is recorded; production "
            "deploys nothing without one for this very commit and configuration."
        ),
        command=("validate",),
        arguments=(
            Argument(
                name="scope",
                option="--scope",
                only=("quick", "standard", "full"),
                description="quick looks at configuration, version and git; standard builds and tests; full is everything.",
            ),
            _TARGET,
            _ENVIRONMENT,
            _VERSION,
            Argument(name="strict", option="--strict", type="boolean", description="Warnings and skipped checks fail."),
            _REASON,
        ),
        open_world=True,
    ),
    Tool(
        name="prepare",
        title="Plan a deployment",
        description="Plan a deployment: steps, rollback reference, plan_digest. Changes nothing outside the store.",
        command=("prepare",),
        arguments=_WISH,
        open_world=True,
    ),
    Tool(
        name="execute",
        title="Deploy",
        description=(
            "Plan, ask, run and verify a deployment, or go on with a prepared one (deployment_id alone). Where a question is "
            "open the result is decision_required with exit_code 3: show it to the user with its options, call decide with the "
            "answer, then execute with that deployment_id. A live deployment always asks confirm_deploy."
        ),
        command=("execute",),
        arguments=(
            Argument(name="deployment_id", description=f"{_ID}, to go on with it."),
            *_WISH,
            Argument(name="plan_digest", option="--plan", description="Refuse unless the plan is this one."),
            Argument(
                name="accept_warnings",
                option="--accept-warnings",
                type="boolean",
                description="Deploy although the validation has warnings; needs reason, and only where the user said so.",
            ),
            _WAIT,
        ),
        positional=("{deployment_id}",),
        destructive=True,
        open_world=True,
    ),
    Tool(
        name="decide",
        title="Answer an open question",
        description=(
            "Record the answer to the open question of a deployment, with the reason. It only records: execute, resume or "
            "rollback with the same deployment_id goes on. The answer is the user's, never yours."
        ),
        command=("decide",),
        arguments=(
            _EXACT_ID,
            Argument(name="decision_id", description="The question, for example confirm_deploy.", required=True),
            Argument(name="answer", description="The id of one of its options, for example proceed.", required=True),
            _WHY,
        ),
        positional=("{deployment_id}", "{decision_id}={answer}"),
        fixed=("--how=mcp",),
        destructive=True,
        idempotent=True,
    ),
    Tool(
        name="resume",
        title="Finish an interrupted deployment",
        description="Find out from the target what was really done, and do the rest; nothing twice. For exit_code 8.",
        command=("resume",),
        arguments=(
            Argument(name="deployment_id", description=f"{_ID}; otherwise the only interrupted one."),
            _WAIT,
            _REASON,
        ),
        positional=("{deployment_id}",),
        destructive=True,
        idempotent=True,
        open_world=True,
    ),
    Tool(
        name="promote",
        title="Let a canary go on",
        description=(
            "End the pause of a canary that waits, or with full go past all that is left of it to the promotion. A canary whose "
            "checks fail is removed all the same. The decision is the user's, never yours."
        ),
        command=("promote",),
        arguments=(
            _EXACT_ID,
            Argument(name="full", option="--full", type="boolean", description="Past all weights and pauses that are left."),
            _WAIT,
            _WHY,
        ),
        positional=("{deployment_id}",),
        destructive=True,
        open_world=True,
    ),
    Tool(
        name="abort",
        title="Give a deployment up",
        description=(
            "Give up a prepared, failed or interrupted deployment; what it has changed stays as it is, only a canary is removed. "
            "One that runs is asked to stop before its next step."
        ),
        command=("abort",),
        arguments=(_EXACT_ID, _WAIT, _WHY),
        positional=("{deployment_id}",),
        destructive=True,
        idempotent=True,
    ),
    Tool(
        name="rollback",
        title="Bring back a verified release",
        description=(
            "Leave what is live for the verified release before it, or the one named. list_releases shows what can be gone back "
            "to; dry_run shows the steps. Asks confirm_rollback as execute asks confirm_deploy: decide, then rollback with the "
            "same deployment_id."
        ),
        command=("rollback",),
        arguments=(
            Argument(name="deployment_id", description=f"{_ID}, to leave that one; otherwise what is live."),
            _TARGET,
            _ENVIRONMENT,
            Argument(name="version", option="--to", description="Otherwise the last verified release before."),
            Argument(name="list_releases", option="--list", type="boolean", description="Only list the releases."),
            Argument(name="dry_run", option="--dry-run", type="boolean", description="Show the steps, change nothing."),
            _WAIT,
            _REASON,
        ),
        positional=("{deployment_id}",),
        destructive=True,
        open_world=True,
    ),
    Tool(
        name="investigate",
        title="What is known of a failure",
        description="Before a rollback: the failure, its log, the commits since the release before, what the target says.",
        command=("rollback",),
        fixed=("--investigate",),
        arguments=(
            Argument(name="deployment_id", description=f"{_ID}; otherwise what is live on the target."),
            _TARGET,
            _ENVIRONMENT,
        ),
        positional=("{deployment_id}",),
        reads=True,
        open_world=True,
    ),
    Tool(
        name="incident",
        title="Write the incident report",
        description="Write the incident report of a deployment that failed or was rolled back, as Markdown; answers where it is.",
        command=("incident",),
        arguments=(_SOME_ID,),
        positional=("{deployment_id}",),
        says_who=False,
        idempotent=True,
    ),
    Tool(
        name="verify",
        title="Run the health checks again",
        description="Run the health checks of what is live again. exit_code 1 when one fails.",
        command=("verify",),
        arguments=(
            Argument(name="deployment_id", description=f"{_ID}; otherwise what is live on the target."),
            _TARGET,
            _ENVIRONMENT,
        ),
        positional=("{deployment_id}",),
        idempotent=True,
        open_world=True,
    ),
    Tool(
        name="history",
        title="Deployments, newest first",
        description="Deployments of this project, newest first.",
        command=("history",),
        arguments=(
            Argument(name="limit", option="--limit", type="integer", description="At most so many; 20 otherwise."),
            Argument(name="target", option="--target", description="Only of this target."),
            Argument(name="environment", option="--environment", description="Only of this environment."),
            Argument(name="status", option="--status", only=STATUSES, description="Only with this outcome."),
            Argument(
                name="all_attempts", option="--all-attempts", type="boolean", description="Dry runs too, and what did nothing."
            ),
        ),
        reads=True,
    ),
    Tool(
        name="show",
        title="One deployment",
        description="Everything about one deployment: plan, steps, decisions, checks, rollback, logs.",
        command=("show",),
        arguments=(_SOME_ID,),
        positional=("{deployment_id}",),
        reads=True,
    ),
    Tool(
        name="logs",
        title="What the steps printed",
        description="What the steps of a deployment printed, all or one of them.",
        command=("logs",),
        arguments=(_SOME_ID, Argument(name="step", description="Only this step, by its name in show.")),
        positional=("{deployment_id}", "{step}"),
        reads=True,
    ),
    Tool(
        name="slots",
        title="Who holds what",
        description="Which deployment holds or claims which slot, since when, and whether its process lives.",
        command=("slots",),
        reads=True,
    ),
)

_CONFIRMED = frozenset({"execute", "rollback"})


def offered(*, read_only: bool = False, allow_yes: bool = False) -> dict[str, Tool]:
    """The tools of a server by name.

    Args:
        read_only: Only those that change nothing.
        allow_yes: `execute` and `rollback` may be confirmed in the call itself.
    """
    tools = [tool for tool in TOOLS if tool.reads or not read_only]
    return {tool.name: _with_yes(tool) if allow_yes and tool.name in _CONFIRMED else tool for tool in tools}


def _with_yes(tool: Tool) -> Tool:
    return replace(tool, arguments=(*tool.arguments, _YES))
