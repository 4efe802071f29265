"""One line per kind, and nothing imported before it is needed."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.config.convert import fields_of
from orchestrator.domain.errors import Refused, UsageProblem
from orchestrator.targets import registry
from orchestrator.targets.registry import KINDS, Kind, NotDeployable, UnknownKind

SETTINGS = SimpleNamespace(adopt=True)


@dataclasses.dataclass
class RecordingTarget:
    config: Any
    tools: Any
    adopt: bool


def test_importing_the_registry_imports_no_kind() -> None:
    code = "import sys, json, orchestrator.targets.registry; print(json.dumps([m for m in sys.modules if '.targets.' in m]))"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})

    assert json.loads(result.stdout) == ["orchestrator.targets.registry"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_configuration_that_can_be_read(kind: str) -> None:
    found = registry.config_type(kind)

    assert found is not None
    assert not dataclasses.is_dataclass(found) or isinstance(dict(fields_of(found)), dict)


@pytest.mark.parametrize("kind", registry.deployable())
def test_every_target_says_of_itself_what_its_line_says(kind: str) -> None:
    factory = registry._load(cast("str", KINDS[kind].factory))

    assert factory.kind == kind
    assert registry.supports_canary(kind) or not factory.supports_canary


def test_all_configuration_classes_are_given_by_kind() -> None:
    assert registry.config_types() == {kind: registry.config_type(kind) for kind in KINDS}


def test_there_is_no_configuration_class_of_an_unknown_kind() -> None:
    assert registry.config_type("unheard-of") is None


def test_makes_a_target_from_its_config_tools_and_adopt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "recording", Kind("recording", "", f"{__name__}:RecordingTarget"))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[RecordingTarget.__module__])

    target = registry.create("recording", "config", SETTINGS, cast("Any", "tools"))

    assert target == RecordingTarget("config", "tools", adopt=True)


def test_refuses_to_make_what_can_only_be_configured() -> None:
    with pytest.raises(NotDeployable) as caught:
        registry.create("npm", object(), SETTINGS, cast("Any", None))

    assert str(caught.value) == (
        "npm: targets of this kind can be configured but not deployed yet. "
        "Can be deployed: local, docker, swarm, kubernetes, fake"
    )
    assert isinstance(caught.value, Refused)
    assert caught.value.rule == "kind"


def test_refuses_an_unknown_kind() -> None:
    with pytest.raises(UnknownKind, match=r'"npn" is no kind of target; there are: local, docker, swarm') as caught:
        registry.create("npn", object(), SETTINGS, cast("Any", None))

    assert isinstance(caught.value, UsageProblem)


@pytest.mark.parametrize(("kind", "expected"), [("swarm", True), ("kubernetes", True), ("docker", False), ("local", False)])
def test_says_which_kinds_have_a_canary(kind: str, expected: bool) -> None:
    assert registry.supports_canary(kind) is expected


def test_every_kind_is_listed_under_its_own_name() -> None:
    assert all(name == kind.name for name, kind in KINDS.items())
