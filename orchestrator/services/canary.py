"""Watching a canary: `watch` takes samples, records them, and does what the judge says of those on record, or what a person says.

It is a step like any other, and it changes nothing at the target. Whoever resumes it goes on with the samples that are there.
The judge is `targets/canary.py`; the samples are taken by `canary_samples.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from orchestrator.domain import events as e
from orchestrator.domain.canary_events import CanarySampled
from orchestrator.domain.errors import AbortAsked, Interrupted
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import CANARY_WEIGHT
from orchestrator.domain.questions import ABORT, CANARY_PAUSE
from orchestrator.services.canary_samples import Sampling
from orchestrator.services.decide import take_over
from orchestrator.services.decisions import something_given
from orchestrator.services.road import Road
from orchestrator.services.step_run import Attempt
from orchestrator.targets.base import StepError, StepOutcome
from orchestrator.targets.canary import CanaryTarget, Judgement, Ruling, Sample, Verdict, judge, watched_s
from orchestrator.targets.canary_plans import checks_of

LOOK_S = 0.1
"""Between two looks at what was measured and at what others have answered."""
BATCH_S = 5.0
"""So long a sample that decides nothing may wait for others to be recorded with it."""


def watch(road: Road, run: Attempt) -> StepOutcome:
    """Watch until the step's time is up and every check has what it needs, or until somebody says to go on.

    Raises:
        StepError: The judge says that it failed, or its deadline has passed.
        AbortAsked: Somebody has given the deployment up meanwhile; that is on record.
        Interrupted, SlotLost: `resume` goes on with what is recorded.
    """
    return _Watch(road, run).run()


class _Watch:
    def __init__(self, road: Road, run: Attempt) -> None:
        self._road, self._run = road, run
        self._journal, self._clock = road.journal, road.workspace.clock
        self._pause_s: float | None = run.step.inputs["pause_s"]
        self._checks = checks_of(run.step)
        recorded = self._journal.deployment.sampled
        self._samples = [Sample.from_json(one) for event in recorded for one in event.samples]
        earlier = [event for event in recorded if event.step == run.step.name]
        self._before_s = watched_s(
            [Sample.from_json(one) for event in earlier if event.attempt == attempt for one in event.samples]
            for attempt in range(1, run.attempt)
        )
        self._own_from = len(self._samples)
        self._recorded = len(self._samples)
        self._batch_began = self._began = self._clock.monotonic()
        self._spent_s = self._own_since = self._own_until = 0.0

    def run(self) -> StepOutcome:
        first = self._first_weight_at()
        self._began, self._spent_s = self._clock.monotonic(), self._since(first)
        target = cast("CanaryTarget", self._road.target)
        try:
            with Sampling(self._road, target, self._run, self._checks, since=first) as sampling:
                return self._watched(sampling)
        except Interrupted:
            self._flush()  # whoever resumes watches for what is left of the time only
            raise

    def _watched(self, sampling: Sampling) -> StepOutcome:
        judgement = Judgement(Ruling.WAIT, "nothing was measured yet")
        while True:
            self._obey()
            taken = sampling.take()
            if taken:
                judgement = self._judged(taken)
            if (done := self._done(judgement)) is not None:
                return done
            self._clock.sleep(LOOK_S)

    def _judged(self, taken: Sequence[Sample]) -> Judgement:
        self._own_until = self._clock.monotonic()
        if len(self._samples) == self._own_from:
            self._own_since = self._own_until
        self._samples += taken
        judgement = judge(self._checks, self._samples, pauses_from=self._journal.deployment.known_samples)
        bad = any(one.verdict is not Verdict.PASS for one in taken)
        if bad or judgement.ruling in (Ruling.FAIL, Ruling.PAUSE) or self._clock.monotonic() - self._batch_began >= BATCH_S:
            self._flush()
        self._road.workspace.narrator.output(f"{judgement.reason}\n".encode())
        for one in taken:
            if one.verdict is not Verdict.PASS:
                self._run.progress(f"{one.check}: {one.verdict.replace('_', ' ')}: {one.message}")
        return judgement

    def _done(self, judgement: Judgement) -> StepOutcome | None:
        """What ends the watch, or None. What failed comes before what a person said, and both before the time."""
        if judgement.ruling is Ruling.FAIL:
            self._flush()
            raise StepError(f"the canary failed: {judgement.reason}", effect=False)
        if (promoted := self._promoted()) is not None:
            return promoted
        if self._deadline_passed():
            deadline = f"the canary was not promoted within {self._run.step.inputs['deadline_s']:g} s (deadline_s)"
            if self._run.step.inputs["on_deadline"] == "rollback":
                self._flush()
                raise StepError(f"{deadline}: {judgement.reason}", effect=False)
            self._pause(deadline)
        elif judgement.ruling is Ruling.PAUSE:
            self._pause(judgement.reason)
        elif self._pause_s is None:
            self._pause(f"as planned; {judgement.reason}")
        elif judgement.ruling is Ruling.GOOD and self._watched_s() >= self._pause_s and self._state is State.EXECUTING:
            self._flush()
            return StepOutcome(judgement.reason, {"samples": len(self._samples)})
        return None

    def _promoted(self) -> StepOutcome | None:
        """Somebody said to go on. Not before there is something that they could have known."""
        made = self._journal.deployment.answers.get(CANARY_PAUSE.decision_id)
        if made is None or made.answer == ABORT or len(self._samples) == self._own_from:
            return None
        self._flush()
        if self._state is State.PAUSED:
            self._journal.record(e.DeploymentContinued(by=made.by, reason=made.reason))
        why = f": {made.reason}" if made.reason else ""
        return StepOutcome(f"promoted by {made.by}{why}", {"samples": len(self._samples)})

    def _pause(self, reason: str) -> None:
        if self._state is not State.EXECUTING:
            return
        self._flush()
        deployment = self._journal.deployment
        self._journal.record(
            e.DeploymentPaused(reason=reason),
            e.DecisionRequested(
                decision_id=CANARY_PAUSE.decision_id,
                question=CANARY_PAUSE.question,
                header=CANARY_PAUSE.header,
                options=[option.to_json() for option in CANARY_PAUSE.options],
                detail={"step": self._run.step.name, "reason": reason, "also": list(CANARY_PAUSE.also)},
            ),
        )
        said = f"Paused: {reason}. Next: pop-deploy promote {deployment.id}, or pop-deploy abort {deployment.id}"
        self._road.workspace.narrator.line(self._road.workspace.mask.mask(said))

    def _obey(self) -> None:
        """Take over what others have answered."""
        workspace = self._road.workspace
        if something_given(workspace, self._journal.deployment):
            self._flush()  # what was measured before is on record before it
            take_over(workspace, self._journal)
        deployment = self._journal.deployment
        if deployment.state not in (State.EXECUTING, State.PAUSED):
            raise AbortAsked(deployment.id, deployment.aborted.by if deployment.aborted is not None else "somebody")
        workspace.stop.check()

    def _flush(self) -> None:
        """Record what was measured: nothing is decided by what is not on record."""
        new = self._samples[self._recorded :]
        if new:
            samples = [one.to_json() for one in new]
            self._journal.record(CanarySampled(step=self._run.step.name, attempt=self._run.attempt, samples=samples))
        self._recorded, self._batch_began = len(self._samples), self._clock.monotonic()

    def _watched_s(self) -> float:
        """By the clock that nobody sets: a wall clock that is set back would make the pause, and the deadline, longer."""
        return self._before_s + self._own_until - self._own_since

    def _deadline_passed(self) -> bool:
        return self._spent_s + self._clock.monotonic() - self._began > float(self._run.step.inputs["deadline_s"])

    def _since(self, first: datetime) -> float:
        return max(0.0, (datetime.fromisoformat(self._clock.now()) - first).total_seconds())

    def _first_weight_at(self) -> datetime:
        records = self._road.execution.records.values()
        began = next((one.started_at for one in records if one.step.kind == CANARY_WEIGHT and one.started_at), None)
        return datetime.fromisoformat(began or self._clock.now())

    @property
    def _state(self) -> State:
        return self._journal.deployment.state
