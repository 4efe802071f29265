"""What a workflow is: `Workflow`, `WorkflowStep`, `Edge`. The workflows themselves are `workflows`.

A workflow describes; nothing is run by it. What happens is decided in `services/execute.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.domain.questions import Question

SCRIPT, DECISION, SKILL, TERMINAL = "script", "user_decision", "skill", "terminal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Where it goes on instead of ``next``. *when*: an option of a question before, or how the step ended."""

    when: str
    next: str

    def to_json(self) -> dict[str, Any]:
        return {"when": self.when, "next": self.next, "added": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowStep:
    """One step.

    Attributes:
        type: script, user_decision, skill or terminal.
        command: What `pop-deploy` does it with; of a decision, what answers it. ``ID`` is the deployment's.
        next: The step after it; of a decision None: each option has its own, in *answers*.
        options_from: What the options are, where only the project can tell.
        added: The deploy skill does not have it.
    """

    id: str
    description: str
    type: str
    command: str | None = None
    script: str | None = None
    args: str | None = None
    skill: str | None = None
    next: str | None = None
    question: Question | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    options_from: str | None = None
    edges: tuple[Edge, ...] = ()
    added: bool = False

    def to_json(self) -> dict[str, Any]:
        """The keys of the skill, then ours; a key without a value is left out."""
        named = {"script": self.script, "args": self.args, "skill": self.skill}
        ours = {"next": self.next, "command": self.command, "options_from": self.options_from}
        return {
            "id": self.id,
            "description": self.description,
            "type": self.type,
            **{key: value for key, value in named.items() if value is not None},
            **(self._asked(self.question) if self.question is not None else {}),
            **{key: value for key, value in ours.items() if value is not None},
            "edges": [edge.to_json() for edge in self.edges],
            "added": self.added,
        }

    def _asked(self, question: Question) -> dict[str, Any]:
        return {
            "question": question.question,
            "header": question.header,
            "options": [{**option.to_json(), "next": self.answers[option.id]} for option in question.options],
            "next_map": dict(self.answers),
            "decision_id": question.decision_id,
        }

    @property
    def followers(self) -> tuple[str, ...]:
        """Every step that may come after it."""
        own = (self.next,) if self.next is not None else ()
        return tuple(dict.fromkeys((*own, *self.answers.values(), *(edge.next for edge in self.edges))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """Steps in the order in which they are usually met; the first one is where it begins."""

    id: str
    name: str
    version: int
    description: str
    steps: tuple[WorkflowStep, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "steps": [step.to_json() for step in self.steps],
        }
