"""Argument lists for kubectl and helm: context and namespace in each, and no value becomes an option."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.targets import kubernetes_cli as cli
from tests.architecture.test_argument_lists import HOSTILE, smuggled

PLACE = cli.Place("/etc/kubeconfig", "prod", "shop")
NO_CLUSTER = ("read_files", "kustomize", "helm_template", "contexts")


def builders() -> dict[str, Callable[..., Sequence[str]]]:
    """Every function that returns an argument list."""
    found = inspect.getmembers(cli, inspect.isfunction)
    return {
        name: each for name, each in found if not name.startswith("_") and inspect.signature(each).return_annotation == "Argv"
    }


def arguments(draw: Callable[[], str], function: Callable[..., Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        kind = str(parameter.annotation)
        values = {
            "Place": lambda: cli.Place(draw(), draw(), draw()),
            "Iterable[str]": lambda: [draw(), draw()],
            "str": draw,
            "str | None": draw,
            "int": lambda: 3,
            "bool": lambda: True,
            "Path": lambda: Path("/run/x"),
        }
        made[name] = values[kind]()
    return made


@pytest.mark.parametrize("name", builders())
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_no_value_becomes_an_option(name: str, data: st.DataObject) -> None:
    function, count = builders()[name], iter(range(1000))

    harmless = function(**arguments(lambda: f"x{next(count)}", function))
    hostile = function(**arguments(lambda: data.draw(HOSTILE) or "-", function))

    assert smuggled(harmless, hostile) == []


@pytest.mark.parametrize("name", [name for name in builders() if name not in NO_CLUSTER])
def test_the_context_and_the_namespace_are_always_named(name: str) -> None:
    function = builders()[name]

    argv = function(**{**arguments(lambda: "x", function), "place": PLACE})

    assert {"--kubeconfig=/etc/kubeconfig", "--context=prod", "--namespace=shop"} <= set(argv)


def test_what_is_applied_is_applied_as_ours() -> None:
    assert cli.apply(PLACE, Path("/run/x.json")) == (
        "kubectl", "apply", "--kubeconfig=/etc/kubeconfig", "--context=prod", "--namespace=shop", "--output=name",
        "--server-side", "--field-manager=pop-deploy", "--force-conflicts=true", "--filename=/run/x.json",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("file", "shown"),
    [("/p/a.yaml", "/p/a.yaml"), ("/p/a,x/b.yaml", '"/p/a,x/b.yaml"'), ('/p/a"b', '"/p/a""b"')],
)
def test_a_comma_in_a_files_name_begins_no_other_file(file: str, shown: str) -> None:
    assert f"--filename={shown}" in cli.read_files([file])
    assert f"--filename={shown}" in cli.apply(PLACE, Path(file))
    assert f"--values={shown}" in cli.helm_template("r", "c", [file], "n", Path("/o"))


def test_one_name_is_asked_twice_so_that_the_answer_is_a_list() -> None:
    argv = cli.get(PLACE, ["Service.v1./web"], cli.MARKS)

    assert argv[-3:] == ("--", "Service.v1./web", "Service.v1./web")
