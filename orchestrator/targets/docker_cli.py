"""Argument lists of the docker client, as data: pure functions, nothing is run here.

Every value that reaches an option is either checked by ``docker_config.py`` or written ``--option=value``, so nothing a
user names can become an option of its own. Works with clients from 20.10 on. Read beside ``docker run --help``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from orchestrator.domain.settings import SecretRef, Value

Argv = tuple[str, ...]

NO_SUCH_DIGEST = "sha256:" + "0" * 64
"""A digest that no content has: asking for it proves access and can never fetch anything."""

VERSION: Argv = ("docker", "version", "--format", "{{json .}}")
INFO: Argv = ("docker", "info", "--format", '{"RegistryConfig":{{json .RegistryConfig}},"DockerRootDir":{{json .DockerRootDir}}}')
ENDPOINT: Argv = ("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
BUILDX_VERSION: Argv = ("docker", "buildx", "version")
COMPOSE_VERSION: Argv = ("docker", "compose", "version", "--short")

# One object a line, of what we need only: a whole inspect is up to 30 kB a container, and only the end of an output is kept.
_IMAGE_FACTS = '{"Id":{{json .Id}},"RepoDigests":{{json .RepoDigests}},"Os":{{json .Os}},"Architecture":{{json .Architecture}}}'
_CONTAINER_FACTS = (
    '{"Id":{{json .Id}},"Name":{{json .Name}},"Image":{{json .Config.Image}},"Labels":{{json .Config.Labels}},'
    '"Status":{{json .State.Status}},"StartedAt":{{json .State.StartedAt}},"ExitCode":{{json .State.ExitCode}},'
    '"OOMKilled":{{json .State.OOMKilled}},"Error":{{json .State.Error}},"RestartCount":{{json .RestartCount}},'
    # The client reads these from a map that has no Health at all without a HEALTHCHECK.
    '"Health":{{with index .State "Health"}}{{json .Status}}{{else}}null{{end}},'
    '"RestartPolicy":{{json .HostConfig.RestartPolicy}},"PortBindings":{{json .HostConfig.PortBindings}}}'
)
_LAST_HEALTH_OUTPUT = '{{with index .State "Health"}}{{range .Log}}{{json .Output}}{{println}}{{end}}{{end}}'


# Images


def build(
    *,
    context: str,
    dockerfile: str,
    references: Iterable[str],
    build_args: Mapping[str, Value],
    platform: str | None = None,
    id_file: Path | None = None,
) -> Argv:
    """``docker build``. A secret build argument has no value here: the client takes it from its own environment."""
    options = [f"--file={local_path(dockerfile)}"]
    options += [f"--platform={platform}"] if platform else []
    options += [f"--iidfile={id_file}"] if id_file else []
    options += [f"--build-arg={_assignment(name, value)}" for name, value in build_args.items()]
    options += [f"--tag={reference}" for reference in references]
    return ("docker", "build", *options, "--", local_path(context))


def push(reference: str) -> Argv:
    return ("docker", "push", "--", reference)


def pull(reference: str) -> Argv:
    return ("docker", "pull", "--", reference)


def ask_access(repository: str) -> Argv:
    """Does the registry let us in? By the engine's own way there, with the client's credentials; see `NO_SUCH_DIGEST`."""
    return pull(f"{repository}@{NO_SUCH_DIGEST}")


def tag(source: str, reference: str) -> Argv:
    return ("docker", "tag", "--", source, reference)


def inspect_images(references: Iterable[str]) -> Argv:
    return ("docker", "image", "inspect", "--format", _IMAGE_FACTS, "--", *references)


def inspect_manifest(reference: str, *, insecure: bool) -> Argv:
    return ("docker", "manifest", "inspect", *_insecure(insecure), "--", reference)


def create_manifest(reference: str, members: Iterable[str], *, insecure: bool) -> Argv:
    """``--amend``: a list of that name, left in the client's own files by a killed run, is written over."""
    return ("docker", "manifest", "create", "--amend", *_insecure(insecure), "--", reference, *members)


def forget_manifest(reference: str) -> Argv:
    return ("docker", "manifest", "rm", "--", reference)


def push_manifest(reference: str, *, insecure: bool) -> Argv:
    return ("docker", "manifest", "push", "--purge", *_insecure(insecure), "--", reference)


# Containers


def start_new(
    verb: Sequence[str],
    *,
    name: str,
    image: str,
    pull_missing: bool,
    labels: Mapping[str, str],
    ports: Iterable[str] = (),
    env: Mapping[str, Value],
    volumes: Iterable[str] = (),
    network: str | None = None,
    restart: str | None = None,
    command: Iterable[str] = (),
) -> Argv:
    """``docker create`` or ``docker run --detach`` of one container; the options are the same.

    Args:
        verb: ``("create",)`` or ``("run", "--detach")``.
        image: Digest reference or image ID.
        pull_missing: False for an image that only this engine has.
    """
    options = [f"--name={name}", f"--pull={'missing' if pull_missing else 'never'}"]
    options += [f"--label={key}={value}" for key, value in labels.items()]
    options += [f"--publish={port}" for port in ports]
    options += [f"--env={_assignment(key, value)}" for key, value in env.items()]
    options += [f"--volume={volume}" for volume in volumes]
    options += [f"--network={network}"] if network else []
    options += [f"--restart={restart}"] if restart else []
    return ("docker", *verb, *options, "--", image, *command)


def list_containers(labels: Mapping[str, str], *, running: bool = False) -> Argv:
    """IDs of all containers that have every one of *labels*; or of those of them that are *running*."""
    filters = [f"--filter=label={key}={value}" for key, value in labels.items()]
    return ("docker", "container", "ls", *(() if running else ("--all",)), "--quiet", "--no-trunc", *filters)


def inspect_containers(names: Iterable[str]) -> Argv:
    return ("docker", "container", "inspect", "--format", _CONTAINER_FACTS, "--", *names)


def health_output(container: str) -> Argv:
    """What the last few health checks printed, one JSON string a line."""
    return ("docker", "container", "inspect", "--format", _LAST_HEALTH_OUTPUT, "--", container)


def publishers(port: int) -> Argv:
    return ("docker", "container", "ls", f"--filter=publish={port}", "--format", "{{.Names}}")


def start(container: str) -> Argv:
    return ("docker", "container", "start", "--", container)


def stop(container: str) -> Argv:
    return ("docker", "container", "stop", "--", container)


def rename(container: str, name: str) -> Argv:
    return ("docker", "container", "rename", "--", container, name)


def remove(container: str) -> Argv:
    """With its anonymous volumes, which nothing else can use."""
    return ("docker", "container", "rm", "--force", "--volumes", "--", container)


def set_restart(container: str, policy: str) -> Argv:
    return ("docker", "container", "update", f"--restart={policy}", "--", container)


def logs(container: str, lines: int) -> Argv:
    return ("docker", "container", "logs", "--tail", str(lines), "--", container)


def inspect_network(name: str) -> Argv:
    return ("docker", "network", "inspect", "--format", "{{.Name}}", "--", name)


# Compose


def compose_up(*, project: str, file: str, override: str | None) -> Argv:
    overrides = [f"--file={override}"] if override else []
    return (*_compose(project, file), *overrides, "up", "--detach")


def compose_services(*, project: str, file: str) -> Argv:
    """Reads and checks the whole file, and prints the names of its services."""
    return (*_compose(project, file), "config", "--services")


def _compose(project: str, file: str) -> Argv:
    return ("docker", "compose", f"--project-name={project}", f"--file={local_path(file)}")


def local_path(path: str) -> str:
    """*path* so that docker cannot take it for a URL (it reads ``github.com/x`` as a repository to clone; so does compose)."""
    return path if path == "." or path.startswith(("/", "./", "../")) else f"./{path}"


def _insecure(insecure: bool) -> Argv:
    return ("--insecure",) if insecure else ()


def _assignment(name: str, value: Value) -> str:
    return name if isinstance(value, SecretRef) else f"{name}={value}"
