"""An open question as data, for whoever has no terminal: `DecisionRequired`. Not here: asking it (`cli/prompts.py`)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.lifecycle import UNDER_WAY
from orchestrator.domain.questions import (
    AFTER_FAILURE,
    CONFIRM_ROLLBACK,
    INCIDENT_REPORT,
    POST_DEPLOY,
    ROLLBACK_STRATEGY,
    ROLLBACK_VERSION,
)


@dataclass(frozen=True, kw_only=True)
class OptionResult:
    """One answer; *id* is what is given to ``decide``, *label* and *description* are for people."""

    id: str
    label: str
    description: str


@dataclass(frozen=True, kw_only=True)
class DecisionRequired:
    """A question that stands open.

    Attributes:
        header: At most 12 characters, for a form.
        answer_with: The commands that answer it and go on, with ``<option>`` for the chosen option's id.
        detail: What the question is about, by name (a step, a plan's digest).
    """

    deployment_id: str
    decision_id: str
    question: str
    header: str
    options: tuple[OptionResult, ...]
    answer_with: str
    detail: Mapping[str, Any]


def decision_required(deployment: Deployment, *, options: Sequence[str] = ()) -> DecisionRequired | None:
    """The question that stands open, or None.

    Args:
        options: What every command for this project needs besides, for example ``["--dir", "shop"]``.
    """
    asked = deployment.open_decision
    if asked is None:
        return None
    return DecisionRequired(
        deployment_id=deployment.id,
        decision_id=asked.decision_id,
        question=asked.question,
        header=asked.header,
        options=tuple(OptionResult(**option) for option in asked.options),
        answer_with=answer_with(deployment, asked.decision_id, options=options),
        detail=asked.detail,
    )


def answer_with(deployment: Deployment, decision_id: str, *, options: Sequence[str] = ()) -> str:
    """The commands that answer *decision_id*: ``decide`` only records, the second one goes on."""
    decide = " ".join(["pop-deploy decide", deployment.id, f"{decision_id}=<option>", *map(shlex.quote, options)])
    go_on = _goes_on(deployment, decision_id)
    return f"{decide} && {' '.join([go_on, *map(shlex.quote, options)])}" if go_on else decide


def _goes_on(deployment: Deployment, decision_id: str) -> str:
    if decision_id in {POST_DEPLOY.decision_id, AFTER_FAILURE.decision_id, INCIDENT_REPORT.decision_id}:
        return ""
    if decision_id in {CONFIRM_ROLLBACK.decision_id, ROLLBACK_STRATEGY.decision_id, ROLLBACK_VERSION}:
        return f"pop-deploy rollback {deployment.id}"
    return f"pop-deploy {'resume' if deployment.state in UNDER_WAY else 'execute'} {deployment.id}"
