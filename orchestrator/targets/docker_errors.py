"""Turns what the docker client prints into a message that says what is wrong and what to do, followed by the real output.

Knows the words of clients and engines from 20.10 to 28, of both builders, and of Debian's registry; what it does not know it
passes on as it is. Start at `explain`; the tables below are the index, tried from top to bottom.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

TAIL_LINES = 15

Rules = tuple[tuple[str, str], ...]
"""Pattern of the output, and what to say. ``(?P<what2>...)`` fills ``{what}``, as an alternative to ``(?P<what>...)``."""

_NOISE = re.compile(
    r"DEPRECATED: The legacy builder|\s+BuildKit is currently disabled|\s+environment-variable\.|\s+Install the buildx component"
    r"|\s+https://docs\.docker\.com/|Run 'docker .*--help'|See 'docker .*--help'|\s*$"
)

NO_ENGINE: Rules = (
    (
        r"permission denied while trying to connect to the Docker daemon|dial unix \S+: connect: permission denied",
        "This user may not talk to the Docker engine. Add the user to the group docker, or set DOCKER_HOST",
    ),
    (
        r"Cannot connect to the Docker daemon at (?P<what>\S+?)\.? Is the docker daemon running"
        r"|error during connect: .*?(?P<what2>(?:https?|unix|tcp|npipe)://[^/\s\"]+)"
        r"|dial unix (?P<what3>\S+): connect: ",
        "No Docker engine answers at {what}. Start it, or point DOCKER_HOST or the docker context at one",
    ),
)

ENGINE: Rules = (
    *NO_ENGINE,
    (
        r"no space left on device",
        "The disk of the Docker engine is full. Make room (docker system df shows what takes it), then try again",
    ),
)

CONTAINER: Rules = (
    (
        r"Bind for (?P<what>\S+) failed: port is already allocated"
        r"|listen (?:tcp|udp)[46]? (?P<what2>\S+): bind: address already in use"
        r"|failed to bind host port (?:for )?(?P<what3>[0-9a-fA-F.\[\]:]+?:\d+)\S*: address already in use",
        "Port {what} is already taken. Stop what listens there, or change run.ports",
    ),
    (
        r"listen (?:tcp|udp)[46]? (?P<what>\S+): bind: cannot assign requested address",
        "The engine's machine has no address {what}. Change run.ports",
    ),
    (
        r"container name \"/?(?P<what>[^\"]+)\" is already in use by container \"(?P<by>[0-9a-f]{12})",
        "A container named {what} stands in the way ({by}). Remove or rename it, or change run.name",
    ),
    (
        r"network (?P<what>\S+) not found|No such network: (?P<what2>\S+)",
        "There is no Docker network {what}. Create it (docker network create {what}), or change run.network",
    ),
    (
        r"exec: \"(?P<what>[^\"]+)\": "
        r"(?:stat \S+: no such file or directory|executable file not found|permission denied|is a directory)",
        "The container cannot start: its command {what} is not a program in the image. Correct run.command, or the image's CMD",
    ),
    (
        r"includes invalid characters for a local volume name|invalid mount config|invalid volume specification|invalid mode: \S+"
        r"|error mounting|bind source path does not exist",
        "A volume cannot be mounted. Correct run.volumes",
    ),
    (
        r"invalid environment variable: (?P<what>.*)|invalid argument \"(?P<what2>[^\"]*)\" for \"-e, --env\"",
        "Docker refuses the environment variable {what}. Correct run.env",
    ),
    (r"invalid restart policy:? '?(?P<what>[^\s']+)", "Docker does not know the restart policy {what}. Correct run.restart"),
)

REGISTRY: Rules = (
    (r"no basic auth credentials", "Docker has no login for {registry}. Log in (docker login {registry}), then try again"),
    (
        r"unauthorized|incorrect username or password|authentication required|401 Unauthorized|authorization failed",
        "{registry} refuses the login that Docker has for it. Log in again (docker login {registry}), then try again",
    ),
    (r"toomanyrequests|429 Too Many Requests", "{registry} limits how often it may be asked. Wait, or docker login {registry}"),
    (
        r"pull access denied|requested access to the resource is denied|insufficient_scope|403 Forbidden|\bdenied: ",
        "{registry} does not let this login use {repository}. Check the name and the login's rights (docker login {registry})",
    ),
    (
        r"server gave HTTP response to HTTPS client",
        "{registry} speaks plain HTTP. Give it TLS, or list it under insecure-registries in the engine's configuration",
    ),
    (
        r"x509: |tls: failed to verify certificate|certificate signed by unknown authority",
        "The certificate of {registry} is not trusted. Put its authority's certificate where Docker looks "
        "(/etc/docker/certs.d/{registry}/ca.crt)",
    ),
    (
        r"(?P<why>connection refused|no such host|no route to host|network is unreachable|i/o timeout|TLS handshake timeout"
        r"|Client\.Timeout exceeded|connection reset by peer|server misbehaving)",
        "Registry {registry} does not answer ({why}). Start it, or check its name and the network, then try again",
    ),
    (
        r"manifest for (?P<what>\S+) not found|manifest unknown|[Nn]o such manifest: (?P<what2>\S+)"
        r"|[Nn]o such image: (?P<what3>\S+)|failed to solve:.*?(?P<what4>[^\s:]\S*/\S+): not found",
        "The image {what} does not exist. Check its name and tag",
    ),
)

BUILD: Rules = (
    (
        r"exec format error",
        "The engine cannot run programs of that platform. Install emulation (binfmt), or build on a machine of that kind",
    ),
    (
        r"The command '(?P<what>.*)' returned a non-zero code: (?P<code>\d+)"
        r"|process \"(?P<what2>.*)\" did not complete successfully: exit code: (?P<code2>\d+)"
        r"|executor failed running \[(?P<what3>.*)\]: exit code: (?P<code3>\d+)",
        "A command of the Dockerfile failed with exit code {code}: {what}",
    ),
    (
        r"dockerfile parse error (?:on )?line (?P<line>\d+): (?P<what>.*)",
        "The Dockerfile cannot be read, line {line}: {what}. Correct it, then try again",
    ),
    (r"Dockerfile(?: \([^)]*\))? cannot be empty", "The Dockerfile is empty. Write it, then try again"),
    (
        r"failed to read dockerfile: |Cannot locate specified Dockerfile|unable to evaluate symlinks in Dockerfile path",
        "There is no Dockerfile at that path. It is relative to the project; correct dockerfile",
    ),
    (
        r"unable to prepare context: path \"?(?P<what>[^\"\n]+?)\"? not found",
        "There is no build context {what}. Correct build_context",
    ),
    (
        r"COPY failed: .*?stat (?P<what>[^\s:]+): |ADD failed: .*?stat (?P<what2>[^\s:]+): "
        r"|\"(?P<what3>/[^\"]*)\":? not found",
        "The Dockerfile copies {what}, which is not in the build context (or is excluded by .dockerignore)",
    ),
    (
        r"the --\w+ option requires BuildKit|BuildKit is enabled but the buildx component is missing or broken",
        "This build needs BuildKit, which this docker client lacks. Install its buildx plugin (docker buildx version)",
    ),
)

COMPOSE: Rules = (
    (
        r"unknown (?:shorthand )?flag: |'compose' is not a docker command|unknown (?:docker )?command: \"?(?:docker )?compose",
        "This docker client has no compose plugin. Install it (docker compose version)",
    ),
    (r"no such service: (?P<what>\S+)", "The compose file has no service {what}. Correct compose.service"),
    (r"open (?P<what>.+): no such file or directory", "There is no compose file {what}. Correct compose.file"),
    (r"yaml: |must be a mapping|validating .*: ", "The compose file cannot be read. Correct it, then try again"),
)

_BY_VERB = {"build": ENGINE + BUILD + REGISTRY, "compose": ENGINE + CONTAINER + COMPOSE + REGISTRY}


def explain(argv: Sequence[str], output: str) -> str:
    """A message for people: what is wrong and what to do, then the last lines of *output*.

    Args:
        argv: What was run (``docker VERB ...``), for the name of the image and its registry.
        output: All that it printed, stdout and stderr.
    """
    return "\n".join(part for part in (f"{summary(argv, output)}.", tail(output)) if part)


def summary(argv: Sequence[str], output: str) -> str:
    """The first part of `explain`, without the full stop."""
    # A build's output holds that of the user's own commands: what those say about ports or logins is none of Docker's words.
    for pattern, template in _BY_VERB.get(argv[1], ENGINE + CONTAINER + REGISTRY):
        match = re.search(pattern, output)
        if match is not None:
            return template.format_map(_words(argv, output, match))
    return f"{' '.join(argv[:3] if argv[1] in ('container', 'image', 'manifest') else argv[:2])} failed"


def tail(output: str, lines: int = TAIL_LINES) -> str:
    """The last *lines* of *output* that say something."""
    telling = [line.rstrip() for line in output.splitlines() if not _NOISE.match(line)]
    return "\n".join(telling[-lines:])


def engine_is_down(output: str) -> bool:
    """True when *output* says that no engine could be asked."""
    return any(re.search(pattern, output) for pattern, _ in NO_ENGINE)


def _words(argv: Sequence[str], output: str, match: re.Match[str]) -> dict[str, str]:
    repository = _repository(argv)
    words = {"what": "named there", "registry": _registry(repository, output), "repository": repository or "the image"}
    for name, value in match.groupdict().items():
        if value is not None:
            words[name.rstrip("0123456789")] = value
    return words


def _repository(argv: Sequence[str]) -> str:
    """The image that *argv* is about, without tag or digest; "" where it is about none."""
    after = list(argv[argv.index("--") + 1 :]) if "--" in argv else []
    if argv[1] in ("build", "compose") or not after:
        return ""
    head, slash, last = after[0].partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def _registry(repository: str, output: str) -> str:
    host = repository.partition("/")[0] if "/" in repository else ""
    if "." in host or ":" in host or host == "localhost":
        return host
    asked = re.search(r"https?://([^/\s\"]+)/v2/", output)
    return asked[1] if asked else "the registry"
