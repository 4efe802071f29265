"""What a service looks like, in one form for what is wanted and for what is there: `Shape`.

From two of them come what an update has to say (`swarm_cli.update`) and what somebody has changed by hand (`differences`). What a
service has besides is not ours to set; `others` says what it is, so that a change there is seen, too. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.plan import canonical_json
from orchestrator.domain.settings import SecretRef, Value
from orchestrator.targets.swarm_config import PREFIX
from orchestrator.targets.swarm_ports import Port, mount_facts, mount_of

OTHERS = f"{PREFIX}others"
"""Label: what the service had at our last update that is not ours to set, as JSON."""

_SECOND = 1_000_000_000
_OURS = {
    "ContainerSpec": ("Image", "Labels", "Args", "Command", "Env", "Mounts"),
    "Placement": ("Constraints", "Platforms"),
}
# What a new service has where nothing is said, by whichever engine; a counter of restarts is no property.
_DEFAULTS: dict[str, Any] = {
    "StopGracePeriod": 10 * _SECOND,
    "Isolation": "default",
    "Runtime": "container",
    "RestartPolicy": {"Condition": "any", "Delay": 5 * _SECOND, "MaxAttempts": 0},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The properties of a service that a deployment sets.

    Attributes:
        replicas: None for a service with one task on every node.
        networks: Name to aliases.
        update: As `swarm_config.RollingUpdate`.
    """

    image: str
    replicas: int | None
    env: Mapping[str, Value]
    command: tuple[str, ...]
    entrypoint: tuple[str, ...]
    mounts: tuple[str, ...]
    networks: Mapping[str, tuple[str, ...]]
    ports: tuple[Port, ...]
    labels: Mapping[str, str]
    container_labels: Mapping[str, str]
    constraints: tuple[str, ...]
    endpoint_mode: str
    update: Mapping[str, Any]
    rollback: Mapping[str, Any]


def live_shape(spec: Mapping[str, Any], networks: Mapping[str, str]) -> Shape:
    """From a service's ``Spec``.

    Args:
        networks: ID to name; a network without one keeps its ID.
    """
    task = spec.get("TaskTemplate") or {}
    container, endpoint = task.get("ContainerSpec") or {}, spec.get("EndpointSpec") or {}
    return Shape(
        image=container.get("Image") or "",
        replicas=replicas_of(spec),
        env=dict(_pair(entry) for entry in container.get("Env") or ()),
        command=tuple(container.get("Args") or ()),
        entrypoint=tuple(container.get("Command") or ()),
        mounts=tuple(mount_of(mount) for mount in container.get("Mounts") or ()),
        networks={networks.get(one["Target"], one["Target"]): tuple(one.get("Aliases") or ()) for one in attachments(spec)},
        ports=tuple(sorted(Port.of(port) for port in endpoint.get("Ports") or ())),
        labels=spec.get("Labels") or {},
        container_labels=container.get("Labels") or {},
        constraints=tuple((task.get("Placement") or {}).get("Constraints") or ()),
        endpoint_mode=endpoint.get("Mode") or "vip",
        update=_rolling(spec.get("UpdateConfig") or {}),
        rollback=_rolling(spec.get("RollbackConfig") or {}),
    )


def replicas_of(spec: Mapping[str, Any]) -> int | None:
    replicated = (spec.get("Mode") or {}).get("Replicated")
    return int(replicated.get("Replicas", 1)) if replicated is not None else None


def attachments(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """To networks; services of old engines have them in another place."""
    return list((spec.get("TaskTemplate") or {}).get("Networks") or spec.get("Networks") or ())


def others(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What *spec* says besides a `Shape`, without what every new service has."""
    task = dict(spec.get("TaskTemplate") or {})
    task.pop("ForceUpdate", None)
    task.pop("Networks", None)
    for part, names in _OURS.items():
        task[part] = {name: value for name, value in (task.get(part) or {}).items() if name not in names}
    container = task.pop("ContainerSpec")
    found = _telling({**task, **container})
    return found if isinstance(found, dict) else {}


def others_label(spec: Mapping[str, Any]) -> str:
    """The value of the label `OTHERS` for a service that is like *spec*."""
    return canonical_json(others(spec)).decode()


def differences(live: Shape, wanted: Shape) -> Iterator[str]:
    """What is otherwise in *live*, one line each: ``replicas: 5 instead of 10``. A secret's value is neither known nor told."""
    for name in ("image", "replicas", "command", "entrypoint", "endpoint_mode"):
        found, expected = getattr(live, name), getattr(wanted, name)
        if found != expected:
            yield f"{name}: {_shown(found)} instead of {_shown(expected)}"
    yield from _env(live.env, wanted.env)
    yield from _pairs("label", live.labels, wanted.labels)
    yield from _pairs("container label", live.container_labels, wanted.container_labels)
    yield from _pairs("network", live.networks, wanted.networks)
    yield from _members("port", map(str, live.ports), map(str, wanted.ports))
    yield from _members("mount", map(_mount_key, live.mounts), map(_mount_key, wanted.mounts))
    yield from _members("constraint", live.constraints, wanted.constraints)
    # While we go back, tasks are replaced as ``rollback`` says.
    if live.update not in (wanted.update, wanted.rollback):
        yield from _pairs("update", live.update, wanted.update)
    yield from _pairs("rollback", live.rollback, wanted.rollback)


def other_differences(spec: Mapping[str, Any]) -> Iterator[str]:
    """What is otherwise than at our last update and not ours to set."""
    recorded = (spec.get("Labels") or {}).get(OTHERS)
    yield from _pairs("setting", others(spec), json.loads(recorded) if recorded else {})


def _env(live: Mapping[str, Value], wanted: Mapping[str, Value]) -> Iterator[str]:
    for name in sorted({*live, *wanted}):
        if name not in live:
            yield f"env {name}: is gone"
        elif name not in wanted:
            yield f"env {name}: was added"
        elif not isinstance(wanted[name], SecretRef) and live[name] != wanted[name]:
            # What somebody has set by hand may be a secret: no line ever says a value.
            yield f"env {name}: another value"


def _pairs(what: str, live: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*live, *wanted} - {OTHERS}):
        if name not in live:
            yield f"{what} {name}: is gone"
        elif name not in wanted:
            yield f"{what} {name}: {_shown(live[name])} was added"
        elif live[name] != wanted[name]:
            yield f"{what} {name}: {_shown(live[name])} instead of {_shown(wanted[name])}"


def _members(what: str, live: Iterable[str], wanted: Iterable[str]) -> Iterator[str]:
    found, expected = set(live), set(wanted)
    yield from (f"{what} {one}: was added" for one in sorted(found - expected))
    yield from (f"{what} {one}: is gone" for one in sorted(expected - found))


def _mount_key(mount: str) -> str:
    kind, source, target, read_only = mount_facts(mount)
    return f"{kind} {source}:{target}{':ro' if read_only else ''}"


def _rolling(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "parallelism": config.get("Parallelism", 1 if not config else 0),
        "delay_s": config.get("Delay", 0) / _SECOND,
        "order": config.get("Order") or "stop-first",
        "monitor_s": config.get("Monitor", 5 * _SECOND if not config else 0) / _SECOND,
        "max_failure_ratio": round(config.get("MaxFailureRatio") or 0.0, 6),
        "failure_action": config.get("FailureAction") or "pause",
    }


def _telling(value: Any, name: str = "") -> Any:
    """*value* without what is empty or a default; None when nothing is left."""
    if name in _DEFAULTS and value == _DEFAULTS[name]:
        return None
    if isinstance(value, dict):
        kept = {key: _telling(each, key) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each is not None} or None
    return value if value not in (None, False, 0, "", []) else None


def _pair(entry: str) -> tuple[str, str]:
    name, _, value = entry.partition("=")
    return name, value


def _shown(value: Any) -> str:
    return " ".join(value) or "none" if isinstance(value, tuple) else str(value)
