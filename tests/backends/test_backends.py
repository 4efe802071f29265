"""Proves that the back-ends do what the tests of the targets rely on. When these fail, look at the machine first."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends.docker import SERVICE_PORT, DockerBackend, Health, docker, free_port, write_context

pytestmark = pytest.mark.docker

UP = Path(__file__).with_name("docker-up.sh")
DOWN = Path(__file__).with_name("docker-down.sh")


def _clients() -> list[str]:
    """Every docker client on PATH: a newer one is often in front of the distribution's."""
    found = (shutil.which("docker", path=entry) for entry in os.get_exec_path())
    return list(dict.fromkeys(str(Path(client).resolve()) for client in found if client))


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _build(context: Path, reference: str, *options: str, client: str = "docker") -> None:
    _ok(docker("build", "--quiet", "--tag", reference, *options, str(context), client=client))


def _run(reference: str, name: str) -> str:
    """Start a container and return the service's URL."""
    port = free_port()
    _ok(docker("run", "--detach", "--name", name, "--publish", f"127.0.0.1:{port}:{SERVICE_PORT}", reference))
    return f"http://127.0.0.1:{port}"


def _status(url: str) -> int:
    """HTTP status of *url*; 0 while nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:
        return str(response.read().decode())


@pytest.mark.parametrize("client", _clients())
def test_each_client_builds_pushes_and_runs(
    docker_backend: DockerBackend, docker_label: str, tmp_path: Path, client: str
) -> None:
    reference = f"{docker_backend.registry}/{docker_label}/web:1.2.0"
    _build(write_context(tmp_path, version="1.2.0", label=docker_label), reference, client=client)
    _ok(docker("push", "--quiet", reference, client=client))
    url = _run(reference, docker_label)

    assert _within(10, lambda: _status(f"{url}/health") == 200)
    assert _text(f"{url}/version") == "1.2.0\n"
    digests = json.loads(_ok(docker("image", "inspect", "--format", "{{json .RepoDigests}}", reference)))
    digest = docker_backend.registry_digest(f"{docker_label}/web", "1.2.0")
    assert digests == [f"{docker_backend.registry}/{docker_label}/web@{digest}"]


def test_a_pushed_image_runs_by_its_digest_alone(docker_backend: DockerBackend, docker_label: str, tmp_path: Path) -> None:
    reference = f"{docker_backend.registry}/{docker_label}/web"
    _build(write_context(tmp_path, version="1.2.0", label=docker_label), f"{reference}:1.2.0")
    _ok(docker("push", "--quiet", f"{reference}:1.2.0"))
    digest = docker_backend.registry_digest(f"{docker_label}/web", "1.2.0")
    _ok(docker("image", "rm", "--force", f"{reference}:1.2.0"))

    url = _run(f"{reference}@{digest}", docker_label)

    assert _within(10, lambda: _status(f"{url}/health") == 200)


def test_the_registry_says_none_for_a_tag_it_does_not_have(docker_backend: DockerBackend, docker_label: str) -> None:
    assert docker_backend.registry_digest(f"{docker_label}/web", "1.2.0") is None


def test_buildx_pushes_and_tells_the_digest(docker_backend: DockerBackend, docker_label: str, tmp_path: Path) -> None:
    reference = f"{docker_backend.registry}/{docker_label}/web:1.2.0"
    context = write_context(tmp_path / "context", version="1.2.0", label=docker_label)
    metadata = tmp_path / "metadata.json"
    _ok(docker("buildx", "build", "--push", "--metadata-file", str(metadata), "--tag", reference, str(context)))

    digest = json.loads(metadata.read_text())["containerimage.digest"]

    assert digest == docker_backend.registry_digest(f"{docker_label}/web", "1.2.0")


def test_compose_runs_a_project(docker_backend: DockerBackend, docker_label: str, tmp_path: Path) -> None:
    write_context(tmp_path / "web", version="2.0.0", label=docker_label)
    port = free_port()
    service = {"build": "./web", "image": f"{docker_label}/web", "ports": [f"127.0.0.1:{port}:{SERVICE_PORT}"]}
    (tmp_path / "compose.yaml").write_text(json.dumps({"name": docker_label, "services": {"web": service}}))

    _ok(docker("compose", "up", "--detach", "--build", cwd=tmp_path))

    assert _within(10, lambda: _status(f"http://127.0.0.1:{port}/health") == 200)


@pytest.mark.parametrize(("health", "status"), [("failing", 500), ("missing", 404)])
def test_a_bad_version_serves_but_is_not_healthy(docker_label: str, tmp_path: Path, health: Health, status: int) -> None:
    context = write_context(tmp_path, version="1.3.0", health=health, label=docker_label)
    _build(context, f"{docker_label}/web")
    url = _run(f"{docker_label}/web", docker_label)

    assert _within(10, lambda: _status(f"{url}/health") == status)
    assert _text(f"{url}/version") == "1.3.0\n"


@pytest.mark.parametrize(("health", "verdict"), [("ok", "healthy"), ("failing", "unhealthy"), ("missing", "unhealthy")])
def test_the_engine_judges_by_the_healthcheck(docker_label: str, tmp_path: Path, health: Health, verdict: str) -> None:
    context = write_context(
        tmp_path,
        version="1.3.0",
        health=health,
        dockerfile_healthcheck=True,
        label=docker_label,
    )
    _build(context, f"{docker_label}/web")
    _run(f"{docker_label}/web", docker_label)

    def judged() -> bool:
        return _ok(docker("inspect", "--format", "{{.State.Health.Status}}", docker_label)) == verdict

    assert _within(20, judged)


@pytest.mark.parametrize(("mode", "health", "version"), [("ok", 200, 200), ("failing", 500, 200), ("broken", 200, 500)])
def test_a_build_argument_makes_a_version_bad(docker_label: str, tmp_path: Path, mode: str, health: int, version: int) -> None:
    context = write_context(tmp_path, version="1.3.0", args={"MODE": "ok"}, label=docker_label)
    _build(context, f"{docker_label}/web", "--build-arg", f"MODE={mode}")
    url = _run(f"{docker_label}/web", docker_label)

    assert _within(10, lambda: _status(f"{url}/health") == health)
    assert _status(f"{url}/version") == version


def test_a_crashing_version_exits_at_once(docker_label: str, tmp_path: Path) -> None:
    _build(write_context(tmp_path, version="1.3.0", crash=True, label=docker_label), f"{docker_label}/web")
    _run(f"{docker_label}/web", docker_label)

    assert _ok(docker("wait", docker_label, timeout_s=20)) == "3"
    assert "crashed on purpose" in docker("logs", docker_label).stderr


def test_a_stopped_service_ends_by_itself(docker_label: str, tmp_path: Path) -> None:
    _build(write_context(tmp_path, version="1.3.0", label=docker_label), f"{docker_label}/web")
    url = _run(f"{docker_label}/web", docker_label)
    assert _within(10, lambda: _status(f"{url}/health") == 200)

    _ok(docker("stop", docker_label))

    assert _ok(docker("inspect", "--format", "{{.State.ExitCode}}", docker_label)) == "0"


def test_a_broken_build_fails(docker_label: str, tmp_path: Path) -> None:
    context = write_context(tmp_path, version="1.3.0", broken_build=True, label=docker_label)

    assert docker("build", "--tag", f"{docker_label}/web", str(context)).returncode != 0
    assert docker("image", "inspect", f"{docker_label}/web").returncode != 0


def test_build_arguments_reach_the_image(docker_label: str, tmp_path: Path) -> None:
    context = write_context(tmp_path, version="1.3.0", args={"FLAVOUR": "plain", "COLOUR": "blue"}, label=docker_label)
    _build(context, f"{docker_label}/web", "--build-arg", "COLOUR=deep red")

    environment = json.loads(_ok(docker("image", "inspect", "--format", "{{json .Config.Env}}", f"{docker_label}/web")))

    assert {"FLAVOUR=plain", "COLOUR=deep red"} <= set(environment)


def test_the_registry_with_password_refuses_without_login(
    docker_backend: DockerBackend, docker_label: str, tmp_path: Path
) -> None:
    reference = f"{docker_backend.auth_registry}/{docker_label}/web:1.2.0"
    _build(write_context(tmp_path / "context", version="1.2.0", label=docker_label), reference)

    refused = docker("push", reference, env={"DOCKER_CONFIG": str(tmp_path / "nobody")})

    assert refused.returncode != 0
    assert "no basic auth credentials" in refused.stderr
    assert docker_backend.registry_digest(f"{docker_label}/web", "1.2.0", auth=True) is None


def test_the_registry_with_password_accepts_a_private_login(
    docker_backend: DockerBackend, docker_label: str, tmp_path: Path
) -> None:
    reference = f"{docker_backend.auth_registry}/{docker_label}/web:1.2.0"
    _build(write_context(tmp_path / "context", version="1.2.0", label=docker_label), reference)
    private = {"DOCKER_CONFIG": str(docker_backend.write_login(tmp_path / "docker"))}

    _ok(docker("push", reference, env=private))

    digest = docker_backend.registry_digest(f"{docker_label}/web", "1.2.0", auth=True)
    assert digest is not None
    assert digest in _ok(docker("image", "inspect", "--format", "{{.RepoDigests}}", reference))


def test_forgets_everything_of_one_test_and_nothing_of_another(
    docker_backend: DockerBackend, docker_label: str, tmp_path: Path
) -> None:
    other = f"{docker_label[::-1]}o"
    try:
        for label in (docker_label, other):
            _build(write_context(tmp_path, version="1.0.0", label=label), f"{label}/web:1")
            _build(write_context(tmp_path, version="1.0.1", label=label), f"{label}/web:1")
            _ok(docker("tag", f"{label}/web:1", f"{docker_backend.registry}/{label}/web:1"))
            _ok(docker("run", "--detach", f"{label}/web:1"))
            _ok(docker("network", "create", f"{label}-net"))
            _ok(docker("volume", "create", f"{label}-data"))

        docker_backend.forget(docker_label)

        assert _things(docker_label) == []
        assert len(_things(other)) == 6
    finally:
        docker_backend.forget(other)
    assert _things(other) == []


def _things(label: str) -> list[str]:
    marked = ["--filter", f"label=pop-deploy.test={label}", "--format", "{{.ID}}"]
    named = ["--filter", f"name={label}", "--format", "{{.Name}}"]
    listings = [
        ["container", "ls", "--all", *marked],
        ["image", "ls", *marked],
        ["network", "ls", *named],
        ["volume", "ls", *named],
    ]
    return [line for listing in listings for line in _ok(docker(*listing)).splitlines()]


def test_free_ports_differ() -> None:
    assert len({free_port() for _ in range(50)}) == 50


@pytest.fixture
def second_instance(docker_backend: DockerBackend, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Environment of another pair of registries, beside the ones that all tests use."""
    settings = {
        "POP_DEPLOY_BACKENDS_STATE": str(tmp_path / "run"),
        "POP_DEPLOY_REGISTRY_PORT": str(free_port()),
        "POP_DEPLOY_AUTH_REGISTRY_PORT": str(free_port()),
    }
    yield settings
    _script(DOWN, settings)


def _script(script: Path, settings: dict[str, str], *arguments: str) -> str:
    command = [str(script), *arguments]
    done = subprocess.run(command, env={**os.environ, **settings}, timeout=120, capture_output=True, text=True, check=False)
    return _ok(done)


def _processes(settings: dict[str, str]) -> dict[str, str]:
    return {path.name: path.read_text() for path in Path(settings["POP_DEPLOY_BACKENDS_STATE"]).glob("*.pid")}


def test_up_again_starts_nothing_new(second_instance: dict[str, str]) -> None:
    _script(UP, second_instance)
    before = _processes(second_instance)

    _script(UP, second_instance)

    assert set(before) == {"registry.pid", "auth-registry.pid"}
    assert _processes(second_instance) == before


def test_up_starts_again_what_has_ended(second_instance: dict[str, str]) -> None:
    _script(UP, second_instance)
    before = _processes(second_instance)
    os.kill(int(before["registry.pid"].split()[0]), 9)

    _script(UP, second_instance)

    after = _processes(second_instance)
    assert after["registry.pid"] != before["registry.pid"]
    assert after["auth-registry.pid"] == before["auth-registry.pid"]


def test_down_ends_its_own_and_leaves_the_engine(docker_backend: DockerBackend, second_instance: dict[str, str]) -> None:
    _script(UP, second_instance)
    url = f"http://127.0.0.1:{second_instance['POP_DEPLOY_REGISTRY_PORT']}/v2/"
    assert _status(url) == 200

    _script(DOWN, second_instance, "wipe")

    assert _status(url) == 0
    assert _processes(second_instance) == {}
    assert list(Path(second_instance["POP_DEPLOY_BACKENDS_STATE"]).iterdir()) == []
    assert docker_backend.available() is None


def test_down_spares_a_stranger_who_got_the_pid(second_instance: dict[str, str]) -> None:
    _script(UP, second_instance)
    record = Path(second_instance["POP_DEPLOY_BACKENDS_STATE"], "engine.pid")
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        record.write_text(f"{stranger.pid} 1 00000000-0000-0000-0000-000000000000\n")

        _script(DOWN, second_instance)

        assert stranger.poll() is None
        assert not record.exists()
    finally:
        stranger.kill()
        stranger.wait()
