"""All read models together: a rebuild gives what the appends gave, and rows agree with the aggregate, for any legal history."""

import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.reading import open_read_only
from eventstore.sqlite import SqliteEventStore
from orchestrator.domain.events import DeploymentContinued, DeploymentPaused
from orchestrator.domain.lifecycle import State, Trigger, allowed
from orchestrator.domain.questions import CONFIRM_DEPLOY, STEP_OUTCOME
from orchestrator.projections import deployments
from orchestrator.projections.registry import READ_MODELS, inline
from tests.quick import part
from tests.unit.orchestrator.histories import Clock, Story, World

Tables = dict[str, list[tuple[Any, ...]]]


def test_the_names_that_readers_check_are_those_of_the_folds() -> None:
    assert tuple((projection.name, projection.version) for projection in inline()) == READ_MODELS


def test_a_store_on_disc_has_them_and_can_be_read_without_the_folds(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "events.db"
    world = World(SqliteEventStore(f"sqlite:///{path}", projections=inline(), now=clock), clock)
    story = world.deployment().to_verified()

    reader = open_read_only(str(path), READ_MODELS)
    assert [row.id for row in deployments.newest(reader, limit=5)] == [story.id]


def test_reading_does_not_import_the_folds_nor_the_lifecycle() -> None:
    heavy = ["deployments_fold", "metrics_fold", "orchestrator.domain.lifecycle", "transitions", "sqlalchemy", "pathlib"]
    script = (
        "import sys; from orchestrator.projections import deployments, registry; "
        f"print([name for name in sys.modules if any(part in name for part in {heavy})])"
    )

    ended = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path}; {script}"], capture_output=True, text=True, check=False
    )
    assert ended.stdout.strip() == "[]", ended.stderr


# Which deployment, and which of the things that can happen to it next: every list of numbers is a legal history.
histories = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 99)), min_size=40, max_size=90)


@settings(max_examples=part(80), deadline=None)
@given(histories)
def test_a_rebuild_gives_what_the_appends_gave(choices: list[tuple[int, int]]) -> None:
    world = World()
    play(world, choices)
    kept = tables(world)

    world.store.rebuild()
    assert tables(world) == kept
    for projection in inline():
        world.store.rebuild(projection.name)
        assert tables(world) == kept, projection.name


@settings(max_examples=part(80), deadline=None)
@given(histories)
def test_a_row_says_what_the_aggregate_says(choices: list[tuple[int, int]]) -> None:
    world = World()
    for story in play(world, choices):
        (row,) = deployments.get(world.store, story.id)
        whole = story.deployment
        running = whole.running_step

        assert (row.state, row.target, row.dry_run) == (whole.state, whole.target, whole.dry_run)
        assert (row.requested_at, row.started_at, row.finished_at) == (whole.requested_at, whole.started_at, whole.finished_at)
        assert row.updated_at >= row.requested_at
        assert (row.effect, row.interrupted_by is None) == (whole.effect, whole.interrupted is None)
        assert row.touched_live == (whole.forward is not None and whole.forward.touched_live)
        assert row.decision_id == (whole.open_decision.decision_id if whole.open_decision else None)
        if whole.aborted is None:  # the aggregate goes on to say that a step was left in doubt
            assert row.step == (running.step.name if running else None)


def play(world: World, choices: list[tuple[int, int]]) -> list[Story]:
    """Three deployments in two slots, driven by *choices*."""
    stories = [
        world.deployment(version="1.0.0"),
        world.deployment(version="1.1.0", target="api", mode=None),
        world.deployment(version="1.2.0", environment="staging"),
    ]
    for which, choice in choices:
        if which == 2 and choice % 7 == 0:
            stories[2] = world.deployment(version=f"2.{choice}.0", mode="dry_run" if choice % 2 else "deploy")
            stories.append(stories[2])
        elif which == 1 and choice % 11 == 0:
            world.take_in({"version": "0.1", "timestamp": ["2026-01-01T00:00:00Z", "soon"][choice % 2]})
        else:
            advance(stories[which], choice)
    return stories


def advance(story: Story, choice: int) -> None:
    """One more thing that can happen to *story* now."""
    world, whole = story.world, story.deployment
    if story.guard and world.store.version(story.guard.stream) != story.guard.version:
        story.guard = None  # another one has taken the slot over
    triggers = [trigger for trigger in allowed(whole.state) if trigger is not Trigger.ABORT or choice % 10 == 3]
    possible: list[Any] = [action for trigger in triggers for action in _by_trigger(story, trigger)]
    if whole.state is State.REQUESTED:
        possible += [story.ask, lambda: story.choose(mode="deploy")]
    if whole.state is State.PREPARED:
        possible.append(lambda: story.ask(CONFIRM_DEPLOY))
    if whole.state in {State.EXECUTING, State.ROLLING_BACK}:
        possible += [_step(story, choice)] * 4
        possible += [story.interrupt, story.resume]
    if whole.state is State.EXECUTING and whole.running_step:
        possible.append(lambda: story.ask(STEP_OUTCOME))
    if story.guard and not whole.running_step and whole.state not in {State.EXECUTING, State.ROLLING_BACK}:
        possible.append(story.release_slot)
    if possible:
        possible[choice % len(possible)]()
    world.clock.wait(milliseconds=choice * 37)


def _step(story: Story, choice: int) -> Any:
    """Start the next step of the running phase, or end the one that runs."""
    whole = story.deployment
    execution = whole.backward if whole.state is State.ROLLING_BACK else whole.forward
    phase = "rollback" if whole.state is State.ROLLING_BACK else "deploy"
    running = execution.in_doubt if execution else None
    if running is not None:
        name, attempt = running.step.name, running.attempt
        if choice % 5 == 0:
            return lambda: story.fail_step(name, phase, attempt)
        # While somebody is asked whether it was done, only the target's own answer can end it.
        found = whole.open_decision is not None or choice % 9 == 0
        return lambda: story.finish(name, phase, attempt, duration_ms=choice * 100, found=found)
    upcoming = execution.next if execution else None
    if upcoming is None or upcoming.error is not None:
        return story.interrupt
    return lambda: story.start(upcoming.step.name, phase, upcoming.attempt + 1)


def _by_trigger(story: Story, trigger: Trigger) -> list[Any]:
    whole = story.deployment
    dry = whole.dry_run
    release = story.release
    ways: dict[Trigger, list[Any]] = {
        Trigger.PREPARE: [story.prepare] * 3 if whole.mode else [],
        Trigger.SIMULATE: [story.simulate, lambda: story.simulate(success=False)] if dry else [],
        Trigger.CONFIRM: [] if dry else [story.confirm] * 3,
        Trigger.EXECUTE: [story.execute] * 3,
        Trigger.DEPLOY: [] if whole.running_step else [story.deploy] * 2,
        Trigger.VERIFY: [story.verify] * 3,
        Trigger.DOUBT: [story.doubt],
        Trigger.FAIL: [] if whole.running_step else [story.fail] * 2,
        Trigger.PAUSE: [] if whole.running_step else [lambda: story.record(DeploymentPaused(reason="canary"))],
        Trigger.CONTINUE: [lambda: story.record(DeploymentContinued(by="ann@ci-7"))],
        Trigger.ROLL_BACK: [lambda: story.start_back(release)] if whole.plan and not dry else [],
        Trigger.RESTORE: [] if whole.running_step else [story.restore] * 2,
        Trigger.FAIL_ROLLBACK: [] if whole.running_step else [story.fail_back],
        Trigger.ABORT: [story.abort],
    }
    return ways.get(trigger, [])


def tables(world: World) -> Tables:
    """Every row of every read model."""
    return {
        table.name: sorted(world.store.query(f"SELECT * FROM {table.name}"), key=repr)  # noqa: S608
        for projection in inline()
        for table in projection.tables
    }


def test_the_histories_used_here_reach_every_state() -> None:
    missing = set(State)
    for seed in range(60):
        random = Random(seed)  # noqa: S311 - nothing secret
        missing -= {
            story.deployment.state for story in play(World(), [(random.randrange(3), random.randrange(100)) for _ in range(90)])
        }
        if not missing:
            break

    assert not missing
