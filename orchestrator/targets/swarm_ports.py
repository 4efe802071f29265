"""Published ports and mounts of a service: what ``docker service create`` accepts, brought into one form that can be compared.

Not Docker's whole grammar: no ranges of ports, and of a mount's options only those that say what is mounted where are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SHORT_PORT = re.compile(r"(?:(?P<published>\d{1,5}):)?(?P<target>\d{1,5})(?:/(?P<protocol>tcp|udp|sctp))?")
_SHORT_MOUNT = re.compile(r"(?P<source>[A-Za-z0-9][A-Za-z0-9_.-]*|/[^:,\"\0\n]*):(?P<target>/[^:,\"\0\n]*)(?P<ro>:ro|:rw)?")
_OPTION = re.compile(r"(?P<key>[a-z-]+)(?:=(?P<value>[^,\"\0\n]*))?")
_MOUNT_KEYS = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """One port of the tasks, and how it is reached. *published* None: Swarm chooses."""

    target: int
    published: int | None = None
    protocol: str = "tcp"
    mode: str = "ingress"

    def __str__(self) -> str:
        published = f",published={self.published}" if self.published is not None else ""
        return f"mode={self.mode},target={self.target}{published},protocol={self.protocol}"

    @property
    def place(self) -> str:
        """What ``--publish-rm`` takes."""
        return f"mode={self.mode},target={self.target},protocol={self.protocol}"

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Port:
        """From the engine's own words."""
        return cls(
            data.get("TargetPort", 0),
            data.get("PublishedPort") or None,
            data.get("Protocol") or "tcp",
            data.get("PublishMode") or "ingress",
        )


def parse_port(spec: str) -> Port:
    """From ``8080:80/tcp`` or ``mode=host,target=80,published=8080``.

    Raises:
        ValueError: It is neither.
    """
    short = _SHORT_PORT.fullmatch(spec)
    port = _port(short.groupdict() if short is not None else _options(spec) or {})
    if port is None:
        raise ValueError(f"ports: expected 8080:80 or mode=host,target=80,published=8080, got {spec!r}")
    return port


def _port(options: Mapping[str, str | None]) -> Port | None:
    target, published = (_number(options.get(name)) for name in ("target", "published"))
    protocol, mode = options.get("protocol") or "tcp", options.get("mode") or "ingress"
    unreadable = target is None or (published is None and options.get("published") is not None)
    if unreadable or protocol not in ("tcp", "udp", "sctp") or mode not in ("ingress", "host"):
        return None
    known = options.keys() <= {"published", "target", "protocol", "mode"}
    return Port(target or 0, published, protocol, mode) if known else None


def _number(text: str | None) -> int | None:
    number = int(text) if text is not None and text.isascii() and text.isdigit() else 0
    return number if 1 <= number <= 65_535 else None


def parse_mount(spec: str) -> str:
    """*spec* as ``type=...,source=...,target=...`` and whatever else it says.

    Raises:
        ValueError: It is no mount, or its source is relative: a node of the swarm knows nothing of the project.
    """
    short = _SHORT_MOUNT.fullmatch(spec)
    if short is not None:
        kind = "bind" if short["source"].startswith("/") else "volume"
        read_only = ",readonly" if short["ro"] == ":ro" else ""
        return f"type={kind},source={short['source']},target={short['target']}{read_only}"
    options = _options(spec) or {}
    target, source = options.get("target"), options.get("source")
    kind = options.get("type") or "volume"
    if not target or not target.startswith("/") or (kind == "bind" and not (source or "").startswith("/")):
        raise ValueError(f"mounts: expected SOURCE:TARGET[:ro] with a volume or an absolute path, got {spec!r}")
    rest = {name: value for name, value in options.items() if name not in ("type", "source", "target")}
    parts = [f"type={kind}", *([f"source={source}"] if source else []), f"target={target}"]
    return ",".join(parts + [name if value is None else f"{name}={value}" for name, value in rest.items()])


def mount_facts(mount: str) -> tuple[str, str, str, bool]:
    """Type, source, target and whether it is read only: what is compared of `parse_mount`'s form."""
    options = _options(mount) or {}
    read_only = "readonly" in options and options["readonly"] in (None, "true", "1")
    return options.get("type") or "volume", options.get("source") or "", options.get("target") or "", read_only


def mount_of(data: Mapping[str, Any]) -> str:
    """From the engine's own words."""
    source = data.get("Source") or ""
    parts = [f"type={data.get('Type', 'volume')}", *([f"source={source}"] if source else []), f"target={data.get('Target', '')}"]
    return ",".join([*parts, *(["readonly"] if data.get("ReadOnly") else [])])


def _options(spec: str) -> dict[str, str | None] | None:
    found: dict[str, str | None] = {}
    for part in spec.split(","):
        match = _OPTION.fullmatch(part)
        name = _MOUNT_KEYS.get(match["key"], match["key"]) if match is not None else ""
        if match is None or name in found:
            return None
        found[name] = match["value"]
    return found
