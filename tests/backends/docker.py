"""The real Docker back-end of the tests: an engine, a plain registry, and one with TLS and a password.

``docker-up.sh`` starts them; this module finds them, makes build contexts of a small service for them, and cleans up
after a test. It is not the docker target, and shares no code with it: what it reads proves what the target did.
Start at :class:`DockerBackend`; tests get one by the fixture ``docker_backend``, and a name of their own by
``docker_label``.
"""

import base64
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

IMAGES = Path(__file__).with_name("images")
LABEL = "pop-deploy.test"
SERVICE_PORT = 8080
"""The port the test service listens on inside its container."""

Health = Literal["ok", "failing", "broken", "missing"]

_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)


def state_directory() -> Path:
    """Where the scripts keep what they started: pids, logs, certificates, tokens."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("POP_DEPLOY_BACKENDS_STATE") or cache / "pop-deploy-backends" / "run")


@dataclass(frozen=True)
class DockerBackend:
    """Where the engine's registries are, and how to ask them. The same variables as in docker-up.sh move them."""

    registry: str = field(default_factory=lambda: f"127.0.0.1:{os.environ.get('POP_DEPLOY_REGISTRY_PORT', '5001')}")
    auth_registry: str = field(default_factory=lambda: f"localhost:{os.environ.get('POP_DEPLOY_AUTH_REGISTRY_PORT', '5443')}")
    user: str = "ci"
    password: str = "s3cret"
    ca_file: Path = field(default_factory=lambda: state_directory() / "tls.crt")

    def available(self) -> str | None:
        """Return why these tests cannot run here, or None if they can."""
        if shutil.which("docker") is None:
            return "no docker on PATH; run tests/backends/docker-up.sh"
        if not _busybox().exists():
            return f"no {_busybox()} (busybox-static); run tests/backends/docker-up.sh"
        engine = docker("version", "--format", "{{.Server.Version}}", timeout_s=20)
        if engine.returncode:
            return f"no Docker engine answers ({engine.stderr.strip()}); run tests/backends/docker-up.sh"
        for name, auth in ((self.registry, False), (self.auth_registry, True)):
            try:
                self._get("v2/", auth=auth)
            except (OSError, ssl.SSLError) as error:
                return f"registry {name} does not answer ({error}); run tests/backends/docker-up.sh"
        return None

    def registry_digest(self, repository: str, tag: str, *, auth: bool = False) -> str | None:
        """Return the digest (``sha256:...``) a registry has under *tag*, or None if it has no such tag.

        Args:
            repository: Without the registry, for example ``t1a2b3c4/web``.
            tag: A tag, or a digest.
            auth: Ask the registry with the password instead of the plain one.
        """
        try:
            headers = self._get(f"v2/{repository}/manifests/{tag}", auth=auth)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
        return headers["Docker-Content-Digest"]

    def write_login(self, config_dir: Path) -> Path:
        """Write a docker configuration that knows the password, for ``DOCKER_CONFIG``; return *config_dir*.

        >>> docker("push", reference, env={"DOCKER_CONFIG": str(backend.write_login(tmp_path / "docker"))})
        """
        config_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        auths = {self.auth_registry: {"auth": self._token()}}
        (config_dir / "config.json").write_text(json.dumps({"auths": auths}), encoding="utf-8")
        return config_dir

    def forget(self, label: str) -> None:
        """Remove the containers, networks, volumes and local images of one test.

        Those are the ones named with *label* in it, and those that come from a context written with it. What was
        pushed stays in the registry, whose data ``docker-down.sh wipe`` removes.
        """
        if len(label) < 6:
            raise ValueError(f"label {label!r}: too short to name only one test's things")
        _remove(["container", "rm", "--force", "--volumes"], _listed("container", "ls", "--all", label=label))
        _remove(["network", "rm"], _networks(label))
        _remove(["volume", "rm", "--force"], _listed("volume", "ls", label=label))
        # --no-prune: the untagged parents are the shared cache of every other test that is building at this moment.
        _remove(["image", "rm", "--force", "--no-prune"], _images(label))

    def _get(self, path: str, *, auth: bool) -> Mapping[str, str]:
        scheme, host = ("https", self.auth_registry) if auth else ("http", self.registry)
        request = urllib.request.Request(f"{scheme}://{host}/{path}", method="HEAD")
        request.add_header("Accept", ", ".join(_MANIFESTS))
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if auth:
            request.add_header("Authorization", f"Basic {self._token()}")
            context = ssl.create_default_context(cafile=str(self.ca_file))
            handlers.append(urllib.request.HTTPSHandler(context=context))
        with urllib.request.build_opener(*handlers).open(request, timeout=10) as response:
            return dict(response.headers.items())

    def _token(self) -> str:
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def docker(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = 120,
    client: str = "docker",
) -> subprocess.CompletedProcess[str]:
    """Run the docker client with *arguments*; *env* is added to the environment. Never raises for an exit code.

    >>> docker("inspect", "--format", "{{.State.Status}}", name).stdout.strip()
    """
    return subprocess.run(
        [client, *arguments],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        timeout=timeout_s,
        capture_output=True,
        text=True,
        check=False,
    )


def write_context(
    path: Path,
    *,
    version: str,
    health: Health = "ok",
    crash: bool = False,
    dockerfile_healthcheck: bool = False,
    broken_build: bool = False,
    args: Mapping[str, str] | None = None,
    label: str = "",
) -> Path:
    """Write the build context of the test service into *path*, over one written before; return *path*.

    The service listens on port 8080 and answers ``/version`` with *version*.

    Args:
        path: A directory; it is created if it does not exist.
        version: What ``/version`` says.
        health: What ``/health`` says: 200 (ok), 500 (failing), 404 (missing); broken: 200 there and 500 everywhere else.
        crash: The container exits at once, with code 3.
        dockerfile_healthcheck: The image has a HEALTHCHECK on ``/health``, so *health* decides about it too.
        broken_build: The last instruction of the build fails.
        args: Build arguments with their defaults; the image has them as environment variables. A build argument
            ``MODE`` of ``failing``, ``broken`` or ``crash`` makes one build of a good context bad.
        label: Marks the image, and so its containers, for :meth:`DockerBackend.forget`.
    """
    www = path / "www"
    shutil.rmtree(www, ignore_errors=True)
    www.mkdir(parents=True)
    for name in ("serve", "answer"):
        shutil.copy(IMAGES / name, path / name)
    shutil.copy(_busybox(), path / "busybox")
    (path / "mode").write_text(("crash" if crash else health) + "\n", encoding="utf-8")
    (www / "version").write_text(version + "\n", encoding="utf-8")
    if health == "ok":
        (www / "health").write_text("ok\n", encoding="utf-8")
    extra = _instructions(args or {}, label, healthcheck=dockerfile_healthcheck, broken=broken_build)
    dockerfile = (IMAGES / "Dockerfile").read_text(encoding="utf-8")
    (path / "Dockerfile").write_text(dockerfile + "".join(line + "\n" for line in extra), encoding="utf-8")
    return path


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody listens on and no other pytest-xdist worker will be given.

    Not port 0: the engine binds the port only later, and meanwhile the kernel may give an ephemeral one to any client.
    """
    return next(_ports)


def _free_ports() -> Iterator[int]:
    """Below the ephemeral range and Kubernetes' node ports, 400 for each of 25 workers, from a random one on."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 25
    first = random.randrange(400)  # noqa: S311
    while True:
        for offset in range(400):
            port = 20_000 + worker * 400 + (first + offset) % 400
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    yield port


_ports = _free_ports()


def _busybox() -> Path:
    return Path("/bin/busybox")


def _instructions(args: Mapping[str, str], label: str, *, healthcheck: bool, broken: bool) -> Iterator[str]:
    for name, default in args.items():
        yield f"ARG {name}={json.dumps(default)}"
        yield f"ENV {name}=${name}"
    if healthcheck:
        # busybox wget crashes on names, not on addresses.
        probe = ["/bin/busybox", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{SERVICE_PORT}/health"]
        yield f"HEALTHCHECK --interval=500ms --timeout=2s --retries=3 CMD {json.dumps(probe)}"
    if label:
        yield f"LABEL {LABEL}={label}"
    if broken:
        yield 'RUN ["/bin/busybox", "false"]'


def _listed(*command: str, label: str) -> list[str]:
    """IDs (volumes: names) of what has *label* as label or in its name."""
    found: dict[str, None] = {}
    for condition in (f"label={LABEL}={label}", f"name={label}"):
        found.update(dict.fromkeys(docker(*command, "--quiet", "--filter", condition).stdout.split()))
    return list(found)


def _networks(label: str) -> list[str]:
    """IDs of the networks that carry *label* or are named with it."""
    marked = docker("network", "ls", "--no-trunc", "--quiet", "--filter", f"label={LABEL}={label}").stdout.split()
    # Not --filter name=: a swarm's networks are found by their whole names only.
    rows = [line.split() for line in docker("network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}}").stdout.splitlines()]
    return list(dict.fromkeys([*marked, *(network for network, name in rows if label in name)]))


def _images(label: str) -> list[str]:
    """References of the images named with *label*, and the IDs of those without a name that carry it."""
    everything = docker("image", "ls", "--no-trunc", "--format", "{{.Repository}} {{.Tag}} {{.ID}}").stdout
    marked = docker("image", "ls", "--no-trunc", "--quiet", "--filter", f"label={LABEL}={label}").stdout.split()
    rows = [line.split() for line in everything.splitlines()]
    named = [f"{repository}:{tag}" if tag != "<none>" else image for repository, tag, image in rows if label in repository]
    return list(dict.fromkeys([*named, *marked]))


def _remove(command: list[str], names: list[str]) -> None:
    if not names:
        return
    removed = docker(*command, *names)
    # "No such": the test itself, or --rm, was faster. An image's ID is gone with its last name.
    problems = [line for line in removed.stderr.splitlines() if line.strip() and "no such" not in line.lower()]
    if removed.returncode and problems:
        raise RuntimeError(f"docker {' '.join(command)}: {problems}")
