"""The docker client's argument lists. Nothing a user names may become an option, no secret may stand in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain.settings import SecretRef
from orchestrator.targets import docker_cli as cli

DIGEST = "sha256:" + "1" * 64


def test_builds_with_every_tag() -> None:
    argv = cli.build(
        context="web",
        dockerfile="web/Dockerfile",
        references=["shop/web:latest", "shop/web:1.0.0"],
        build_args={"MODE": "production"},
        platform="linux/amd64",
        id_file=Path("/run/x/id"),
    )

    assert argv == (
        "docker",
        "build",
        "--file=./web/Dockerfile",
        "--platform=linux/amd64",
        "--iidfile=/run/x/id",
        "--build-arg=MODE=production",
        "--tag=shop/web:latest",
        "--tag=shop/web:1.0.0",
        "--",
        "./web",
    )


def test_a_secret_is_named_and_its_value_left_to_the_environment() -> None:
    secret = {"TOKEN": SecretRef(env="SHOP_TOKEN"), "MODE": "a=b c"}

    build = cli.build(context=".", dockerfile="Dockerfile", references=["x:1"], build_args=secret)
    create = cli.start_new(("create",), name="shop", image="x@y", pull_missing=True, labels={}, env=secret)

    assert [word for word in build if "TOKEN" in word] == ["--build-arg=TOKEN"]
    assert [word for word in create if "TOKEN" in word] == ["--env=TOKEN"]
    assert "--env=MODE=a=b c" in create


def test_creates_a_container_with_all_it_is_told() -> None:
    argv = cli.start_new(
        ("run", "--detach"),
        name="shop",
        image=f"r.example/shop@{DIGEST}",
        pull_missing=True,
        labels={"pop-deploy.version": "1.0.0"},
        ports=("127.0.0.1:8080:80",),
        env={},
        volumes=("/data:/data:ro",),
        network="front",
        restart="unless-stopped",
        command=("--port", "80"),
    )

    assert argv == (
        "docker",
        "run",
        "--detach",
        "--name=shop",
        "--pull=missing",
        "--label=pop-deploy.version=1.0.0",
        "--publish=127.0.0.1:8080:80",
        "--volume=/data:/data:ro",
        "--network=front",
        "--restart=unless-stopped",
        "--",
        f"r.example/shop@{DIGEST}",
        "--port",
        "80",
    )


def test_never_pulls_an_image_that_only_this_engine_has() -> None:
    argv = cli.start_new(("create",), name="shop", image=DIGEST, pull_missing=False, labels={}, env={})

    assert "--pull=never" in argv


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        (".", "."),
        ("web", "./web"),
        ("./web", "./web"),
        ("../web", "../web"),
        ("/srv/web", "/srv/web"),
        ("github.com/shop/web", "./github.com/shop/web"),
        ("https://x.example/y", "./https://x.example/y"),
    ],
)
def test_a_build_context_is_always_a_local_path(written: str, passed: str) -> None:
    assert cli.build(context=written, dockerfile="Dockerfile", references=[], build_args={})[-1] == passed


@pytest.mark.parametrize(
    "argv",
    [
        cli.push("--all-tags"),
        cli.pull("--all-tags"),
        cli.tag("--x", "--y"),
        cli.inspect_images(["--x"]),
        cli.inspect_manifest("--x", insecure=True),
        cli.create_manifest("--x", ["--y"], insecure=False),
        cli.push_manifest("--x", insecure=False),
        cli.inspect_containers(["--x"]),
        cli.start("--x"),
        cli.stop("--x"),
        cli.rename("--x", "--y"),
        cli.remove("--x"),
        cli.set_restart("--x", "no"),
        cli.logs("--x", 5),
        cli.inspect_network("--x"),
        cli.start_new(("create",), name="n", image="--x", pull_missing=True, labels={}, env={}),
    ],
)
def test_a_name_cannot_become_an_option(argv: cli.Argv) -> None:
    end = argv.index("--")

    assert any(word.startswith("--x") or word == "--all-tags" for word in argv[end + 1 :])
    assert not any(word in ("--x", "--y", "--all-tags") for word in argv[:end])


def test_asks_for_access_in_a_way_that_can_fetch_nothing() -> None:
    assert cli.ask_access("r.example/shop") == ("docker", "pull", "--", f"r.example/shop@sha256:{'0' * 64}")


def test_composes_with_project_and_files() -> None:
    up = cli.compose_up(project="shop", file="a b/compose.yaml", override="/run/x/o.json")

    assert up == (
        "docker",
        "compose",
        "--project-name=shop",
        "--file=./a b/compose.yaml",
        "--file=/run/x/o.json",
        "up",
        "--detach",
    )
