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
        setattr(made, dataclasses.fields(event)[0].name, "else")


def test_an_event_is_stored_under_its_own_name() -> None:
    assert all(event.__name__ == name and issubclass(event, Event) for name, event in EVENTS.items())


def _example(event: type[Event]) -> Event:
    hints = typing.get_type_hints(event)
    return event(**{field.name: _value(hints[field.name]) for field in dataclasses.fields(event)})


def _value(hint: Any) -> Any:
    if hint in _EXAMPLES:
        return _EXAMPLES[hint]
    return [] if typing.get_origin(hint) is list else {}
