"""The simulation can fail: a mistake that is put into the product on purpose is found within a few hundred histories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import eventstore.memory
from eventstore.appending import check_versions
from orchestrator.cli import errors
from orchestrator.projections import releases
from orchestrator.services import rollback, settling, slot
from orchestrator.targets.base import Answer, Observation
from tests.simulation.history import HistoryFailed, played

pytestmark = pytest.mark.simulation

HISTORIES = 2000
"""At most, from the first seed on: a few where nothing else has changed since it was chosen."""
Break = Callable[[pytest.MonkeyPatch], None]


def no_guard(patch: pytest.MonkeyPatch) -> None:
    """An append of somebody who was replaced is taken."""
    patch.setattr(
        eventstore.memory,
        "check_versions",
        lambda store, stream, version, _guard, kept: check_versions(store, stream, version, None, kept),
    )


def no_probe(patch: pytest.MonkeyPatch) -> None:
    """Whoever resumes makes the step in doubt again without asking."""
    patch.setattr(settling, "_ask", lambda *_: Observation(Answer.NOT_DONE, "not asked"))


def newest_instead_of_verified(patch: pytest.MonkeyPatch) -> None:
    """The way back leads to what was deployed last."""
    patch.setattr("orchestrator.services.planning.releases.reference", releases.live)


def back_to_the_same(patch: pytest.MonkeyPatch) -> None:
    """What failed is replaced by what failed."""
    patch.setattr(rollback, "same_release", lambda _one, _other: False)


def nobody_is_asked_who_has_the_slot(patch: pytest.MonkeyPatch) -> None:
    """The claim of a dead process counts for nothing."""
    patch.setattr(slot, "_refuse_claimed", _whoever)


def _whoever(workspace: Any, journal: Any, of: Any) -> Any:
    return slot.claimant(workspace, of), None


def stale_takeover(patch: pytest.MonkeyPatch) -> None:
    """A process takes the slot for a deployment that somebody else has finished meanwhile."""
    patch.setattr(slot, "_refuse_overtaken", lambda *_given, **_options: None)
    refuse = slot._refuse_claimed
    patch.setattr(slot, "_refuse_claimed", lambda *given: (refuse(*given)[0], None))


def doubt_forgotten(patch: pytest.MonkeyPatch) -> None:
    """After a failure the old release is still said to be live."""
    patch.setattr(releases, "_doubt_live", lambda *_: None)


def children_left_alone(patch: pytest.MonkeyPatch) -> None:
    """Whoever aborts does not stop what is still at work."""
    patch.setattr("orchestrator.services.abort.stop_leftovers", lambda *_: None)


def zero_after_a_rollback(patch: pytest.MonkeyPatch) -> None:
    """The exit code of other tools."""
    patch.setattr(errors, "_STATES", {})


@pytest.mark.parametrize(
    ("mistake", "first", "said"),
    [
        (no_guard, 30, "has the slot|in memory is another state|took it"),
        (no_probe, 0, "made twice"),
        (newest_instead_of_verified, 80, "was never verified"),
        (back_to_the_same, 240, "leads to what is being left"),
        (nobody_is_asked_who_has_the_slot, 0, "took it from .*, which is under way"),
        (stale_takeover, 90, "left it claimed by|took it from .*, which is under way"),
        (doubt_forgotten, 85, "recorded as live is"),
        (children_left_alone, 455, "is still at work"),
        (zero_after_a_rollback, 0, "exit code 0, and"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_finds(mistake: Break, first: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mistake(monkeypatch)

    with pytest.raises(HistoryFailed, match=said) as found:
        for seed in range(first, first + HISTORIES):
            played(seed)

    assert "POP_DEPLOY_SIMULATION_SEED=" in str(found.value)
