"""Gathering what is known before a rollback: `investigate`. The store, git and the target are asked; nothing is changed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.ids import stream_of
from orchestrator.projections import deploy_history, releases
from orchestrator.projections.decision_required import decision_required
from orchestrator.projections.details import CheckDetail, History, details
from orchestrator.projections.incident import commits_in_question, failures, log_tails, telling_logs
from orchestrator.projections.investigation import ChangedCommits, Commit, Investigation
from orchestrator.projections.next_commands import next_commands
from orchestrator.projections.outcome import live_now
from orchestrator.services.assess import assess_leaving
from orchestrator.services.codec import CODEC
from orchestrator.services.planning import open_target
from orchestrator.services.road import diagnosed, in_words
from orchestrator.services.step_tails import tails
from orchestrator.services.workspace import Workspace

MOST_COMMITS = 50

CommitsBetween = Callable[[str, str, int], tuple[list[tuple[str, str, str, str]], str]]
"""Good commit, bad commit, limit -> (sha, time, author, subject) each, and why git did not answer or ""."""


def investigate(
    workspace: Workspace, deployment: Deployment, commits_between: CommitsBetween, *, options: Sequence[str] = ()
) -> Investigation:
    """Everything that is known of *deployment*, which may have to be left.

    Args:
        options: What every command that is suggested needs besides.
    """
    store = workspace.store
    history: History = [(CODEC.decode(recorded), recorded.time) for recorded in store.read_stream(stream_of(deployment.id))]
    shown = details(history, running=False, latest=True)
    known = assess_leaving(store, deployment.id, deploy_history.records(store, workspace.config.project_name))
    return Investigation(
        deployment_id=deployment.id,
        target=deployment.slot.target,
        environment=deployment.slot.environment,
        version=deployment.requested.version,
        state=deployment.state,
        live_now=_live_now(workspace, deployment),
        assessment=known,
        failures=failures(deployment),
        failed_at=next((time for event, time in history if isinstance(event, e.DeploymentFailed)), None),
        logs=log_tails(deployment.id, shown.logs, tails(store, deployment.id, telling_logs(shown.logs))),
        checks=_newest(shown.checks),
        commits=_commits(workspace, deployment, known.rollback_version, known.rollback_commit, commits_between),
        diagnostics=tuple(workspace.mask.mask(line) for line in _asked(workspace, deployment)),
        decision=decision_required(deployment, options=options),
        next=_next(deployment, known.can_rollback, options),
    )


def _live_now(workspace: Workspace, deployment: Deployment) -> str:
    """What is live in its slot, whoever put it there."""
    found = next(iter(releases.live_slots(workspace.store, deployment.slot)), None)
    if found is None or found.in_doubt == deployment.id:
        return live_now(deployment)
    if found.in_doubt is not None:
        return f"unknown since {found.in_doubt} failed"
    version = found.release.version if found.release is not None else "nothing of ours"
    return version if found.verified else f"{version} (not verified)"


def _newest(checks: Sequence[CheckDetail]) -> tuple[CheckDetail, ...]:
    """The last verification, of whichever phase."""
    asked = [check for check in checks if check.phase != "preflight"]
    return tuple(check for check in asked if (check.phase, check.round) == (asked[-1].phase, asked[-1].round))


def _commits(
    workspace: Workspace, deployment: Deployment, version: str | None, good: str | None, commits_between: CommitsBetween
) -> ChangedCommits:
    between = commits_in_question(deployment)
    if version is not None and deployment.rollback is None:
        bad = between.bad
        command = f"git log --oneline {good}..{bad}" if good and bad and good != bad else None
        between = replace(between, good_version=version, good=good, command=command)
    if between.good is None or between.bad is None:
        which = "the release to go back to" if between.good is None else deployment.requested.version
        return ChangedCommits(
            between=between, known=False, message=f"commits unknown: no commit of {which} is on record", commits=(), cut=False
        )
    found, problem = commits_between(between.good, between.bad, MOST_COMMITS + 1)
    message = f"commits unknown: {workspace.mask.mask(problem)}" if problem else f"{len(found[:MOST_COMMITS])} commits"
    mask = workspace.mask.mask
    commits = [Commit(sha=sha, time=time, author=mask(author), subject=mask(subject)) for sha, time, author, subject in found]
    return ChangedCommits(
        between=between,
        known=not problem,
        message=message,
        commits=tuple(commits[:MOST_COMMITS]),
        cut=len(commits) > MOST_COMMITS,
    )


def _asked(workspace: Workspace, deployment: Deployment) -> list[str]:
    """What the target says now. That it cannot be asked must not hide what is known of it."""
    try:
        _, target = open_target(workspace, deployment)
    except PopDeployError as problem:
        return [f"the target cannot be asked: {in_words(problem)}"]
    return diagnosed(target)


def _next(deployment: Deployment, can_rollback: bool, options: Sequence[str]) -> tuple[str, ...]:
    commands = next_commands(deployment, options=options)
    back = shlex.join(["pop-deploy", "rollback", deployment.id, *options])
    return commands if not can_rollback or back in commands else (back, *commands)
