"""``--answers FILE``: decisions that are answered before they are asked, by their IDs. `read` the file, `Answers` what it says.

The file is one JSON object: ``{"confirm_deploy": "proceed"}``, or with a reason ``{"confirm_deploy": {"answer": "proceed",
"reason": "CHG-42"}}``. It is refused as a whole where a decision or an option in it does not exist.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import click

from orchestrator.cli.options import one_line
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.questions import (
    AFTER_FAILURE,
    DEPLOY_TARGET,
    DEPLOY_TARGET_NAME,
    POST_DEPLOY,
    QUESTIONS,
    ROLLBACK_VERSION,
    which_target,
)

LONGEST = 64 * 1024
"""Bytes of the file."""

_ONCE = frozenset({POST_DEPLOY.decision_id, AFTER_FAILURE.decision_id})
"""Asked after a deployment: an answer `retry` that counted for the next one too would never end."""


class Ahead(NamedTuple):
    answer: str
    reason: str = ""


@dataclass(frozen=True)
class Answers:
    """What was answered ahead. Each answer is used once for each deployment: who is asked again has to think again."""

    by_decision: Mapping[str, Ahead] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)

    @property
    def decisions(self) -> frozenset[str]:
        return frozenset(self.by_decision)

    def says(self, decision_id: str, answer: str) -> bool:
        found = self.by_decision.get(decision_id)
        return found is not None and found.answer == answer

    def take(self, deployment_id: str, decision_id: str) -> Ahead | None:
        """The answer, unless it was used already."""
        found, key = self.by_decision.get(decision_id), ("" if decision_id in _ONCE else deployment_id, decision_id)
        if found is None or key in self.used:
            return None
        self.used.add(key)
        return found


def read(file: str | None, targets: Sequence[str], *, yes: bool = False) -> Answers:
    """The answers in *file*, all of them checked; none without a file.

    Args:
        targets: Names that may be answered to ``deploy_target_name``.
        yes: ``--yes`` was given too.

    Raises:
        UsageProblem: It cannot be read, or is no such object; it names a decision or an option that there is not; with *yes*, it
            answers what ``--yes`` answers.
    """
    if file is None:
        return Answers()
    answers = {name: _answer(file, name, said, targets) for name, said in _document(file).items()}
    both = [name for name in ("confirm_deploy", "confirm_rollback") if yes and name in answers]
    if both:
        raise UsageProblem(f"--answers {file}: {both[0]} is answered by --yes already: leave one of the two out")
    if DEPLOY_TARGET_NAME in answers:
        answers.setdefault(DEPLOY_TARGET.decision_id, Ahead("specific", answers[DEPLOY_TARGET_NAME].reason))
    return Answers(answers)


def _document(file: str) -> dict[str, Any]:
    try:
        with Path(file).open("rb") as opened:
            text = opened.read(LONGEST + 1)
    except OSError as error:
        raise UsageProblem(f"--answers {file}: {error.strerror or error}") from error
    if len(text) > LONGEST:
        raise UsageProblem(f"--answers {file}: longer than {LONGEST} bytes")
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UsageProblem(f"--answers {file}: no JSON object: {error}") from error
    if not isinstance(found, dict):
        raise UsageProblem(f'--answers {file}: expected an object like {{"confirm_deploy": "proceed"}}')
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!a} stands there twice")
    return dict(pairs)


def _answer(file: str, name: str, said: Any, targets: Sequence[str]) -> Ahead:
    where = f"--answers {file}: {name!a}" if not name.isprintable() else f"--answers {file}: {name}"
    known: Collection[str] = (*QUESTIONS, DEPLOY_TARGET_NAME, ROLLBACK_VERSION)
    if name not in known:
        raise UsageProblem(f"{where}: there is no such decision. Known are {', '.join(known)}")
    fields = said if isinstance(said, dict) else {"answer": said}
    answer, reason = fields.get("answer"), fields.get("reason", "")
    if not isinstance(answer, str) or not isinstance(reason, str) or set(fields) - {"answer", "reason"}:
        raise UsageProblem(f'{where}: expected an option, or {{"answer": ..., "reason": ...}}')
    try:
        checked = _checked(name, one_line(answer), targets)
        return Ahead(checked, one_line(reason) if reason else "")
    except (click.BadParameter, UsageProblem) as problem:
        raise UsageProblem(f"{where}: {problem}") from problem


def _checked(name: str, answer: str, targets: Sequence[str]) -> str:
    if name == ROLLBACK_VERSION:
        return answer  # which versions there are is known when it is asked
    question = which_target(targets) if name == DEPLOY_TARGET_NAME else QUESTIONS[name]
    return question.check(answer)
