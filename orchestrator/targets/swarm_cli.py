"""Argument lists of the docker client for services, as data: pure functions, nothing is run here.

As in ``docker_cli.py``, every value that reaches an option is written ``--option=value``. Every command returns at once: what
becomes of a change is asked of the swarm, never of an exit code. Read beside ``docker service create --help``.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestrator.domain.settings import SecretRef, Value
from orchestrator.targets.docker_cli import local_path
from orchestrator.targets.swarm_ports import mount_facts
from orchestrator.targets.swarm_spec import Shape

Argv = tuple[str, ...]

NODE: Argv = ("docker", "info", "--format", "{{json .Swarm}}")
NODES: Argv = ("docker", "node", "ls", "--format", "{{json .}}")

# Of what we need only: a whole inspect also has the service as it was before.
_SERVICE_FACTS = '{"ID":{{json .ID}},"Spec":{{json .Spec}},"UpdateStatus":{{json .UpdateStatus}}}'
# A hundred replicas with their history make five hundred lines, and only the end of a long output is kept.
_TASK_FACTS = '{{.ID}}\t{{.Name}}\t{{.Node}}\t{{.DesiredState}}\t{{.CurrentState}}\t{{.Ports}}\t{{printf "%.300s" .Error}}'
_NODE_FACTS = '{"name":{{json .Description.Hostname}},"status":{{json .Status}},"manager":{{json .ManagerStatus}}}'
_NETWORK_FACTS = '{"ID":{{json .ID}},"Name":{{json .Name}},"Scope":{{json .Scope}},"Driver":{{json .Driver}}}'


# Services


def create(name: str, shape: Shape) -> Argv:
    """``docker service create`` of all that *shape* says. A secret's value is taken from the client's own environment."""
    options = [f"--name={name}", f"--replicas={shape.replicas}", f"--endpoint-mode={shape.endpoint_mode}"]
    options += [f"--label={key}={value}" for key, value in shape.labels.items()]
    options += [f"--container-label={key}={value}" for key, value in shape.container_labels.items()]
    options += [f"--env={_assignment(key, value)}" for key, value in shape.env.items()]
    options += [f"--mount={mount}" for mount in shape.mounts]
    options += [f"--network={_attachment(network, aliases)}" for network, aliases in shape.networks.items()]
    options += [f"--publish={port}" for port in shape.ports]
    options += [f"--constraint={constraint}" for constraint in shape.constraints]
    options += [f"--entrypoint={shlex.join(shape.entrypoint)}"] if shape.entrypoint else []
    options += [*_rolling("update", shape.update), *_rolling("rollback", shape.rollback)]
    return ("docker", "service", "create", *_HARMLESS, *options, "--", shape.image, *shape.command)


def update(name: str, live: Shape, wanted: Shape) -> Argv:
    """``docker service update`` from *live* to *wanted*: one change, with everything in it."""
    options = [f"--image={wanted.image}", *([f"--replicas={wanted.replicas}"] if wanted.replicas is not None else [])]
    options += [*_rolling("update", wanted.update), *_rolling("rollback", wanted.rollback)]
    options += _named("label", live.labels, wanted.labels)
    options += _named("container-label", live.container_labels, wanted.container_labels)
    options += [f"--env-rm={key}" for key in live.env if key not in wanted.env]
    options += [f"--env-add={_assignment(key, value)}" for key, value in wanted.env.items()]
    options += _mounts(live, wanted)
    options += _networks(live, wanted)
    options += [f"--publish-rm={port.place}" for port in live.ports if port not in wanted.ports]
    options += [f"--publish-add={port}" for port in wanted.ports if port not in live.ports]
    options += [f"--constraint-rm={one}" for one in live.constraints if one not in wanted.constraints]
    options += [f"--constraint-add={one}" for one in wanted.constraints if one not in live.constraints]
    options += [f"--endpoint-mode={wanted.endpoint_mode}"] if live.endpoint_mode != wanted.endpoint_mode else []
    options += [f"--args={shlex.join(wanted.command)}"] if live.command != wanted.command else []
    options += [f"--entrypoint={shlex.join(wanted.entrypoint)}"] if live.entrypoint != wanted.entrypoint else []
    return ("docker", "service", "update", *_HARMLESS, *options, "--", name)


def remove(name: str) -> Argv:
    return ("docker", "service", "rm", "--", name)


def list_services(labels: Mapping[str, str]) -> Argv:
    """Names of all services that have every one of *labels*."""
    filters = [f"--filter=label={key}={value}" for key, value in labels.items()]
    return ("docker", "service", "ls", "--format", "{{.Name}}", *filters)


def inspect_services(names: Iterable[str]) -> Argv:
    return ("docker", "service", "inspect", "--format", _SERVICE_FACTS, "--", *names)


def logs(name: str, lines: int) -> Argv:
    """Of a service or of one task."""
    return ("docker", "service", "logs", "--raw", "--tail", str(lines), "--", name)


def service_containers(name: str) -> Argv:
    """IDs of a service's containers on the engine that is asked, whether or not the service still exists."""
    return ("docker", "container", "ls", "--all", "--quiet", f"--filter=label=com.docker.swarm.service.name={name}")


# Tasks, nodes, networks


def list_tasks(services: Iterable[str]) -> Argv:
    """Also those that have ended, as far as the swarm remembers them."""
    return ("docker", "service", "ps", "--no-trunc", "--format", _TASK_FACTS, "--", *services)


def inspect_tasks(ids: Iterable[str], label: str) -> Argv:
    """A line for each task: its ID and the value that its container label *label* has."""
    facts = f'{{{{.ID}}}} {{{{index .Spec.ContainerSpec.Labels "{label}"}}}}'
    return ("docker", "inspect", "--type=task", "--format", facts, "--", *ids)


def inspect_nodes(nodes: Iterable[str]) -> Argv:
    return ("docker", "node", "inspect", "--format", _NODE_FACTS, "--", *nodes)


def inspect_networks(networks: Iterable[str]) -> Argv:
    return ("docker", "network", "inspect", "--format", _NETWORK_FACTS, "--", *networks)


# Stacks


def stack_config(file: str) -> Argv:
    """The stack's file as the client reads it, without the values of variables."""
    return ("docker", "stack", "config", "--skip-interpolation", f"--compose-file={local_path(file)}")


def stack_deploy(name: str, file: str, override: str, *, detach: bool) -> Argv:
    """*detach*: False for clients that always return at once and have no word for it."""
    options = ["--with-registry-auth", f"--compose-file={local_path(file)}", f"--compose-file={override}"]
    return ("docker", "stack", "deploy", *(("--detach=true",) if detach else ()), *options, "--", name)


def list_stack(name: str) -> Argv:
    return list_services({"com.docker.stack.namespace": name})


# Digests are pinned by us: what the client would ask the registry for, with rights of its own, is known.
_HARMLESS: Argv = ("--detach=true", "--quiet", "--no-resolve-image", "--with-registry-auth")


def _mounts(live: Shape, wanted: Shape) -> Iterator[str]:
    places = {mount_facts(mount)[2] for mount in wanted.mounts}
    yield from (f"--mount-rm={mount_facts(mount)[2]}" for mount in live.mounts if mount_facts(mount)[2] not in places)
    yield from (f"--mount-add={mount}" for mount in wanted.mounts)


def _networks(live: Shape, wanted: Shape) -> Iterator[str]:
    """Other aliases are another attachment: the one before it goes."""
    yield from (f"--network-rm={name}" for name, aliases in live.networks.items() if wanted.networks.get(name) != aliases)
    changed = {name: aliases for name, aliases in wanted.networks.items() if live.networks.get(name) != aliases}
    yield from (f"--network-add={_attachment(name, aliases)}" for name, aliases in changed.items())


def _named(option: str, live: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    yield from (f"--{option}-rm={key}" for key in live if key not in wanted)
    yield from (f"--{option}-add={key}={value}" for key, value in wanted.items() if live.get(key) != value)


def _rolling(which: str, config: Mapping[str, Any]) -> Iterator[str]:
    yield f"--{which}-parallelism={config['parallelism']}"
    yield f"--{which}-delay={_duration(config['delay_s'])}"
    yield f"--{which}-order={config['order']}"
    yield f"--{which}-monitor={_duration(config['monitor_s'])}"
    yield f"--{which}-max-failure-ratio={config['max_failure_ratio']}"
    yield f"--{which}-failure-action={config['failure_action']}"


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _attachment(network: str, aliases: Iterable[str]) -> str:
    return ",".join([f"name={network}", *(f"alias={alias}" for alias in aliases)])


def _assignment(name: str, value: Value) -> str:
    return name if isinstance(value, SecretRef) else f"{name}={value}"
