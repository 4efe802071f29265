"""Events: every one is found by its stored name, and gives back from JSON what was written."""

from __future__ import annotations

import dataclasses
import json
import typing
from typing import Any

import pytest

from orchestrator.domain.events import EVENTS, Event

_EXAMPLES: dict[Any, Any] = {str: "text", int: 3, bool: True, str | None: None, int | None: 4}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_survives_json(name: str) -> None:
    event = _example(EVENTS[name])

    again = EVENTS[name](**json.loads(json.dumps(dataclasses.asdict(event))))

    assert again == event


@pytest.mark.parametrize("event", EVENTS.values(), ids=list(EVENTS))
def test_what_has_happened_cannot_be_changed(event: type[Event]) -> None:
    made = _example(event)

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(made)[0].name, "else")


def test_an_event_is_stored_under_its_own_name() -> None:
    assert all(event.__name__ == name and issubclass(event, Event) for name, event in EVENTS.items())


def test_the_first_event_of_a_class_is_like_all_others() -> None:
    class SomethingHappened(Event):
        """A class of which there is no event yet."""

        what: str
        where: list[str] = dataclasses.field(default_factory=list)

    EVENTS.pop("SomethingHappened")

    first, second = SomethingHappened(what="a"), SomethingHappened(what="a")

    assert first == second and hash(first.what) and first.where is not second.where
    assert repr(first) == repr(second) and "what='a', where=[]" in repr(first)
    with pytest.raises(TypeError, match="nothing"):
        SomethingHappened(what="a", nothing=1)  # type: ignore[call-arg]


def _example(event: type[Event]) -> Event:
    hints = typing.get_type_hints(event)
    return event(**{name: _value(hint) for name, hint in hints.items() if typing.get_origin(hint) is not typing.ClassVar})


def _value(hint: Any) -> Any:
    if hint in _EXAMPLES:
        return _EXAMPLES[hint]
    return [] if typing.get_origin(hint) is list else {}
