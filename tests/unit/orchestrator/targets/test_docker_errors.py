"""Real words of docker clients and engines (20.10 to 28), and what is said about them."""

from __future__ import annotations

import pytest

from orchestrator.targets import docker_cli as cli
from orchestrator.targets.docker_errors import engine_is_down, explain, tail

BUILD = cli.build(context=".", dockerfile="Dockerfile", references=["shop:1"], build_args={})
PUSH = cli.push("r.example:5000/shop/web:1.0.0")
PULL = cli.pull("r.example:5000/shop/web@sha256:1")
CREATE = cli.start_new(("create",), name="shop", image="r.example:5000/shop/web@sha256:1", pull_missing=True, labels={}, env={})
START = cli.start("shop")
UP = cli.compose_up(project="shop", file="compose.yaml", override=None)
GET = 'Error response from daemon: Get "https://r.example:5000/v2/"'
ENDPOINT = "driver failed programming external connectivity on endpoint shop (4c5e)"

CASES = [
    (
        PUSH,
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        "No Docker engine answers at unix:///var/run/docker.sock. Start it",
    ),
    (
        BUILD,
        "ERROR: Cannot connect to the Docker daemon at tcp://127.0.0.1:1. Is the docker daemon running?",
        "No Docker engine answers at tcp://127.0.0.1:1. Start it",
    ),
    (
        START,
        'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http',
        "This user may not talk to the Docker engine. Add the user to the group docker",
    ),
    (
        PULL,
        "write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
        "The disk of the Docker engine is full. Make room",
    ),
    (
        START,
        f"Error response from daemon: {ENDPOINT}: Bind for 127.0.0.1:8080 failed: port is already allocated",
        "Port 127.0.0.1:8080 is already taken. Stop what listens there, or change run.ports",
    ),
    (
        START,
        f"{ENDPOINT}: Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use",
        "Port 0.0.0.0:80 is already taken.",
    ),
    (
        START,
        "failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use",
        "Port 0.0.0.0:8080 is already taken.",
    ),
    (START, "failed to bind host port 127.0.0.1:8080/tcp: address already in use", "Port 127.0.0.1:8080 is already taken."),
    (
        START,
        "listen tcp4 192.0.2.1:80: bind: cannot assign requested address",
        "The engine's machine has no address 192.0.2.1:80.",
    ),
    (
        CREATE,
        'Error response from daemon: Conflict. The container name "/shop" is already in use by container '
        '"800598c5210433a39ce96e78603f63a22f5d01ac883df527f8f412a6a26138fd". You have to remove (or rename)',
        "A container named shop stands in the way (800598c52104). Remove or rename it",
    ),
    (
        START,
        "Error response from daemon: network front not found",
        "There is no Docker network front. Create it (docker network create front)",
    ),
    (
        START,
        'runc create failed: unable to start container process: exec: "/x": stat /x: no such file or directory: unknown',
        "The container cannot start: its command /x is not a program in the image.",
    ),
    (CREATE, "Error response from daemon: invalid mode: badmode", "A volume cannot be mounted. Correct run.volumes"),
    (
        CREATE,
        'invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x',
        "Docker refuses the environment variable =x.",
    ),
    (CREATE, "Error response from daemon: invalid restart policy 'bogus'", "Docker does not know the restart policy bogus."),
    (PUSH, f"{GET}: no basic auth credentials", "Docker has no login for r.example:5000. Log in (docker login r.example:5000)"),
    (PUSH, "unauthorized: authentication required", "r.example:5000 refuses the login that Docker has for it."),
    (
        PUSH,
        "denied: requested access to the resource is denied",
        "r.example:5000 does not let this login use r.example:5000/shop/web.",
    ),
    (
        PULL,
        "Error response from daemon: toomanyrequests: You have reached your pull rate limit",
        "r.example:5000 limits how often",
    ),
    (PUSH, "http: server gave HTTP response to HTTPS client", "r.example:5000 speaks plain HTTP. Give it TLS"),
    (PUSH, f"{GET}: x509: certificate signed by unknown authority", "The certificate of r.example:5000 is not trusted. Put its"),
    (
        PUSH,
        f"{GET}: dial tcp 192.0.2.1:5000: connect: connection refused",
        "Registry r.example:5000 does not answer (connection refused).",
    ),
    (
        CREATE,
        f"{GET}: dial tcp: lookup r.example on 192.0.2.53:53: no such host",
        "Registry r.example:5000 does not answer (no such host).",
    ),
    (
        PULL,
        "manifest for r.example:5000/shop/web@sha256:1 not found: manifest unknown: manifest unknown",
        "The image r.example:5000/shop/web@sha256:1 does not exist.",
    ),
    (
        BUILD,
        "ERROR: failed to solve: executor failed running [/bin/sh -c make all]: exit code: 2",
        "A command of the Dockerfile failed with exit code 2: /bin/sh -c make all",
    ),
    (
        BUILD,
        'ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2',
        "A command of the Dockerfile failed with exit code 2: /bin/sh -c make",
    ),
    (
        BUILD,
        "The command '/bin/sh -c make' returned a non-zero code: 2",
        "A command of the Dockerfile failed with exit code 2: /bin/sh -c make",
    ),
    (
        BUILD,
        "Error response from daemon: dockerfile parse error line 2: unknown instruction: COPPY",
        "The Dockerfile cannot be read, line 2: unknown instruction: COPPY.",
    ),
    (
        BUILD,
        "ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: COPPY",
        "The Dockerfile cannot be read, line 2: unknown instruction: COPPY.",
    ),
    (BUILD, "Error response from daemon: the Dockerfile (Dockerfile) cannot be empty", "The Dockerfile is empty."),
    (
        BUILD,
        "failed to read dockerfile: open /var/lib/docker/tmp/buildkit-mount1/D8: no such file",
        "There is no Dockerfile at that path.",
    ),
    (BUILD, 'ERROR: unable to prepare context: path "./web" not found', "There is no build context ./web. Correct build_context"),
    (
        BUILD,
        'failed to compute cache key: "/nothere" not found: not found',
        "The Dockerfile copies /nothere, which is not in the build context",
    ),
    (BUILD, 'failed to calculate checksum of ref x::y: "/nothere": not found', "The Dockerfile copies /nothere, which is not in"),
    (
        BUILD,
        "COPY failed: file not found in build context or excluded by .dockerignore: stat nothere: file does not exist",
        "The Dockerfile copies nothere, which is not in the build context",
    ),
    (BUILD, "ERROR: failed to solve: r.example/base:1: not found", "The image r.example/base:1 does not exist."),
    (
        BUILD,
        "exec /bin/sh: exec format error\nThe command '/bin/sh -c x' returned a non-zero code: 1",
        "The engine cannot run programs of that platform.",
    ),
    (
        BUILD,
        "the --mount option requires BuildKit. Refer to the documentation",
        "This build needs BuildKit, which this docker client lacks.",
    ),
    (UP, "unknown flag: --project-name\nSee 'docker --help'.", "This docker client has no compose plugin."),
    (UP, "no such service: web", "The compose file has no service web."),
    (UP, "open /srv/shop/compose.yaml: no such file or directory", "There is no compose file /srv/shop/compose.yaml."),
    (UP, "yaml: line 1: did not find expected node content", "The compose file cannot be read."),
    (START, "something nobody has seen before", "docker container start failed."),
    (PUSH, "something nobody has seen before", "docker push failed."),
]


@pytest.mark.parametrize(("argv", "output", "message"), CASES)
def test_says_what_is_wrong_and_ends_with_the_real_output(argv: cli.Argv, output: str, message: str) -> None:
    said = explain(argv, f"line before\n{output}\n")

    assert said.startswith(message)
    assert said.endswith(tail(f"line before\n{output}"))


def test_takes_nothing_that_a_build_prints_for_the_words_of_docker() -> None:
    """npm said that, not the registry of the image."""
    output = "npm ERR! 401 Unauthorized: address already in use\nThe command 'npm ci' returned a non-zero code: 1"

    assert explain(BUILD, output).startswith("A command of the Dockerfile failed with exit code 1: npm ci.")


def test_shows_the_last_lines_without_the_clients_advice() -> None:
    output = "\n".join([*(f"line {number}" for number in range(30)), "", "Run 'docker create --help' for more information"])

    assert tail(output).splitlines() == [f"line {number}" for number in range(15, 30)]


@pytest.mark.parametrize(
    ("output", "down"),
    [
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", True),
        ('error during connect: Get "http://10.0.0.1:2375/v1.41/info": dial tcp 10.0.0.1:2375: i/o timeout', True),
        ('Error response from daemon: Get "https://r.example/v2/": dial tcp 192.0.2.1:443: connect: connection refused', False),
        ("no such manifest: r.example/shop:1", False),
    ],
)
def test_tells_an_engine_that_is_down_from_a_registry_that_is(output: str, down: bool) -> None:
    assert engine_is_down(output) is down
