"""What a dry run and a verification conclude from what they were told; the real questions are in tests/e2e."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.plan import Mode, Slot
from orchestrator.targets.base import Check, CheckStatus, Clock, CommandResult, Request
from orchestrator.targets.docker import DockerConfig, DockerRun, DockerTarget
from orchestrator.targets.docker_checks import has_login
from orchestrator.targets.docker_slot import Wanted
from tests.contract.harness import PlainClock, plain_tools
from tests.unit.orchestrator.targets.test_docker_engine import FACTS, Script, registry, said

SLOT = Slot("shop", "staging", "web")
DIGEST = "sha256:" + "1" * 64
VERSION = json.dumps({"Server": {"Version": "28.0", "Os": "linux", "Arch": "amd64"}})
MISSING = said("", "manifest for x not found: manifest unknown", 1)
DENIED = said("", "denied: requested access to the resource is denied", 1)


class FixedClock(PlainClock):
    def now(self) -> str:
        return "2026-11-23T04:00:00.000000+00:00"


def target(project: Path, script: Script, *, clock: Clock | None = None, **config: Any) -> DockerTarget:
    settings = {"image_name": "shop/web", "registry": "r.example", "run": DockerRun(name="shop"), **config}
    tools = replace(plain_tools(project, SLOT), query=script, clock=clock or PlainClock())
    return DockerTarget(DockerConfig(**settings), tools)


def plan(of: DockerTarget) -> Any:
    return of.plan(
        Request(version="1.0.0", mode=Mode.DEPLOY, commit_sha=None, source_digest=None, observed=None, reference=None, inputs={})
    )


def preflight(project: Path, access: CommandResult, **config: Any) -> dict[str, Check]:
    script = Script(
        ("docker version", said(VERSION)),
        ("docker pull", access),
        ("context inspect", said("tcp://elsewhere:2376\n")),
        ("container", said()),
        registry(),
    )
    asked = target(project, script, **config)
    return {check.name: check for check in asked.preflight(plan(asked))}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "docker").mkdir()
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def log_in(project: Path, *registries: str) -> None:
    (project / "docker" / "config.json").write_text(json.dumps({"auths": {name: {} for name in registries}}))


def test_warns_of_a_registry_without_a_login(project: Path) -> None:
    check = preflight(project, MISSING)["registry"]

    assert check.status is CheckStatus.WARN
    assert "docker login r.example" in check.message


def test_passes_a_registry_with_a_login(project: Path) -> None:
    log_in(project, "https://r.example/v1/")

    assert preflight(project, MISSING)["registry"].status is CheckStatus.PASS


@pytest.mark.parametrize(("login", "status"), [(True, CheckStatus.WARN), (False, CheckStatus.FAIL)])
def test_a_repository_that_is_denied_may_be_made_by_the_first_push_of_who_has_a_login(
    project: Path, login: bool, status: CheckStatus
) -> None:
    log_in(project, *(["r.example"] if login else []))

    assert preflight(project, DENIED)["registry"].status is status


def test_asks_nothing_about_the_ports_and_discs_of_another_machine(project: Path) -> None:
    run = DockerRun(name="shop", ports=("8080:80",), volumes=("/nowhere:/x",))

    checks = preflight(project, MISSING, run=run)

    assert {name: checks[name].status for name in ("ports", "disk", "volumes")} == dict.fromkeys(
        ("ports", "disk", "volumes"), CheckStatus.SKIP
    )


def test_warns_of_a_platform_that_the_engine_is_not(project: Path) -> None:
    check = preflight(project, MISSING, platforms=("linux/amd64", "linux/arm64"))["platforms"]

    assert check.status is CheckStatus.WARN
    assert check.message.startswith("linux/arm64 on an engine for linux/amd64")


def test_says_where_the_dockerfile_may_be_meant(project: Path) -> None:
    (project / "web").mkdir()
    (project / "Dockerfile").rename(project / "web" / "Dockerfile")

    check = preflight(project, MISSING, build_context="web")["build files"]

    assert check.status is CheckStatus.FAIL
    assert "web/Dockerfile exists, write that" in check.message


def test_refuses_rules_that_docker_would_refuse(project: Path) -> None:
    (project / ".dockerignore").write_text("ok\n[z\n")

    check = preflight(project, MISSING)["build files"]

    assert check.status is CheckStatus.FAIL
    assert check.message.startswith(".dockerignore: line 2")


@pytest.mark.parametrize(
    ("config", "login"),
    [
        ('{"auths": {"r.example": {}}}', True),
        ('{"credHelpers": {"r.example": "x"}}', True),
        ('{"auths": {"other.example": {}}}', False),
        ('{"credsStore": "desktop"}', None),
        ("not json", None),
    ],
)
def test_knows_whether_docker_has_a_login(project: Path, config: str, login: bool | None) -> None:
    (project / "docker" / "config.json").write_text(config)

    assert has_login("r.example") is login


def test_without_a_configuration_there_is_no_login(project: Path) -> None:
    assert has_login("r.example") is False


def verify(project: Path, **facts: Any) -> dict[str, Check]:
    """The verification of a container of ours about which docker says *facts*."""
    bare = target(project, Script(), clock=FixedClock())
    forward, outcomes = plan(bare), {"push": {"digest": DIGEST}}
    wanted = Wanted.of(SLOT, forward.step("update"), "deploy-a", outcomes)
    line = json.dumps({**FACTS, "Image": wanted.reference, "Labels": wanted.labels, "RestartCount": 0, "Health": None, **facts})
    script = Script(("container ls", said("id\n")), ("range .Log", said('"no answer"\n')), ("container inspect", said(line)))
    asked = target(project, script, clock=FixedClock())
    return by_name(asked.verify(forward, "deploy-a", outcomes))


def by_name(checks: Iterable[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_verifies_a_container_of_the_wanted_image(project: Path) -> None:
    checks = verify(project)

    assert {check.status for check in checks.values()} == {CheckStatus.PASS}


def test_fails_a_container_that_was_restarted_just_now(project: Path) -> None:
    checks = verify(project, RestartCount=3, StartedAt="2026-11-23T03:59:59.000000000Z")

    assert checks["containers"].status is CheckStatus.FAIL
    assert "restarted 3 times" in checks["containers"].message


def test_warns_of_a_container_that_was_restarted_long_ago(project: Path) -> None:
    checks = verify(project, RestartCount=1, StartedAt="2026-11-22T00:00:00.000000000Z")

    assert checks["containers"].status is CheckStatus.WARN


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, "ended with exit code 137 (out of memory)"),
        ({"Status": "paused"}, "shop is paused"),
        ({"Health": "unhealthy"}, "is unhealthy: its health check said 'no answer'"),
        ({"Status": "created", "Error": "no such device"}, "could not be started: no such device"),
    ],
)
def test_fails_a_container_that_does_not_serve(project: Path, facts: dict[str, Any], message: str) -> None:
    check = verify(project, **facts)["containers"]

    assert check.status is CheckStatus.FAIL
    assert message in check.message


def test_fails_when_the_container_runs_another_image(project: Path) -> None:
    checks = verify(project, Image="r.example/shop/web@sha256:other")

    assert checks["containers"].status is CheckStatus.FAIL
    assert "no container of deploy-a" in checks["containers"].message
