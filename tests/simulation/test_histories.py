"""Random histories of several processes over one store, in which everything goes wrong that can.

Each comes from one seed. A failure prints its seed and who did what; ``POP_DEPLOY_SIMULATION_SEED=SEED pytest tests/simulation``
plays that history alone, ``-s`` also shows one that does not fail. ``POP_DEPLOY_SIMULATION_HISTORIES`` says how many to play,
``POP_DEPLOY_SIMULATION_FIRST`` from which seed on. What goes wrong is in `faults.py`, what must hold all the same in
`invariants.py`, and a history as a whole in `history.py`: start there.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.quick import part
from tests.simulation.history import SEED, in_a_file, played

HISTORIES = int(os.environ.get("POP_DEPLOY_SIMULATION_HISTORIES", "600"))
FIRST = int(os.environ.get("POP_DEPLOY_SIMULATION_FIRST", "0"))
BATCH = 100
SOME = 60
ONE = os.environ.get(SEED)


def _batches() -> list[range]:
    if ONE is not None:
        return [range(int(ONE), int(ONE) + 1)]
    end = FIRST + HISTORIES
    return [range(first, min(first + BATCH, end)) for first in range(FIRST, end, BATCH)]


@pytest.mark.simulation
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seeds", _batches(), ids=lambda seeds: f"from-{seeds.start}")
def test_whatever_happens_the_record_is_true(seeds: range, tmp_path: Path) -> None:
    counted = Counter[str]()
    for seed in seeds:
        history = played(seed, tmp_path / f"{seed}.db" if in_a_file(seed) else None)
        counted.update(events=history.events, effects=history.effects, deaths=history.deaths)
    if ONE is not None:
        print(history.trace)

    assert len(seeds) < BATCH or min(counted["events"], counted["effects"], counted["deaths"]) > 0, "nothing happens any more"


def test_some_histories(tmp_path: Path) -> None:
    """The few that every check plays: others than the thousands."""
    for seed in range(10**9, 10**9 + part(SOME)):
        played(seed)


def test_a_seed_gives_the_same_history_again() -> None:
    once, again = played(76), played(76)

    assert once.trace.count("\n") > 20
    assert once == again
