"""The one table of transitions: every pair has an edge or a typed refusal, and nothing is a dead end."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from orchestrator.domain.errors import IllegalTransition
from orchestrator.domain.events import EVENTS
from orchestrator.domain.lifecycle import EDGES, ENDED, UNDER_WAY, State, Trigger, allowed, table, target_of
from orchestrator.rendering import lifecycle_doc

PAGE = Path(__file__).parents[4] / "docs" / "lifecycle.md"
WRITTEN = {(source, trigger): target for trigger, sources, target, _ in EDGES for source in sources}


@pytest.mark.parametrize(("state", "trigger"), list(itertools.product(State, Trigger)))
def test_every_pair_has_an_edge_or_a_typed_refusal(state: State, trigger: Trigger) -> None:
    if (state, trigger) in WRITTEN:
        assert target_of("deploy-1", state, trigger) is WRITTEN[state, trigger]
        return

    with pytest.raises(IllegalTransition, match=f"deploy-1 is {state}: cannot {trigger.replace('_', ' ')}") as refused:
        target_of("deploy-1", state, trigger)

    assert (refused.value.state, refused.value.trigger, refused.value.rule) == (state, trigger, "state")


def test_the_machine_has_exactly_the_edges_that_are_written() -> None:
    assert table() == WRITTEN


def test_no_pair_is_written_twice() -> None:
    pairs = [(source, trigger) for trigger, sources, _, _ in EDGES for source in sources]

    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("state", State)
def test_every_state_is_reachable_from_the_first_one(state: State) -> None:
    assert state in _reachable(State.REQUESTED)


@pytest.mark.parametrize("state", [state for state in State if state not in ENDED])
def test_an_end_is_reachable_from_every_state_that_is_none(state: State) -> None:
    assert _reachable(state) & ENDED


def test_a_refusal_names_what_is_allowed_instead() -> None:
    with pytest.raises(IllegalTransition, match="From here: simulate, confirm, abort"):
        target_of("deploy-1", State.PREPARED, Trigger.EXECUTE)


def test_a_refusal_says_that_it_has_ended_where_nothing_leads_on() -> None:
    with pytest.raises(IllegalTransition, match="It has ended"):
        target_of("deploy-1", State.SIMULATED, Trigger.EXECUTE)


def test_allowed_triggers_stand_in_the_order_of_the_table() -> None:
    assert allowed(State.FAILED) == [Trigger.ROLL_BACK, Trigger.ABORT]


def test_a_state_is_under_way_or_ended_or_before_execution() -> None:
    assert not UNDER_WAY & ENDED
    assert set(State) - UNDER_WAY - ENDED == {State.REQUESTED, State.PREPARED, State.CONFIRMED}


def test_every_trigger_is_an_event_of_its_own() -> None:
    triggers = [event.trigger for event in EVENTS.values() if event.trigger is not None]

    assert sorted(triggers) == sorted(Trigger)


def test_the_published_page_is_current() -> None:
    published = PAGE.read_text(encoding="utf-8")

    assert published == lifecycle_doc.document(), "run: python -m orchestrator.rendering.lifecycle_doc --write docs/lifecycle.md"


def test_the_page_has_every_edge_in_its_diagram_and_in_its_table() -> None:
    page = lifecycle_doc.document()

    for (source, trigger), target in WRITTEN.items():
        assert f"    {source} --> {target}: {trigger}\n" in page
        assert f"| {source} | {trigger} | {target} | " in page


def _reachable(state: State) -> set[State]:
    found, ahead = {state}, [state]
    while ahead:
        here = ahead.pop()
        new = {target for (source, _), target in table().items() if source is here} - found
        found |= new
        ahead += new
    return found
