"""The `fake` target does what its script says, and counts what it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.domain.errors import CanaryUnsupported
from orchestrator.domain.plan import Mode, Release
from orchestrator.targets.base import Answer, CheckStatus, StepError
from orchestrator.targets.fake import FakeStep
from tests.unit.orchestrator.targets.fake_world import Fake
from tests.unit.orchestrator.targets.local_world import ID, numbered, request


def test_makes_as_many_steps_as_it_is_told(tmp_path: Path) -> None:
    fake = Fake(tmp_path, steps=2)

    fake.run()

    assert [(step.name, step.title, step.live) for step in fake.plan.steps] == [
        ("step-1", "Step 1", False),
        ("step-2", "Step 2", True),
    ]
    assert (tmp_path / "world" / "effects.log").read_text() == f"{ID} step-1 1\n{ID} step-2 1\n"


def test_follows_a_script_step_by_step(tmp_path: Path) -> None:
    script = (
        FakeStep(name="push", child=True),
        FakeStep(name="publish", title="Publishing", live=True),
        FakeStep(name="wait", effect=False),
        FakeStep(name="look", effect=False, child=True),
        FakeStep(name="tidy", repeatable=True),
    )
    fake = Fake(tmp_path, steps=script)

    fake.run()

    assert [(step.title, step.live, step.effect, step.repeatable) for step in fake.plan.steps] == [
        ("Push", False, True, False),
        ("Publishing", True, True, False),
        ("Wait", False, False, False),
        ("Look", False, False, False),
        ("Tidy", False, True, True),
    ]
    assert fake.plan.step("push").command == ("fake-child", "push")
    assert fake.effects == ["push 1", "publish 1", "tidy 1"]


@pytest.mark.parametrize("child", [False, True])
def test_makes_the_release_live_with_the_last_step(tmp_path: Path, child: bool) -> None:
    fake = Fake(tmp_path, steps=2, child=child)
    fake.apply("step-1")
    before = fake.target.observe()

    fake.apply("step-2")

    assert before is None
    assert fake.target.observe() == fake.target.release(fake.plan, ID, {})


def test_counts_every_effect_of_every_attempt(tmp_path: Path) -> None:
    fake = Fake(tmp_path)

    fake.apply("step-1")
    data = fake.apply("step-1", attempt=2)

    assert fake.effects == ["step-1 1", "step-1 2"]
    assert fake.target.probe(fake.plan.step("step-1"), ID, {}).data == data == {"attempt": 2}


@pytest.mark.parametrize(("outcome", "made"), [("unchanged", []), ("changed", ["step-2 1"])])
@pytest.mark.parametrize("child", [False, True])
def test_fails_where_it_is_told(tmp_path: Path, outcome: str, made: list[str], child: bool) -> None:
    fake = Fake(tmp_path, fail_at="step-2", outcome=outcome, child=child)

    with pytest.raises(StepError, match=r"step-2 fails .* as its script says") as caught:
        fake.apply("step-2")
    assert fake.effects == made
    assert caught.value.effect == bool(made)


def test_cannot_tell_where_it_is_told(tmp_path: Path) -> None:
    fake = Fake(tmp_path, unknown_at="step-1")
    fake.apply("step-1")
    fake.apply("step-2")

    answers = [fake.target.probe(step, ID, {}).answer for step in fake.plan.steps]

    assert answers == [Answer.UNKNOWN, Answer.DONE, Answer.NOT_DONE]


def verdicts(fake: Fake) -> set[CheckStatus]:
    return {check.status for check in fake.target.verify(fake.plan, ID, {})}


def test_verifies_as_it_is_told(tmp_path: Path) -> None:
    good, bad, worse = (Fake(tmp_path, **config) for config in ({}, {"verify": "fail"}, {"bad_versions": ("1.0.0",)}))
    good.run()

    assert (verdicts(good), verdicts(bad), verdicts(worse)) == ({CheckStatus.PASS}, {CheckStatus.FAIL}, {CheckStatus.FAIL})


def test_notices_that_another_release_is_live(tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    fake.run()

    fake.run(deployment_id=numbered(2))

    assert verdicts(fake) == {CheckStatus.FAIL}


def test_fails_in_the_rollback_where_it_is_told(tmp_path: Path) -> None:
    fake = Fake(tmp_path, fail_at="restore")
    back = fake.target.rollback(fake.plan, Release(version="0.9.0", deployment_id=numbered(1)))

    with pytest.raises(StepError):
        fake.run(back)
    assert [step.title for step in back.steps] == ["Restoring 0.9.0"]


def test_the_restore_of_an_earlier_rollback_is_not_taken_for_this_one(tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    fake.run()
    first, second = (fake.target.rollback(fake.plan, Release(version=v, deployment_id=numbered(int(v)))) for v in "12")
    fake.run(first)

    before = [fake.target.probe(plan.step("restore"), ID, {}).answer for plan in (first, second)]
    fake.run(second)
    after = [fake.target.probe(plan.step("restore"), ID, {}).answer for plan in (first, second)]

    assert (before, after) == ([Answer.DONE, Answer.NOT_DONE], [Answer.NOT_DONE, Answer.DONE])


def test_has_a_canary_when_it_is_told(tmp_path: Path) -> None:
    able, unable = Fake(tmp_path, supports_canary=True), Fake(tmp_path)
    canary = replace(request(), mode=Mode.CANARY)

    plan = able.target.plan(canary)

    assert (plan.mode, able.target.supports_canary, unable.target.supports_canary) == (Mode.CANARY, True, False)
    with pytest.raises(CanaryUnsupported):
        unable.target.plan(canary)


def test_finds_a_world_that_it_could_not_make(tmp_path: Path) -> None:
    (tmp_path / "world").write_text("a file")
    fake = Fake(tmp_path)

    assert [check.status for check in fake.target.preflight(fake.plan)] == [CheckStatus.FAIL]


def test_shows_the_last_effects(tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    fake.run()

    assert fake.target.diagnostics() == [f"{ID} step-1 1", f"{ID} step-2 1", f"{ID} step-3 1"]


KILLED = """
import sys
from pathlib import Path
from tests.unit.orchestrator.targets.fake_world import Fake
fake = Fake(Path(sys.argv[1]), child=sys.argv[2] == "child")
fake.run()
"""


@pytest.mark.parametrize(
    ("place", "effects", "live"), [("before", 2, False), ("mid", 2, True), ("after", 3, True), ("nowhere", 3, True)]
)
def test_kills_itself_where_it_is_told(tmp_path: Path, place: str, effects: int, live: bool) -> None:
    killed = run_killed(tmp_path, "in-process", f"step-3:{place}")
    fake = Fake(tmp_path)

    assert killed == (0 if place == "nowhere" else -signal.SIGKILL)
    assert len(fake.effects) == effects
    assert (fake.target.observe() is not None) == live
    assert fake.target.probe(fake.plan.step("step-3"), ID, {}).answer is (Answer.DONE if effects == 3 else Answer.NOT_DONE)


def test_leaves_a_child_at_work_when_it_kills_itself_in_the_middle(tmp_path: Path) -> None:
    killed = run_killed(tmp_path, "child", "step-2:mid")
    fake, deadline = Fake(tmp_path), time.monotonic() + 5
    while len(fake.effects) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)  # the end of another process's child is no event for us

    assert killed == -signal.SIGKILL
    assert fake.effects == ["step-1 1", "step-2 1"]


def run_killed(root: Path, how: str, where: str) -> int:
    """Exit code of a deployment that was told to kill itself."""
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "POP_DEPLOY_FAKE_KILL": where}
    return subprocess.run([sys.executable, "-c", KILLED, str(root), how], env=environment, check=False).returncode
