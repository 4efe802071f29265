"""Which function does and which probes a kind of step, for the targets that run an image: `StepTable`.

What every one of them has in common stands here: a target that does not answer makes a probe UNKNOWN, a step without evidence of
its own is done again, and what was refused before anything was touched says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.domain.paths import PathOutside
from orchestrator.domain.plan import Step
from orchestrator.targets.base import (
    Answer,
    ForeignResource,
    Observation,
    Outcomes,
    SecretMissing,
    StepError,
    StepOutcome,
    StepRun,
    Unreachable,
)

Applier = Callable[[Step, StepRun], StepOutcome]
Prober = Callable[[Step, str, Outcomes], Observation]


class StepTable:
    """What a target does with each kind of its steps.

    Args:
        appliers: By kind of step.
        probes: The same; a kind that is missing here leaves nothing that could be asked for.
    """

    def __init__(self, appliers: Mapping[str, Applier], probes: Mapping[str, Prober]) -> None:
        self._appliers, self._probes = appliers, probes

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """See `Target.probe`. A repeatable step that nobody can be asked about is done again: that is harmless."""
        if step.kind not in self._probes:
            return Observation(Answer.NOT_DONE, "leaves no evidence of its own; doing it again is harmless")
        try:
            observation = self._probes[step.kind](step, deployment_id, outcomes)
        except Unreachable as error:
            observation = Observation(Answer.UNKNOWN, str(error))
        if observation.answer is Answer.UNKNOWN and step.repeatable:
            return Observation(Answer.NOT_DONE, f"{observation.detail}\nDoing it again is harmless.")
        return observation

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        """See `Target.apply`."""
        try:
            return self._appliers[step.kind](step, run)
        except (ForeignResource, Unreachable, SecretMissing, PathOutside) as error:
            raise StepError(str(error), effect=not isinstance(error, ForeignResource | PathOutside)) from error
