"""Kill a real process before, after and a moment after every append; resume in a new one; the end is an undisturbed run's.

Each scenario is run once undisturbed to learn its appends, then once for every point. After the kill, `recover` does what a person
would: `resume`, or, where nothing had begun yet, the same command again. Then the end state, deploy.json, what is live and the
number of effects are compared. The number of points is printed, and a step kind without a point fails the suite.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.domain.lifecycle import UNDER_WAY
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.world import Ran, World

SIDES = ("before", "after", "during")


@pytest.mark.crash
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_kill_converges_to_the_undisturbed_end(
    scenario: Scenario, side: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario.require(request)
    count, expected = undisturbed(scenario, tmp_path / "undisturbed")
    points = 0
    for number in range(1, count + 1):
        world = fresh(scenario, tmp_path / f"{side}-{number}")
        killed = world.run(*scenario.words, point=f"{side}:{number}")
        if side != "during":
            assert killed.killed, f"{side}:{number} did not kill: {killed.output}"
        recover(world, scenario, killed)

        assert scenario.outcome(world) == expected, f"{scenario.name} {side}:{number}\n{killed.output}"
        assert world.claims() == []
        points += 1
        scenario.clean(world)
        shutil.rmtree(world.root)
    with capsys.disabled():
        print(f"\ncrash points: {scenario.name} {side}: {points}")


def undisturbed(scenario: Scenario, root: Path) -> tuple[int, object]:
    """Number of appends, and the end that every other run must come to."""
    world = fresh(scenario, root)
    done = world.run(*scenario.words)
    assert done.code == scenario.code, done.output
    outcome, count = scenario.outcome(world), len(world.appends())
    scenario.clean(world)
    return count, outcome


def fresh(scenario: Scenario, root: Path) -> World:
    world = World(root)
    world.project.mkdir(parents=True)
    scenario.prepare(world)
    world.forget_appends()
    return world


def recover(world: World, scenario: Scenario, killed: Ran) -> None:
    """What a person would do, at most a few times: nothing may be left under way."""
    if not killed.killed:
        return
    command = next_command(world, scenario)
    while command is not None:
        done = world.run(*command)
        assert done.code in (scenario.code, 0, 6), f"{command}: {done.code}\n{done.output}"
        following = next_command(world, scenario)
        assert following != command, f"{command} leads nowhere: {done.output}"
        command = following


def next_command(world: World, scenario: Scenario) -> tuple[str, ...] | None:
    """`resume` what is under way, go on with what was only requested, or begin again where nothing is on record."""
    begun = world.deployments()[scenario.before :] if (world.data / "events.db").exists() else []
    if not begun:
        return scenario.words
    last = begun[-1]
    if last.under_way:
        return ("resume", last.id)
    if scenario.words[0] == "rollback":
        return scenario.words if last.state not in {*UNDER_WAY, "rolled_back"} else settle_file(world, last.id)
    if last.state in {"requested", "prepared", "confirmed"}:
        return ("execute", last.id, "--yes")
    return settle_file(world, last.id)


def settle_file(world: World, deployment_id: str) -> tuple[str, ...] | None:
    """The deployment has ended; if its process died before it could write deploy.json or free the slot, the next command does."""
    store_says_done = world.claims() == [] and world.history_is_current()
    return None if store_says_done else ("resume", deployment_id)


Check = Callable[[World], None]
