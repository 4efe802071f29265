"""The target contract, applied to every kind that can be deployed to. A kind's harness is found by its name."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.targets.registry import KINDS

pytest.register_assert_rewrite("tests.contract.target_contract")

from tests.contract.harness import Harness  # noqa: E402
from tests.contract.target_contract import TargetContract  # noqa: E402

DEPLOYABLE = [kind.name for kind in KINDS.values() if kind.factory is not None]


def harness_class(kind: str) -> type[Harness]:
    """The one subclass of `Harness` for *kind* in ``harness_KIND.py``."""
    module = importlib.import_module(f"tests.contract.harness_{kind}")
    found = [value for value in vars(module).values() if isinstance(value, type) and getattr(value, "kind", None) == kind]
    return next(value for value in found if issubclass(value, Harness))


@pytest.mark.parametrize("kind", DEPLOYABLE)
def test_every_kind_that_can_be_deployed_to_has_a_harness(kind: str) -> None:
    assert (Path(__file__).parent / f"harness_{kind}.py").is_file(), f"write tests/contract/harness_{kind}.py"
    assert harness_class(kind).kind == kind


NEEDS = {"docker": pytest.mark.docker, "swarm": pytest.mark.swarm}


@pytest.mark.parametrize("harness", [pytest.param(kind, marks=NEEDS.get(kind, ())) for kind in DEPLOYABLE], indirect=True)
class TestTargets(TargetContract):
    @pytest.fixture
    def harness(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
        harness = harness_class(request.param)(tmp_path)
        yield harness
        harness.tear_down()
