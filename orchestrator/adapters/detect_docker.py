"""What a Dockerfile and a compose file say about a `docker` target: `docker`.

The compose file is read line by line, for the names of its services and where they are built; it is not understood as YAML,
and whoever is asked sees what was concluded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
TAGS = ["{{version}}", "latest"]
UNPRIVILEGED = 1024

_EXPOSE = re.compile(r"^\s*EXPOSE\s+(.+)$", re.IGNORECASE)
_PORT = re.compile(r"(\d{1,5})(/(?:tcp|udp))?")
_FROM = re.compile(r"^\s*FROM\s", re.IGNORECASE)
_KEY = re.compile(r"""(?P<indent> *)(?P<quote>["']?)(?P<key>[A-Za-z0-9._-]+)(?P=quote)\s*:(?:\s+(?P<value>.*))?""")


@dataclass(frozen=True, slots=True)
class Built:
    """A service of a compose file that is built here; *context* and *dockerfile* as the file writes them."""

    service: str
    context: str = "."
    dockerfile: str = "Dockerfile"


def docker(project_dir: Path, project: str) -> tuple[str, dict[str, Any], str] | None:
    """The kind, its entry, and what was seen; None without a Dockerfile and without a service that is built.

    Without a registry the image stays on this machine, so the entry says how to run it: as a service of the compose file, or as
    a container that publishes the ports of the Dockerfile to this machine alone. Each environment has names and ports of its own.
    """
    compose = next((name for name in COMPOSE_FILES if (project_dir / name).is_file()), None)
    built = built_service(_text(project_dir / compose)) if compose else None
    context, dockerfile = _place(project_dir, built)
    found = (project_dir / dockerfile).is_file()
    if not found and built is None:
        return None
    config: dict[str, Any] = {"image_name": project, "build_context": context, "dockerfile": dockerfile, "tags": list(TAGS)}
    if compose and built:
        config["compose"] = {"file": compose, "project": project, "service": built.service}
        staging: dict[str, Any] = {"compose": {"project": f"{project}-staging"}}
        why = f"{dockerfile}, run as service {built.service} of {compose}" if found else f"{compose}, but no {dockerfile}"
    else:
        ports = exposed_ports(_text(project_dir / dockerfile))
        config["run"] = {"name": project, "ports": published(ports, 0), "restart": "unless-stopped"}
        staging = {"run": {"name": f"{project}-staging", "ports": published(ports, 10_000)}}
        why = f"{dockerfile}, run as container {project}"
    return "docker", {"enabled": found, "config": config, "environments": {"staging": {"config": staging}}}, why


def exposed_ports(dockerfile: str) -> list[tuple[int, str]]:
    """Numbers and protocols (``""`` or ``/udp``) that the last stage of *dockerfile* exposes."""
    ports: dict[tuple[int, str], None] = {}
    for line in dockerfile.splitlines():
        if _FROM.match(line):
            ports = {}
        elif exposed := _EXPOSE.match(line):
            matches = [match for word in exposed[1].split() if (match := _PORT.fullmatch(word))]
            ports |= {
                (int(match[1]), (match[2] or "").replace("/tcp", "")): None for match in matches if 0 < int(match[1]) < 65536
            }
    return list(ports)


def published(ports: list[tuple[int, str]], offset: int) -> list[str]:
    """Loopback ports that need no privilege: 8080 for 8080, 8080 or the next free one for 80; all moved by *offset*."""
    taken = {port for port, _ in ports if port >= UNPRIVILEGED}
    specs = []
    for port, protocol in ports:
        host = port
        if port < UNPRIVILEGED:
            host = next(free for free in range(8000 + port, 65536) if free not in taken)
            taken.add(host)
        moved = host + offset if host + offset < 65536 else host - offset
        specs.append(f"127.0.0.1:{moved}:{port}{protocol}")
    return specs


def built_service(compose: str) -> Built | None:
    """The first service with a ``build``; of several the one that is built from the directory of the file itself."""
    services = [built for name, lines in _services(compose) if (built := _built(name, lines))]
    return next((built for built in services if built.context in (".", "./")), services[0] if services else None)


def _services(compose: str) -> list[tuple[str, list[str]]]:
    """Name and lines of each service."""
    found: list[tuple[str, list[str]]] = []
    inside, width = False, 0
    for line in compose.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _KEY.match(line)
        if match and not match["indent"]:
            inside, width = match["key"] == "services", 0
        elif inside and match and len(match["indent"]) == (width or len(match["indent"])):
            width = len(match["indent"])
            found.append((match["key"], []))
        elif inside and found:
            found[-1][1].append(line)
    return found


def _built(service: str, lines: list[str]) -> Built | None:
    keys = [(len(match["indent"]), match["key"], _value(match["value"])) for line in lines if (match := _KEY.match(line))]
    at = next((index for index, (indent, key, _) in enumerate(keys) if key == "build" and indent == keys[0][0]), None)
    if at is None:
        return None
    if keys[at][2]:
        return Built(service, keys[at][2])
    said: dict[str, str] = {}
    for indent, key, value in keys[at + 1 :]:
        if indent <= keys[at][0]:
            break
        said.setdefault(key, value)
    return Built(service, said.get("context") or ".", said.get("dockerfile") or "Dockerfile")


def _value(text: str | None) -> str:
    """A scalar without its quotes and comment; "" for what is none, such as ``{context: .}``."""
    value = re.sub(r"(^|\s)#.*$", "", text or "").strip()
    return "" if value[:1] in ("{", "[", "|", ">", "&", "*") else value.strip("'\"")


def _place(project_dir: Path, built: Built | None) -> tuple[str, str]:
    """Build context and Dockerfile, relative to the project; what leads out of it is not followed."""
    if built is None:
        return ".", "Dockerfile"
    context = Path(built.context)
    if "$" in built.context or not (project_dir / context).resolve().is_relative_to(project_dir.resolve()):
        return ".", "Dockerfile"
    return context.as_posix(), (context / built.dockerfile).as_posix()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
