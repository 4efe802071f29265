"""Whatever a user, a file or a target calls something: in an argument list it stays a value and is never taken for an option.

`BUILDERS` is every module that makes argument lists for a tool; a test looks for others. Each builder is called with harmless and
with hostile values of the same shape: both lists must have the same words wherever the tool looks for options, except behind
``--option=``. What configuration and command line refuse at once is tested there; this holds even for what they might let pass.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.adapters import git
from orchestrator.domain.settings import SecretRef
from orchestrator.targets import docker_cli
from orchestrator.targets.docker_config import DockerConfig, DockerRun
from tests.architecture.imports import sources
from tests.quick import part

TOOLS = frozenset(
    {
        "docker",
        "git",
        "kubectl",
        "helm",
        "npm",
        "npx",
        "twine",
        "gh",
        "vercel",
        "netlify",
        "ssh",
        "tar",
        "pg_dump",
        "psql",
        "sh",
        "bash",
    }
)
BUILDERS = {
    # The hostile values of all but the first and git are in the tests of these modules.
    "docker": ("orchestrator.targets.docker_cli", "orchestrator.targets.swarm_cli"),
    "git": ("orchestrator.adapters.git",),
    "kubectl": ("orchestrator.targets.kubernetes_cli", "orchestrator.validation.manifests"),
    "helm": ("orchestrator.targets.kubernetes_cli",),
}

HOSTILE_WORDS = (
    "-", "--", "-v", "-H=tcp://evil", "--help", "--privileged", "--config=/x", "--file=-", "--upload-pack=x", "-\n--x", "a\n--x",
    "a\0--x", "\x1b[2J", "", " ", " --x", "$(id)", "`id`", ";id", "https://evil/x.git", "github.com/x/y", "git@evil:x", "oci://evil",
    "@", "a@sha256:", ":", "a:b:c", "../x", "=", "a=b", "é", "\u202e", "\udcff",
)  # fmt: skip
HOSTILE = st.sampled_from(HOSTILE_WORDS) | st.text(max_size=8).map(lambda text: f"-{text}") | st.text(max_size=8)
VERBS = {"verb": ("run", "--detach")}


def builders() -> dict[str, Callable[..., Sequence[str]]]:
    """Every public function of a builder module that returns an argument list."""
    return {
        name: function
        for name, function in inspect.getmembers(docker_cli, inspect.isfunction)
        if not name.startswith("_") and inspect.signature(function).return_annotation == "Argv"
    }


def arguments(draw: Callable[[], str], function: Callable[..., Any], shape: Mapping[str, int]) -> dict[str, Any]:
    """Arguments for every parameter of *function*; *shape* says how many items each collection has."""
    made: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        kind = str(parameter.annotation)
        if name in VERBS:
            made[name] = VERBS[name]
        elif kind.startswith("Mapping"):
            keys = [f"{draw()}{number}" for number in range(shape[name])]
            made[name] = {key: SecretRef(env="X") if number % 2 else draw() for number, key in enumerate(keys)}
            if kind == "Mapping[str, str]":
                made[name] = {key: draw() for key in keys}
        elif kind.startswith("Iterable"):
            made[name] = [draw() for _ in range(shape[name])]
        elif kind in ("bool", "int"):
            made[name] = 1 if kind == "int" else bool(shape[name] % 2)
        elif kind == "Path | None":
            made[name] = Path("/run/x") if shape[name] else None
        elif kind in ("str", "str | None"):
            made[name] = draw() or ("x" if "None" in kind else "")  # "" is the same as None: no option at all
        else:
            raise AssertionError(f"{function.__name__}: {name}: a new type of parameter, {kind}: say here how it is made hostile")
    return made


def smuggled(harmless: Sequence[str], hostile: Sequence[str]) -> list[str]:
    """Words of *hostile* that a tool could take for something other than a value."""
    if len(harmless) != len(hostile):
        return [f"{len(hostile)} words instead of {len(harmless)}"]
    end = harmless.index("--") if "--" in harmless else len(harmless)
    pairs = list(zip(harmless, hostile, strict=True))[: end + 1]
    return [bad for good, bad in pairs if good != bad and not _same_option(good, bad)]


def _same_option(good: str, bad: str) -> bool:
    name = good.partition("=")[0]
    return name.startswith("--") and "=" in good and bad.startswith(f"{name}=")


def test_there_is_a_builder_for_what_is_done_with_docker() -> None:
    assert {"build", "push", "pull", "tag", "start_new", "remove", "logs", "compose_up", "compose_services"} <= set(builders())


@pytest.mark.parametrize("name", builders())
@given(data=st.data())
@settings(max_examples=part(60), deadline=None)
def test_no_value_becomes_an_option_of_docker(name: str, data: st.DataObject) -> None:
    function = builders()[name]
    shape = {parameter: data.draw(st.integers(0, 3), label=parameter) for parameter in inspect.signature(function).parameters}
    count = iter(range(1000))

    harmless = function(**arguments(lambda: f"x{next(count)}", function, shape))
    hostile = function(**arguments(lambda: data.draw(HOSTILE), function, shape))

    assert smuggled(harmless, hostile) == []


@given(st.text(max_size=12) | HOSTILE)
def test_a_path_for_docker_is_a_path_and_neither_an_option_nor_a_url(path: str) -> None:
    shown = docker_cli.local_path(path)

    assert shown == "." or shown.startswith(("/", "./", "../"))
    assert shown in (path, f"./{path}")


@given(excluded=st.lists(HOSTILE, max_size=3))
def test_git_is_asked_with_values_behind_the_end_of_options_only(excluded: list[str]) -> None:
    status = questions_to_git(excluded)[0]

    assert status[status.index("--") + 2 :] == tuple(excluded)
    assert questions_to_git([])[0] == status[: len(status) - len(excluded)]


def questions_to_git(excluded: list[str]) -> list[tuple[str, ...]]:
    """Everything that git is ever asked about a project; only the first question has a value in it."""
    asked: list[tuple[str, ...]] = []

    def answer(_: Path, *words: str, settings: object = None) -> str:
        asked.append(words)
        return ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(git, "_git", answer)
        git._status(Path("/x"), excluded, {})
        git._commit(Path("/x"))
        git.describe(Path("/x"))
        git.user(Path("/x"))
    return asked


def test_what_the_test_calls_smuggled_is_found() -> None:
    assert smuggled(["docker", "push", "x1"], ["docker", "push", "--all-tags"]) == ["--all-tags"]
    assert smuggled(["docker", "push", "--", "x1"], ["docker", "push", "--", "--all-tags"]) == []
    assert smuggled(["docker", "run", "--name=x1"], ["docker", "run", "--name=--x"]) == []
    assert smuggled(["docker", "run", "--name=x1"], ["docker", "run", "--privileged"]) == ["--privileged"]
    assert smuggled(["docker", "logs", "--tail", "x1"], ["docker", "logs", "--tail", "-f"]) == ["-f"]
    assert smuggled(["a", "b"], ["a", "b", "c"]) == ["3 words instead of 2"]


# What is refused before it comes so far

FIELDS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "registry": lambda value: {"registry": value},
    "build_context": lambda value: {"build_context": value},
    "dockerfile": lambda value: {"dockerfile": value},
    "platforms": lambda value: {"platforms": (value,)},
    "tags": lambda value: {"tags": (value,)},
    "build_args": lambda value: {"build_args": {value: "x"}},
    "run.name": lambda value: {"run": docker_run_config(name=value)},
    "run.ports": lambda value: {"run": docker_run_config(ports=(value,))},
    "run.env": lambda value: {"run": docker_run_config(env={value: "x"})},
    "run.volumes": lambda value: {"run": docker_run_config(volumes=(value,))},
    "run.network": lambda value: {"run": docker_run_config(network=value)},
    "run.restart": lambda value: {"run": docker_run_config(restart=value)},
}


def docker_run_config(**fields: Any) -> DockerRun:
    return DockerRun(**{"name": "shop", **fields})


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [word for word in HOSTILE_WORDS if word.startswith("-")])
def test_the_configuration_refuses_what_begins_like_an_option(field: str, value: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        DockerConfig(image_name="shop", **FIELDS[field](value))


@pytest.mark.parametrize(
    "value", [word for word in HOSTILE_WORDS if word != "github.com/x/y"]
)  # to docker, an image in a registry
def test_no_image_is_called_what_is_no_repository(value: str) -> None:
    with pytest.raises(ValueError, match="expected a lower-case repository"):
        DockerConfig(image_name=value).require_repository()


# Nothing is forgotten


def test_argument_lists_for_a_tool_are_made_in_its_builder_only() -> None:
    found = {
        f"{module}:{line}: {tool}"
        for module, path in sources().items()
        for tool, line in _tools_called(ast.parse(path.read_text(encoding="utf-8")))
        if module not in BUILDERS.get(tool, ())
    }

    assert found == set()


def test_a_list_that_calls_a_tool_is_found() -> None:
    tree = ast.parse("x = ['docker', 'run', name]\ny = ('git', *words)\nz = ['docker', 'podman']\nw = {'docker': 1}")

    assert list(_tools_called(tree)) == [("docker", 1), ("git", 2)]


def _tools_called(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """List and tuple displays that begin with a tool's name and a word for it, and hold anything that is no constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple) and len(node.elts) > 1 and isinstance(node.elts[0], ast.Constant):
            first, rest = node.elts[0].value, node.elts[1:]
            fixed = all(isinstance(word, ast.Constant) for word in rest)
            if first in TOOLS and isinstance(rest[0], ast.Constant | ast.Starred) and not fixed:
                yield first, node.lineno
