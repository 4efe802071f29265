"""What a configuration class may be made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from orchestrator.config.convert import Converter, fields_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    number: int
    derived: int = field(init=False, default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    items: Sequence[int] = ()
    by_name: Mapping[str, Inner] = field(default_factory=dict)
    anything: Any = None
    either: bool | int | None = None
    level: Literal[1, 2] | None = None
    lists: tuple[tuple[str, ...], ...] = ()
    free: dict[str, Any] = field(default_factory=dict)
    ratio: float = field(default=0.5, metadata={"minimum": 0})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    path: Path


def read(value: Any) -> tuple[Outer | None, list[str]]:
    converter = Converter()
    result = converter.read(value, Outer, ("t",))
    return result, [str(problem) for problem in converter.problems]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, Outer()),
        ({"items": [1, 2]}, Outer(items=(1, 2))),
        ({"by_name": {"a b": {"number": 1}}}, Outer(by_name={"a b": Inner(number=1)})),
        ({"anything": [None, {"a": 1.5}]}, Outer(anything=[None, {"a": 1.5}])),
        ({"either": True}, Outer(either=True)),
        ({"either": 7}, Outer(either=7)),
        ({"level": 2}, Outer(level=2)),
        ({"lists": [["a"], ["b", ""]]}, Outer(lists=(("a",), ("b", "")))),
        ({"free": {"x\ny": [[]]}}, Outer(free={"x\ny": [[]]})),
        ({"ratio": 1}, Outer(ratio=1.0)),
    ],
)
def test_makes_dataclasses_from_json(value: Any, expected: Outer) -> None:
    assert read(value) == (expected, [])


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ([], ["t: expected an object, got an empty list"]),
        ({"items": [1, "2", True]},
         ['t.items[1]: expected a whole number, got "2"', "t.items[2]: expected a whole number, got true"]),
        ({"by_name": {"a": {"number": None}, "b": {}}},
         ["t.by_name.a.number: expected a whole number, got null", "t.by_name.b.number: expected a whole number, got nothing"]),
        ({"by_name": {"a": {"number": 1, "derived": 1}}}, ["t.by_name.a.derived: unknown key; known here: number"]),
        ({"either": 1.5}, ["t.either: expected true or false or a whole number, got 1.5"]),
        ({"level": True}, ["t.level: expected one of 1, 2, got true"]),
        ({"level": 3}, ["t.level: expected one of 1, 2, got 3"]),
        ({"ratio": -0.5}, ["t.ratio: expected a number of at least 0, got -0.5"]),
        ({"ratio": None}, ["t.ratio: expected a number, got null"]),
    ],
)  # fmt: skip
def test_says_everything_that_is_wrong(value: Any, problems: list[str]) -> None:
    assert read(value) == (None, problems)


def test_knows_fields_by_their_names_in_json_in_order() -> None:
    assert list(fields_of(Inner)) == ["number"]
    assert fields_of(Inner)["number"].required


def test_a_field_that_json_cannot_fill_is_a_mistake_in_the_program() -> None:
    with pytest.raises(TypeError, match="a configuration class cannot have a field of"):
        Converter().read({"path": "x"}, Unreadable, ())
