"""The whole road on a real engine with real registries, through the installed command: execute, rollback, verify."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.lifecycle import State
from tests.backends.docker import DockerBackend, docker, free_port, write_context
from tests.e2e.project import Project, Ran

pytestmark = [pytest.mark.docker, pytest.mark.e2e]

LIVE = ("execute", "--mode", "deploy", "--yes")


class Shop:
    """A project whose only target is docker, with an image of its own on the plain registry."""

    def __init__(self, backend: DockerBackend, label: str, root: Path) -> None:
        self.backend, self.label, self.port = backend, label, free_port()
        self.project = Project(root)
        root.mkdir()
        self.project.data.mkdir(parents=True)
        self.project.env["DOCKER_CONFIG"] = str(root / "no docker login")
        self.configure()

    @property
    def image(self) -> str:
        return f"{self.backend.registry}/{self.label}/web"

    def configure(self, *, target: dict[str, Any] | None = None, run: dict[str, Any] | None = None, **config: Any) -> None:
        known = {
            "image_name": f"{self.label}/web",
            "registry": self.backend.registry,
            "build_context": "image",
            "dockerfile": "image/Dockerfile",
            "tags": ["latest", "{{version}}"],
            "run": {"name": self.label, "ports": [f"127.0.0.1:{self.port}:8080"], "stable_s": 0.3, **(run or {})},
        }
        self.project.configure(
            top={"project_name": self.label},
            docker={
                "primary": True,
                "auto_rollback": True,
                "health_check": {"url": f"http://127.0.0.1:{self.port}/health", "interval_s": 0.1, "timeout_s": 5},
                "config": {**known, **config},
                **(target or {}),
            },
        )

    def write(self, version: str, **options: Any) -> None:
        """Another version of the service."""
        self.project.set_version(version)
        write_context(self.project.path / "image", version=version, label=self.label, **options)

    def run(self, *words: str, **env: str) -> Ran:
        return self.project.run(*words, **env)

    def deploy(self, version: str) -> Ran:
        """One that works."""
        self.write(version)
        done = self.run(*LIVE)
        assert done.code == 0, done.out + done.err
        return done

    @property
    def served(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/version", timeout=5) as response:
            return str(response.read().decode().strip())

    def containers(self) -> list[str]:
        listed = docker("ps", "--filter", f"name={self.label}", "--format", "{{.Names}}")
        return listed.stdout.split()


@pytest.fixture
def shop(docker_backend: DockerBackend, docker_label: str, tmp_path: Path) -> Shop:
    return Shop(docker_backend, docker_label, tmp_path / "ann's shop")


def test_build_push_run_verify_and_the_report(shop: Shop) -> None:
    done = shop.deploy("1.2.0")

    lines = done.out.splitlines()
    assert lines[:8] == [
        "Deployment Execution",
        "====================",
        "Target: docker (primary)",
        "Mode: deploy",
        "Version: 1.2.0",
        "Environment: default",
        "",
        "Steps:",
    ]
    titles = ["Building image", "Pushing to registry", "Updating deployment", "Waiting for rollout"]
    for number, title in enumerate(titles, 1):
        assert re.fullmatch(rf"  \[{number}/5\] {title}\.\.\. done \([0-9.]+m?s\)", lines[7 + number])
    assert lines[12:15] == ["  [5/5] Health check... passed", "", "Result: SUCCESS"]
    assert re.fullmatch(r"Duration: [0-9.]+m?s", lines[15])
    assert lines[16:] == [
        f"Deployment ID: {shop.project.last.id}",
        f"Image: {shop.image}:1.2.0",
        "",
        "History updated in .claude/popkit/deploy.json",
        "Next: pop-deploy verify",
    ]
    assert shop.served == "1.2.0"
    assert shop.backend.registry_digest(f"{shop.label}/web", "1.2.0") is not None


def test_the_json_names_image_digest_and_url(shop: Shop) -> None:
    shop.write("1.0.0")

    result = shop.run(*LIVE, "--json").json("deployment_result")

    digest = shop.backend.registry_digest(f"{shop.label}/web", "1.0.0")
    assert (result["image"], result["digest"], result["success"]) == (f"{shop.image}:1.0.0", digest, True)
    assert result["deploy_url"].startswith(f"http://127.0.0.1:{shop.port}")
    assert [step["status"] for step in result["steps"]] == ["done", "done", "done", "done", "passed"]


def test_the_drop_in_script_has_the_image_without_its_tag_and_all_tags(shop: Shop) -> None:
    import sys

    script = Path(__file__).parents[2] / "scripts" / "execute_deployment.py"
    shop.write("1.0.0")

    done = shop.project.run("--action", "execute", "--mode", "deploy", program=(sys.executable, str(script)))

    document = done.json()
    assert (done.code, document["image"], document["tags"]) == (0, shop.image, ["latest", "1.0.0"])
    assert all({"status", "duration_s", "exit_code", "stderr"} <= set(step) for step in document["steps"])


def test_a_dry_run_asks_engine_and_registry_and_builds_nothing(shop: Shop) -> None:
    shop.write("1.0.0")

    done = shop.run("execute")

    assert done.code == 0, done.out
    for name in ("engine", "build files", "registry", "ports"):
        assert f"[pass] {name}" in done.out
    assert docker("image", "ls", "--quiet", shop.image).stdout == ""
    assert shop.containers() == []


def test_a_health_check_that_fails_goes_back_by_itself_to_the_digest_before(shop: Shop) -> None:
    shop.deploy("1.0.0")
    before = shop.backend.registry_digest(f"{shop.label}/web", "1.0.0")
    shop.write("1.1.0", health="failing")

    done = shop.run(*LIVE)

    assert done.code == 6, done.out
    assert "Result: ROLLED BACK to 1.0.0\nLive now: 1.0.0 (restored and verified)" in done.out
    assert "500" in done.out
    assert shop.served == "1.0.0"
    assert docker("inspect", "--format", "{{.Config.Image}}", shop.label).stdout.strip() == f"{shop.image}@{before}"
    assert [record["status"] for record in shop.project.history] == ["rolled_back", "failed", "success"]


def test_a_container_that_ends_at_once_goes_back_by_itself(shop: Shop) -> None:
    shop.deploy("1.0.0")
    shop.write("1.1.0", crash=True)

    done = shop.run(*LIVE)

    assert done.code == 6, done.out
    assert "exit code 3" in done.out
    assert shop.served == "1.0.0"


def test_a_build_that_fails_leaves_everything_as_it_was_and_shows_the_end_of_its_output(shop: Shop) -> None:
    shop.deploy("1.0.0")
    shop.write("1.1.0", broken_build=True)

    done = shop.run(*LIVE)

    assert done.code == 1, done.out
    assert "Result: FAILED at build\nLive now: 1.0.0 (unchanged)" in done.out
    assert ("busybox" in done.out and "returned a non-zero code: 1" in done.out) or "exit code: 1" in done.out
    assert (shop.served, shop.backend.registry_digest(f"{shop.label}/web", "1.1.0")) == ("1.0.0", None)
    assert "RollbackStarted" not in done.out


def test_a_registry_that_is_down_is_said_before_anything_is_replaced(shop: Shop) -> None:
    shop.deploy("1.0.0")
    down = f"127.0.0.1:{free_port()}"
    shop.configure(registry=down)
    shop.write("1.1.0")

    dry = shop.run("execute", "--mode", "dry_run")
    done = shop.run(*LIVE)

    assert (dry.code, done.code) == (1, 1), done.out
    assert "[fail] registry: " in dry.out and down in dry.out
    assert "Result: FAILED at push\nLive now: 1.0.0 (unchanged)" in done.out
    assert down in done.out
    assert shop.served == "1.0.0"


def test_a_wrong_password_is_said_and_a_right_one_works(shop: Shop) -> None:
    wrong = shop.project.root / "wrong login"
    wrong.mkdir()
    auths = {shop.backend.auth_registry: {"auth": "Y2k6d3Jvbmc="}}
    (wrong / "config.json").write_text(json.dumps({"auths": auths}))
    right = shop.backend.write_login(shop.project.root / "right login")
    shop.configure(registry=shop.backend.auth_registry)
    shop.write("1.0.0")

    refused = shop.run(*LIVE, DOCKER_CONFIG=str(wrong))
    missing = shop.run("execute", "--mode", "dry_run")
    done = shop.run(*LIVE, DOCKER_CONFIG=str(right))

    assert (refused.code, missing.code, done.code) == (1, 1, 0), done.out + done.err
    assert "FAILED at push" in refused.out
    assert f"docker login {shop.backend.auth_registry}" in refused.out
    assert "[fail] registry: " in missing.out
    assert shop.served == "1.0.0"
    assert shop.backend.password not in refused.out + done.out


def test_a_port_that_is_taken_is_named_and_the_old_version_serves_on(shop: Shop) -> None:
    shop.deploy("1.0.0")
    taken = free_port()
    docker("run", "--detach", "--name", f"{shop.label}-other", "--publish", f"127.0.0.1:{taken}:80", f"{shop.image}:1.0.0")
    shop.configure(run={"ports": [f"127.0.0.1:{taken}:8080"]})
    shop.write("1.1.0")

    done = shop.run(*LIVE)

    assert done.code == 1, done.out
    assert f"Port 127.0.0.1:{taken} is already taken" in done.out
    assert "Live now: 1.0.0 (unchanged)" in done.out
    assert shop.served == "1.0.0"
    assert shop.project.last.rollback is None


def test_paths_and_build_arguments_with_blanks_and_quotes(shop: Shop) -> None:
    odd = """it's "quoted" $HOME; `x` \\ *"""
    shop.project.set_version("1.0.0")
    context = shop.project.path / "a 'b' \"c\""
    write_context(context, version="1.0.0", label=shop.label, args={"ODD": "x"})
    (context / "Dockerfile").rename(context / "Docker file")
    shop.configure(build_context=context.name, dockerfile=f"{context.name}/Docker file", build_args={"ODD": odd})

    done = shop.run(*LIVE)

    assert done.code == 0, done.out + done.err
    assert f"ODD={odd}" in docker("exec", shop.label, "/bin/busybox", "env").stdout.splitlines()


def test_rollback_brings_the_version_before_back_and_it_can_be_verified(shop: Shop) -> None:
    shop.deploy("1.0.0")
    shop.deploy("1.1.0")

    back = shop.run("rollback", "--yes", "--json").json("rollback_result")
    verified = shop.run("verify", "--json").json("verify_result")

    assert (back["state"], back["rollback_to"]) == ("rolled_back", "1.0.0")
    assert (verified["healthy"], verified["version"]) == (True, "1.0.0")
    assert shop.served == "1.0.0"
    assert (shop.project.last.state, shop.project.history[0]["rollback_to"]) == (State.ROLLED_BACK, "1.0.0")


def test_a_container_that_somebody_stopped_is_unhealthy(shop: Shop) -> None:
    shop.deploy("1.0.0")
    docker("stop", "--time", "0", shop.label)

    done = shop.run("verify")

    assert done.code == 1
    assert "Result: UNHEALTHY" in done.out


def test_a_foreign_container_of_that_name_is_refused_and_left_alone(shop: Shop) -> None:
    shop.write("1.0.0")
    docker("build", "--tag", f"{shop.label}/foreign", str(shop.project.path / "image"))
    docker("run", "--detach", "--name", shop.label, f"{shop.label}/foreign")
    before = docker("inspect", "--format", "{{.Id}}", shop.label).stdout

    done = shop.run(*LIVE)

    assert done.code == 5, done.out
    assert "adopt" in done.out
    assert docker("inspect", "--format", "{{.Id}} {{.State.Running}}", shop.label).stdout.split() == [before.strip(), "true"]


@pytest.mark.parametrize("hurt", [lambda shop: shop.write("1.1.0", health="missing")], ids=["404"])
def test_without_automatic_rollback_the_failure_names_the_way_back(shop: Shop, hurt: Callable[[Shop], None]) -> None:
    shop.deploy("1.0.0")
    shop.configure(target={"auto_rollback": False})
    hurt(shop)

    failed = shop.run(*LIVE)
    back = shop.run("rollback", "--yes")

    assert failed.code == 1, failed.out
    assert "Result: FAILED at health_check" in failed.out
    assert f"pop-deploy rollback {shop.project.last.id}" in failed.out
    assert (back.code, shop.served) == (0, "1.0.0")
