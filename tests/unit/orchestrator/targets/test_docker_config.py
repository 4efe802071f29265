"""What may stand in the configuration of a `docker` target."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orchestrator.config.convert import Converter
from orchestrator.domain.settings import SecretRef
from orchestrator.targets.docker import DockerCompose, DockerConfig, DockerRun
from orchestrator.targets.image_config import fill_tag, from_json, to_json


def test_fills_in_what_is_not_said() -> None:
    config = DockerConfig(image_name="shop/web")

    assert (config.build_context, config.dockerfile, config.tags) == (".", "Dockerfile", ("{{version}}",))
    assert config.repository == "shop/web"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"registry": "https://r.example"}, "registry: expected HOST[:PORT][/PATH] without https://"),
        ({"registry": "--x"}, "registry: expected HOST"),
        ({"build_context": "-"}, "build_context: expected a path that does not begin with a dash, got '-'"),
        ({"dockerfile": "--output=x"}, "dockerfile: expected a path that does not begin with a dash"),
        ({"dockerfile": ""}, "dockerfile: expected a path"),
        ({"platforms": ("linux",)}, "platforms: expected OS/ARCHITECTURE, like linux/amd64, got 'linux'"),
        ({"tags": ()}, "tags: expected at least one"),
        (
            {"tags": ("{{commit}}",)},
            "tags: expected letters, digits, dots, dashes and underscores, and {{version}}, got '{{commit}}'",
        ),
        ({"tags": ("-x",)}, "tags: expected letters"),
        ({"build_args": {"A B": "x"}}, "build_args: expected the name of a variable, got 'A B'"),
        ({"build_args": {"--x": "x"}}, "build_args: expected the name of a variable"),
        ({"build_args": {"PATH": SecretRef(env="X")}}, "build_args: PATH cannot be a secret"),
        ({"build_args": {"DOCKER_HOST": SecretRef(env="X")}}, "build_args: DOCKER_HOST cannot be a secret"),
        ({"platforms": ("linux/amd64", "linux/arm64"), "run": DockerRun(name="shop")}, "several platforms need a registry"),
        (
            {"run": DockerRun(name="shop"), "compose": DockerCompose(project="p", service="s")},
            "run and compose exclude each other",
        ),
    ],
)
def test_refuses_what_makes_no_sense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        DockerConfig(**{"image_name": "shop/web", **wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "--rm"}, "name: expected letters, digits"),
        ({"name": "a b"}, "name: expected letters, digits"),
        ({"ports": ("99999:80",)}, "port '99999:80': 99999 is not a port"),
        ({"env": {"A=B": "x"}}, "env: expected the name of a variable, got 'A=B'"),
        ({"env": {"LD_PRELOAD": SecretRef(env="X")}}, "env: LD_PRELOAD cannot be a secret"),
        ({"volumes": ("--x:/y",)}, "volumes: expected SOURCE:TARGET"),
        ({"volumes": ("a:b:c:d",)}, "volumes: expected SOURCE:TARGET"),
        ({"network": "--host"}, "network: expected the name of a Docker network"),
        ({"restart": "sometimes"}, "restart: expected no, always, unless-stopped, on-failure or on-failure:N, got 'sometimes'"),
    ],
)
def test_refuses_a_container_that_docker_would_refuse(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        DockerRun(**{"name": "shop", **wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"project": "Shop"}, "project: expected lower-case letters"),
        ({"service": "--x"}, "service: expected the name of a service"),
        ({"file": "-"}, "file: expected a path"),
    ],
)
def test_refuses_a_compose_project_that_docker_would_refuse(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        DockerCompose(**{"project": "shop", "service": "web", **wrong})


@pytest.mark.parametrize("name", ["Shop", "shop web", "shop:1", "", "-shop", "shop/"])
def test_reads_a_name_that_no_image_can_have_and_refuses_it_when_it_is_needed(name: str) -> None:
    """The deploy skill's generator makes it of the project's name; the other targets in its file must stay usable."""
    config = DockerConfig(image_name=name)

    with pytest.raises(ValueError, match=r"^image_name: expected a lower-case repository"):
        config.require_repository()


@pytest.mark.parametrize(
    ("registry", "name", "repository"),
    [
        ("r.example", "shop/web", "r.example/shop/web"),
        ("r.example:5000/team", "web", "r.example:5000/team/web"),
        ("r.example", "r.example/shop", "r.example/shop"),
        ("", "shop", "shop"),
        (None, "shop", "shop"),
    ],
)
def test_puts_the_registry_before_the_name(registry: str | None, name: str, repository: str) -> None:
    assert DockerConfig(image_name=name, registry=registry).require_repository() == repository


@pytest.mark.parametrize(
    ("config", "pushes"),
    [
        (DockerConfig(image_name="shop"), True),
        (DockerConfig(image_name="shop", run=DockerRun(name="shop")), False),
        (DockerConfig(image_name="shop", registry="r.example", run=DockerRun(name="shop")), True),
        (DockerConfig(image_name="shop", compose=DockerCompose(project="p", service="s")), False),
    ],
)
def test_keeps_an_image_local_that_is_run_and_has_no_registry(config: DockerConfig, pushes: bool) -> None:
    assert config.pushes is pushes


def test_makes_a_tag_of_a_version_with_build_metadata() -> None:
    assert fill_tag("v{{version}}-slim", "1.0.0+g12") == "v1.0.0-g12-slim"


def test_variables_survive_json() -> None:
    values = {"A": "x", "B": SecretRef(env="Y"), "C": SecretRef(file="/z")}

    assert from_json(to_json(values)) == values


def test_reads_deploy_json_and_names_the_field() -> None:
    converter = Converter()
    right = {"image_name": "shop", "run": {"name": "shop", "env": {"A": {"env": "B"}}, "ports": ["80:80"], "command": None}}
    wrong = {"image_name": "shop", "run": {"name": "shop", "restart": "often"}}

    config = converter.read(right, DockerConfig, ("config",))
    refused = converter.read(wrong, DockerConfig, ("config",))

    assert config == DockerConfig(image_name="shop", run=DockerRun(name="shop", env={"A": SecretRef(env="B")}, ports=("80:80",)))
    assert refused is None
    assert [problem.path for problem in converter.problems] == ["config.run.restart"]
