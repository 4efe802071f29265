"""Input paths are asked once more where they are used, whatever was put in their place since the configuration was read."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from orchestrator.config import ConfigError, parse
from orchestrator.config.convert import fields_of
from orchestrator.domain.excludes import Excludes
from orchestrator.domain.paths import PathOutside
from orchestrator.domain.settings import SecretRef
from orchestrator.targets import local_copy, registry
from orchestrator.targets.base import CheckStatus, StepError
from orchestrator.targets.docker import DockerCompose, DockerConfig, DockerTarget
from orchestrator.targets.docker_plans import COMPOSE
from orchestrator.targets.image_plans import BUILD
from orchestrator.targets.local_copy import Copied, copy_tree, measure
from orchestrator.targets.local_plans import RELEASE
from tests.contract.harness import PlainStepRun, plain_tools
from tests.unit.orchestrator.targets.local_world import ID, World, request

CLUSTER = {"image_name": "web", "context": "prod", "namespace": "shop", "deployment": "web"}
SECRET = "the contents of a file outside the project"

NO_INPUT = {
    # What is written to, or what only names something: nothing is taken in from there.
    "LocalConfig.path": "where releases go",
    "FakeConfig.dir": "the fake's world",
    "LocalConfig.shared": "looked for in the source, which only the target knows; see Surroundings.shared",
    "DockerRun.volumes": "places on the engine's machine, which the container may write to",
    "KubernetesConfig.context": "a name in a kubeconfig",
    "SecretRef.file": "every kind's; the configuration's reader looks for them everywhere",
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text(SECRET)
    (tmp_path / "outside" / "Dockerfile").write_text("FROM scratch\n")
    yield world
    world.close()


def everything_below(root: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in root.rglob("*") if path.is_file() and not path.is_symlink())


# Which fields are paths


def config_classes() -> set[type]:
    found: set[type] = set()
    waiting = list(registry.config_types().values())
    while waiting:
        cls = waiting.pop()
        if dataclasses.is_dataclass(cls) and cls not in found:
            found.add(cls)
            waiting += _classes_in(*get_type_hints(cls).values())
    return found


def _classes_in(*hints: Any) -> list[type]:
    plain = [hint for hint in hints if isinstance(hint, type)]
    return plain + [found for hint in hints for found in _classes_in(*getattr(hint, "__args__", ()))]


def test_every_field_that_names_a_file_is_declared_as_an_input_or_known_to_be_none() -> None:
    looks_like_a_path = re.compile(
        r"(^|_)(path|file|dir|directory|source|context|manifests|dockerfile|assets|kubeconfig|volumes|shared)$"
    )
    declared = {
        name.rpartition(".")[2]
        for cls in config_classes()
        for name in (*getattr(cls, "INPUT_PATHS", ()), *getattr(cls, "CREDENTIAL_PATHS", ()))
    }

    forgotten = [
        f"{cls.__name__}.{key}"
        for cls in config_classes()
        for key in fields_of(cls)
        if looks_like_a_path.search(key) and key not in declared and f"{cls.__name__}.{key}" not in NO_INPUT
    ]

    assert forgotten == []


@pytest.mark.parametrize(
    ("kind", "config", "where"),
    [
        ("local", {"path": "x", "source": "link"}, "source"),
        ("local", {"path": "x", "env": {"A": {"file": "link/secret"}}}, "env.A.file"),
        ("docker", {"image_name": "x", "build_context": "link"}, "build_context"),
        ("docker", {"image_name": "x", "dockerfile": "../outside/Dockerfile"}, "dockerfile"),
        ("docker", {"image_name": "x", "compose": {"project": "a", "service": "b", "file": "link/c"}}, "compose.file"),
        ("docker", {"image_name": "x", "build_args": {"A": {"file": "../outside/secret"}}}, "build_args.A.file"),
        ("docker", {"image_name": "x", "run": {"name": "x", "env": {"A": {"file": "link/secret"}}}}, "run.env.A.file"),
        ("kubernetes", {**CLUSTER, "manifests": "link"}, "manifests"),
        ("kubernetes", {**CLUSTER, "manifests": "k8s", "kubeconfig": "../outside/secret"}, "kubeconfig"),
        ("netlify", {"publish_dir": "/etc"}, "publish_dir"),
        ("github_releases", {"assets": ["dist/a", "link/secret"]}, "assets[1]"),
        ("github_releases", {"assets": [{"path": "../outside/secret"}]}, "assets[0].path"),
        ("vercel", {"environment_variables": {"A": {"file": "link/secret"}}}, "environment_variables.A.file"),
    ],
)
def test_the_configuration_refuses_a_path_out_of_the_project(world: World, kind: str, config: dict[str, Any], where: str) -> None:
    (world.project / "link").symlink_to("../outside")

    def read(**more: Any) -> object:
        document = {"targets": {kind: {"config": config, **more}}}
        raw = json.dumps(document).encode()
        return parse(raw, "deploy.json", config_types=registry.config_type, kinds=registry.KINDS, project_dir=world.project)

    with pytest.raises(ConfigError) as caught:
        read()

    assert caught.value.path == f"targets.{kind}.config.{where}"
    entry = re.search(r'add "([^"]+)" to allow_paths', str(caught.value))
    assert entry is not None
    read(allow_paths=[entry[1]])


@pytest.mark.parametrize(
    "entry",
    [
        {"config": {"path": "x", "env": {"A": {"file": "/run/secrets/a"}}}},
        {"config": {"path": "x"}, "health_check": {"url": "http://a/", "headers": {"A": {"file": "/run/secrets/a"}}}},
    ],
)
def test_a_secret_may_be_named_by_an_absolute_path(world: World, entry: dict[str, Any]) -> None:
    raw = json.dumps({"targets": {"local": entry}}).encode()

    assert parse(raw, "deploy.json", config_types=registry.config_type, project_dir=world.project).targets


def test_a_header_s_secret_has_to_stay_in_the_project_too(world: World) -> None:
    check = {"url": "http://a/", "headers": {"A": {"file": "../outside/secret"}}}
    raw = json.dumps({"targets": {"local": {"config": {"path": "x"}, "health_check": check}}}).encode()

    with pytest.raises(ConfigError) as caught:
        parse(raw, "deploy.json", config_types=registry.config_type, project_dir=world.project)

    assert caught.value.path == "targets.local.health_check.headers.A.file"


# local


def test_local_refuses_a_source_that_became_a_link_out_of_the_project(world: World) -> None:
    (world.project / "public").mkdir()
    (world.project / "public" / "page").write_text("page")
    target = world.target(source="public")
    plan = target.plan(request())
    release = next(step for step in plan.steps if step.kind == RELEASE)
    (world.project / "public").rename(world.project / "was")
    (world.project / "public").symlink_to("../outside")

    with pytest.raises(StepError, match=r'source: "public" leads to ".*/outside", outside the project; .* Nothing was changed\.'):
        target.apply(release, world.step_run(release))
    with pytest.raises(PathOutside):
        target.input_paths()
    failed = {check.name: check for check in target.preflight(plan) if check.status is CheckStatus.FAIL}

    assert "outside the project" in failed["source"].message
    assert SECRET not in everything_below(world.srv)


def test_local_takes_a_source_outside_that_is_allowed(world: World) -> None:
    (world.project / "public").symlink_to("../outside")

    world.deploy(source="public", allow_paths=("../outside",))

    assert (world.srv / "current" / "secret").read_text() == SECRET


@pytest.mark.parametrize("shared", ["data", "data/secret"])
def test_local_starts_no_shared_path_with_what_a_link_leads_to(world: World, shared: str) -> None:
    (world.project / "data").symlink_to(world.root / "outside")

    with pytest.raises(StepError, match=r"shared: .*outside the project; if that is meant, add "):
        world.deploy(shared=(shared,))

    assert SECRET not in everything_below(world.srv)


def test_local_copies_links_and_never_what_they_lead_to(world: World) -> None:
    (world.project / "page").write_text("page")
    (world.project / "abroad").symlink_to(world.root / "outside")
    (world.project / "home").symlink_to(world.project / "page")
    target = world.target()
    release = next(step for step in target.plan(request()).steps if step.kind == RELEASE)
    run = world.step_run(release)

    directory = target.apply(release, run).data["directory"]
    check = {check.name: check for check in target.preflight(target.plan(request()))}["source"]

    copy = world.srv / "releases" / directory
    assert (copy / "abroad").is_symlink()
    assert SECRET not in everything_below(world.srv)
    assert run.lines == ["links out of the source, copied as links, never what they lead to: abroad"]
    assert check.status is CheckStatus.WARN
    assert check.message.endswith("nothing behind them is copied: abroad")
    assert measure(world.project, Excludes()).absolute == ["abroad"]


@pytest.mark.parametrize("swapped", ["source", "directory", "file"])
def test_local_follows_no_link_that_is_put_in_place_while_it_copies(
    world: World, swapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = world.project / "public"
    (source / "sub").mkdir(parents=True)
    (source / "a").write_text("a")
    (source / "secret").write_text("harmless")
    (source / "sub" / "secret").write_text("harmless")
    outside = world.root / "outside"

    def swap(path: Path, leads_to: Path) -> None:
        path.rename(world.root / "was")
        path.symlink_to(leads_to)

    def tick(copied: Copied) -> None:
        if copied.files == 1 and not (world.root / "was").exists():
            swap(
                source / ("sub" if swapped == "directory" else "secret"),
                outside if swapped == "directory" else outside / "secret",
            )

    if swapped == "source":  # between the check and the first look
        real = os.open

        def late(path: Any, *rest: Any, **more: Any) -> int:
            if str(path) == str(source) and not source.is_symlink():
                source.rename(world.root / "was")
                source.symlink_to(outside)
            return real(path, *rest, **more)

        monkeypatch.setattr(local_copy.os, "open", late)

    with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
        copy_tree(source, world.root / "copy", Excludes(), tick)

    assert SECRET not in everything_below(world.root / "copy")


def test_local_follows_no_link_that_is_put_above_its_source(world: World) -> None:
    (world.project / "a" / "public").mkdir(parents=True)
    checked = world.project / "a" / "public"
    (world.root / "outside" / "public").mkdir()
    (world.project / "a").rename(world.project / "was")
    (world.project / "a").symlink_to("../outside")

    with pytest.raises(OSError, match="a link was put in its way"):
        copy_tree(checked, world.root / "copy", Excludes(), lambda copied: None)


# docker


@pytest.mark.parametrize(
    ("field", "kind", "path"),
    [("build_context", BUILD, "web"), ("dockerfile", BUILD, "Dockerfile"), ("compose.file", COMPOSE, "compose.yaml")],
)
def test_docker_starts_nothing_with_a_path_that_leads_out_of_the_project(
    world: World, field: str, kind: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = DockerCompose(project="shop", service="web")
    config = DockerConfig(image_name="shop", build_context="web", dockerfile="Dockerfile", compose=compose)
    target = DockerTarget(config, plain_tools(world.project))
    plan = target.plan(request())
    step = next(step for step in plan.steps if step.kind == kind)
    (world.project / path).symlink_to(world.root / "outside")
    monkeypatch.setenv("PATH", "/nowhere")  # starting anything would be another error
    outcomes = {"build": {"digest": "sha256:" + "1" * 64}}

    with pytest.raises(
        StepError, match=rf'{field}: "{path}" leads to .*outside", outside the project; .* add ".*outside"'
    ) as caught:
        target.apply(step, PlainStepRun(ID, step, outcomes, world.root, world.project))
    with pytest.raises(PathOutside, match=field):
        target.input_paths()

    assert caught.value.effect is False


def test_a_secret_reference_is_what_the_table_of_fields_calls_it() -> None:
    assert {field.name for field in dataclasses.fields(SecretRef)} == {"env", "file"}
