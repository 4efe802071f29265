"""The docker target on a real engine: deploy, replace, go back, and what it says when something is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.domain.settings import SecretRef
from orchestrator.targets.base import Answer, CheckStatus, StepError, Unreachable
from tests.backends.docker import DockerBackend, docker, free_port, write_context
from tests.e2e.docker_world import DockerWorld, failed

pytestmark = pytest.mark.docker


@pytest.fixture
def world(docker_backend: DockerBackend, docker_label: str, tmp_path: Path) -> DockerWorld:
    return DockerWorld(docker_backend, docker_label, tmp_path)


# Deploying


def test_builds_pushes_and_runs_what_the_registry_has(world: DockerWorld) -> None:
    world.source("1.0.0")

    done = world.deploy("1.0.0", tags=("latest", "{{version}}"))

    digest = world.backend.registry_digest(f"{world.label}/web", "1.0.0")
    assert digest is not None
    assert digest == world.backend.registry_digest(f"{world.label}/web", "latest")
    assert done.release.artifacts == {world.repository: digest}
    assert world.inspect(world.label, ".Config.Image") == f"{world.repository}@{digest}"
    assert world.served() == "1.0.0"
    assert done.verdicts() == {"containers": CheckStatus.PASS, "digest": CheckStatus.PASS}
    assert done.outcomes["push"] == {"image": f"{world.repository}:1.0.0", "tags": ["latest", "1.0.0"], "digest": digest}
    assert done.target.observe() == done.release


def test_labels_say_whose_the_container_is(world: DockerWorld) -> None:
    world.source("1.0.0")

    done = world.deploy("1.0.0")

    labels = world.inspect(world.label, ".Config.Labels")
    shown = {key.removeprefix("pop-deploy."): value for key, value in labels.items() if key.startswith("pop-deploy.")}
    assert {name: shown[name] for name in ("project", "environment", "target", "deployment", "version", "digest")} == {
        "project": world.label,
        "environment": "staging",
        "target": "web",
        "deployment": "deploy-1.0.0",
        "version": "1.0.0",
        "digest": done.outcomes["push"]["digest"],
    }


def test_keeps_the_container_before_stopped(world: DockerWorld) -> None:
    world.two_versions(run=world.run_spec(restart="always"))

    previous = f"{world.label}-previous-deploy-1.0.0"
    assert world.containers() == {world.label: "running", previous: "exited"}
    assert world.served() == "1.1.0"
    # "always" would start it again with the engine, next to the new one.
    assert world.inspect(previous, ".HostConfig.RestartPolicy.Name") == "no"


def test_keeps_the_reference_and_the_container_before_and_no_other(world: DockerWorld) -> None:
    first, _ = world.two_versions()
    world.source("1.2.0")

    world.deploy("1.2.0", reference=first.release)
    world.source("1.3.0")
    world.deploy("1.3.0", reference=first.release)

    assert world.containers() == {
        world.label: "running",
        f"{world.label}-previous-deploy-1.0.0": "exited",
        f"{world.label}-previous-deploy-1.2.0": "exited",
    }


def test_runs_a_local_image_without_a_registry(world: DockerWorld) -> None:
    first, second = world.two_versions(registry=None)

    back = world.roll_back(second, first.release)

    assert [step.name for step in first.plan.steps] == ["build", "update", "wait"]
    assert world.inspect(world.label, ".Image") == first.release.detail["digest"]
    assert world.served() == "1.0.0"
    assert set(back.verdicts().values()) == {CheckStatus.PASS}


def test_paths_arguments_and_values_with_blanks_and_quotes_arrive_as_they_are(world: DockerWorld) -> None:
    odd = """it's "quoted" $HOME; `x` \\ *"""
    context = write_context(world.root / "project" / "a \"b\" 'c'", version="1.0.0", label=world.label, args={"ODD": "x"})
    (context / "Dockerfile").rename(context / "Docker file")
    (world.project / "da ta").mkdir()
    (world.project / "da ta" / "x").write_text("here")

    world.deploy(
        "1.0.0",
        build_context=context.name,
        dockerfile=f"{context.name}/Docker file",
        build_args={"ODD": odd},
        run=world.run_spec(env={"ALSO": odd}, volumes=("./da ta:/mnt/a b:ro",)),
    )

    seen = docker("exec", world.label, "/bin/busybox", "env").stdout.splitlines()
    assert f"ODD={odd}" in seen
    assert f"ALSO={odd}" in seen
    assert docker("exec", world.label, "/bin/busybox", "cat", "/mnt/a b/x").stdout == "here"


def test_secrets_reach_build_and_container_and_nothing_else(world: DockerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "t0p-s3cret-value")
    world.source("1.0.0", args={"TOKEN": "none"})
    secret = {"TOKEN": SecretRef(env="SHOP_TOKEN")}

    done = world.deploy("1.0.0", build_args=secret, run=world.run_spec(env={"RUNTIME": SecretRef(env="SHOP_TOKEN")}))

    seen = docker("exec", world.label, "/bin/busybox", "env").stdout.splitlines()
    assert {"TOKEN=t0p-s3cret-value", "RUNTIME=t0p-s3cret-value"} <= set(seen)
    assert "t0p-s3cret" not in str(done.plan.to_json())
    assert "t0p-s3cret" not in str(done.release.to_json())
    assert "t0p-s3cret" not in str(world.inspect(world.label, ".Config.Labels"))


def test_waits_for_the_health_check_of_the_image(world: DockerWorld) -> None:
    world.source("1.0.0", dockerfile_healthcheck=True)

    world.deploy("1.0.0")

    assert world.inspect(world.label, ".State.Health.Status") == "healthy"


# Going back


def test_goes_back_to_the_kept_container(world: DockerWorld) -> None:
    first, second = world.two_versions(run=world.run_spec(restart="always"))
    kept = world.inspect(f"{world.label}-previous-deploy-1.0.0", ".Id")

    back = world.roll_back(second, first.release)

    assert world.inspect(world.label, ".Id") == kept
    assert world.containers() == {world.label: "running"}
    assert world.inspect(world.label, ".HostConfig.RestartPolicy.Name") == "always"
    assert world.served() == "1.0.0"
    assert set(back.verdicts().values()) == {CheckStatus.PASS}
    assert back.target.observe() == first.release


def test_goes_back_by_digest_when_container_and_image_are_gone(world: DockerWorld) -> None:
    first, second = world.two_versions()
    docker("rm", f"{world.label}-previous-deploy-1.0.0")
    docker("image", "rm", "--force", first.outcomes["build"]["ids"]["engine"])
    assert docker("image", "inspect", f"{world.repository}@{first.release.detail['digest']}").returncode != 0

    back = world.roll_back(second, first.release)

    assert world.inspect(world.label, ".Config.Image") == f"{world.repository}@{first.release.detail['digest']}"
    assert world.served() == "1.0.0"
    assert back.target.observe() == first.release


# What goes wrong


def test_a_failing_build_says_which_command_failed(world: DockerWorld) -> None:
    world.source("1.0.0", broken_build=True)
    target = world.target()

    with pytest.raises(StepError, match=r"command of the Dockerfile failed with exit code 1.*false") as caught:
        world.apply(target, world.plan(target, "1.0.0"), "deploy-1.0.0")

    assert caught.value.exit_code == 1
    assert not caught.value.effect
    assert caught.value.output_tail
    assert str(caught.value).endswith(caught.value.output_tail)


def test_a_dockerfile_with_a_mistake_says_where(world: DockerWorld) -> None:
    context = world.source("1.0.0")
    (context / "Dockerfile").write_text("FROM scratch\nCOPPY a b\n")
    target = world.target()

    with pytest.raises(StepError, match=r"Dockerfile cannot be read, line 2: unknown instruction: COPPY"):
        world.apply(target, world.plan(target, "1.0.0"), "deploy-1.0.0")


def test_a_file_that_is_not_in_the_context_is_named(world: DockerWorld) -> None:
    context = world.source("1.0.0")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY nothere /x\n")
    target = world.target()

    with pytest.raises(StepError, match=r"copies /?nothere, which is not in the build context"):
        world.apply(target, world.plan(target, "1.0.0"), "deploy-1.0.0")


def test_a_container_that_ends_fails_the_wait_with_its_last_lines(world: DockerWorld) -> None:
    world.source("1.0.0", crash=True)

    with pytest.raises(StepError, match=r"ended with exit code 3(.|\n)*crashed on purpose"):
        world.deploy("1.0.0")


def test_a_container_that_is_started_again_and_again_fails_the_wait(world: DockerWorld) -> None:
    world.source("1.0.0", crash=True)

    with pytest.raises(StepError, match=r"does not stay up: restarted \d+ times(.|\n)*crashed on purpose"):
        world.deploy("1.0.0", run=world.run_spec(restart="always", stable_s=20))


def test_an_unhealthy_container_fails_the_wait(world: DockerWorld) -> None:
    world.source("1.0.0", dockerfile_healthcheck=True, health="failing")

    with pytest.raises(StepError, match=r"is unhealthy: its health check said"):
        world.deploy("1.0.0")


def test_the_wait_ends_at_its_deadline(world: DockerWorld) -> None:
    world.source("1.0.0")
    target = world.target(run=world.run_spec(stable_s=100))
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="wait")
    wait = replace(plan.step("wait"), timeout_s=1)

    with pytest.raises(StepError, match=r"Not rolled out before the step's deadline(.|\n)*serving 1.0.0"):
        target.apply(wait, world.step_run(wait, "deploy-1.0.0", outcomes))


def test_a_taken_port_is_found_out_before_the_old_container_is_touched(world: DockerWorld) -> None:
    world.source("1.0.0")
    world.deploy("1.0.0")
    taken = free_port()
    docker("run", "--detach", "--name", f"{world.label}-other", "--publish", f"127.0.0.1:{taken}:80", f"{world.repository}:1.0.0")
    target = world.target(run=world.run_spec(ports=(f"127.0.0.1:{taken}:8080",)))
    plan = world.plan(target, "1.1.0")
    before = world.containers()

    checks = failed(list(target.preflight(plan)))
    with pytest.raises(StepError, match=rf"Port 127.0.0.1:{taken} is already taken by container {world.label}-other") as caught:
        world.apply(target, plan, "deploy-1.1.0")

    assert f"127.0.0.1:{taken} is already taken" in checks["ports"]
    assert not caught.value.effect
    assert world.containers() == before
    assert world.served() == "1.0.0"


def test_a_taken_port_at_the_first_deployment_is_named(world: DockerWorld) -> None:
    world.source("1.0.0")
    image = f"{world.label}/other"
    docker("build", "--tag", image, str(world.project))
    docker("run", "--detach", "--name", f"{world.label}-other", "--publish", f"127.0.0.1:{world.port}:80", image)

    with pytest.raises(StepError, match=rf"Port 127.0.0.1:{world.port} is already taken"):
        world.deploy("1.0.0")


def test_the_old_container_serves_on_when_the_new_one_cannot_be_started(world: DockerWorld) -> None:
    world.source("1.0.0")
    first = world.deploy("1.0.0", run=world.run_spec(restart="always"))

    with pytest.raises(StepError, match=r"command /nothere is not a program(.|\n)*deploy-1.0.0\) serves on") as caught:
        world.deploy("1.1.0", run=world.run_spec(command=("/nothere",)), reference=first.release)

    assert not caught.value.effect
    assert world.containers() == {world.label: "running"}
    assert world.inspect(world.label, ".HostConfig.RestartPolicy.Name") == "always"
    assert world.served() == "1.0.0"
    assert first.target.observe() == first.release


def test_the_old_container_keeps_its_name_when_the_new_one_cannot_be_made(world: DockerWorld) -> None:
    world.source("1.0.0")
    first = world.deploy("1.0.0")

    with pytest.raises(StepError, match=r"A volume cannot be mounted(.|\n)*serves on") as caught:
        world.deploy("1.1.0", run=world.run_spec(volumes=("/tmp:/x:badmode",)), reference=first.release)

    assert not caught.value.effect
    assert world.containers() == {world.label: "running"}
    assert first.target.observe() == first.release


def test_a_foreign_container_taken_over_is_stopped_and_kept(world: DockerWorld) -> None:
    world.source("1.0.0")
    docker("build", "--tag", f"{world.label}/foreign", str(world.project))
    docker("run", "--detach", "--name", world.label, "--publish", f"127.0.0.1:{world.port}:8080", f"{world.label}/foreign")
    foreign = world.inspect(world.label, ".Id")[:12]

    world.deploy("1.0.0", adopt=True)
    world.source("1.1.0")
    world.deploy("1.1.0", adopt=True)

    assert world.containers() == {
        world.label: "running",
        f"{world.label}-previous-deploy-1.0.0": "exited",
        f"{world.label}-previous-{foreign}": "exited",
    }


def test_says_that_no_engine_answers(world: DockerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.source("1.0.0")
    target = world.target()
    plan = world.plan(target, "1.0.0")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    checks = {check.name: check for check in target.preflight(plan)}
    with pytest.raises(Unreachable, match=r"No Docker engine answers at unix:///nowhere/docker.sock\. Start it"):
        target.observe()
    with pytest.raises(StepError, match=r"No Docker engine answers"):
        world.apply(target, plan, "deploy-1.0.0")

    assert checks["engine"].status is CheckStatus.FAIL
    assert "No Docker engine answers" in checks["engine"].message
    assert {checks[name].status for name in ("disk", "registry", "ownership", "ports")} == {CheckStatus.SKIP}
    assert target.probe(plan.step("update"), "deploy-1.0.0", {}).answer is Answer.UNKNOWN
    assert "No Docker engine answers" in target.diagnostics()[0]


def test_the_dry_run_passes_where_all_is_well_and_names_what_is_missing(world: DockerWorld) -> None:
    world.source("1.0.0")
    good = world.target()
    bad = world.target(
        dockerfile="Dockerfile.missing",
        build_args={"TOKEN": SecretRef(env="NOT_SET_ANYWHERE")},
        run=world.run_spec(network=f"{world.label}-net", volumes=(f"{world.root}/nothere:/x",)),
    )

    fine = {check.name: check.status for check in good.preflight(world.plan(good, "1.0.0"))}
    asked = {check.name: check for check in bad.preflight(world.plan(bad, "1.0.0"))}

    assert fine.pop("disk") in (CheckStatus.PASS, CheckStatus.WARN)
    assert set(fine.values()) == {CheckStatus.PASS}
    assert list(fine) == ["engine", "build files", "platforms", "registry", "ownership", "ports"]
    assert "there is no file Dockerfile.missing" in asked["build files"].message
    assert "NOT_SET_ANYWHERE" in asked["secrets"].message
    assert f"There is no Docker network {world.label}-net" in asked["network"].message
    assert asked["volumes"].status is CheckStatus.WARN


def test_warns_of_our_own_records_in_the_build_context(world: DockerWorld) -> None:
    world.source("1.0.0")
    target = world.target(data_dir=world.project / ".claude" / "popkit")
    plan = world.plan(target, "1.0.0")

    before = next(check for check in target.preflight(plan) if check.name == "build files")
    (world.project / ".dockerignore").write_text(".claude\n")
    after = next(check for check in target.preflight(plan) if check.name == "build files")

    assert before.status is CheckStatus.WARN
    assert "Add .claude/popkit to .dockerignore" in before.message
    assert after.status is CheckStatus.PASS


def test_diagnostics_show_state_and_last_lines(world: DockerWorld) -> None:
    world.two_versions()

    lines = world.target().diagnostics()

    assert lines[0] == f"{world.label}: running, exit code 0, restarted 0 times"
    assert lines[1:] == ["serving 1.1.0, mode ok"]
