"""What a swarm target's configuration accepts, and how ports and mounts are written."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain.settings import SecretRef
from orchestrator.targets.canary_config import Canary
from orchestrator.targets.swarm import RollingUpdate, StackConfig, SwarmConfig
from orchestrator.targets.swarm_ports import mount_facts, parse_mount, parse_port


def config(**fields: Any) -> SwarmConfig:
    return SwarmConfig(**{"image_name": "shop/web", "service": "shop", **fields})


@pytest.mark.parametrize(
    ("spec", "written"),
    [
        ("8080:80", "mode=ingress,target=80,published=8080,protocol=tcp"),
        ("80", "mode=ingress,target=80,protocol=tcp"),
        ("53:53/udp", "mode=ingress,target=53,published=53,protocol=udp"),
        ("mode=host,target=80,published=8080", "mode=host,target=80,published=8080,protocol=tcp"),
        ("target=80,protocol=udp", "mode=ingress,target=80,protocol=udp"),
    ],
)
def test_a_port_has_one_form(spec: str, written: str) -> None:
    assert str(parse_port(spec)) == written
    assert parse_port(written) == parse_port(spec)


@pytest.mark.parametrize(
    "spec",
    ["", "x", "0", "70000", "1:2:3", "80-81:80", "mode=g,target=80", "target=80,no=1", "target=x", "mode=host", "-p", "80/abc"],
)  # fmt: skip
def test_refuses_what_is_no_port(spec: str) -> None:
    with pytest.raises(ValueError, match="ports: expected 8080:80 or"):
        parse_port(spec)


@pytest.mark.parametrize(
    ("spec", "written"),
    [
        ("data:/data", "type=volume,source=data,target=/data"),
        ("/srv/data:/data:ro", "type=bind,source=/srv/data,target=/data,readonly"),
        ("src=data,dst=/data,volume-nocopy", "type=volume,source=data,target=/data,volume-nocopy"),
        ("type=tmpfs,destination=/tmp,tmpfs-size=1000", "type=tmpfs,target=/tmp,tmpfs-size=1000"),
    ],
)
def test_a_mount_has_one_form(spec: str, written: str) -> None:
    assert parse_mount(spec) == written
    assert mount_facts(parse_mount(written)) == mount_facts(parse_mount(spec))


@pytest.mark.parametrize(
    "spec", ["", "data", "./data:/data", "data:data", "type=bind,source=data,target=/x", "a:/b:rx", 'a:/"b"']
)
def test_refuses_what_is_no_mount(spec: str) -> None:
    with pytest.raises(ValueError, match="mounts: expected SOURCE:TARGET"):
        parse_mount(spec)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"service": None}, "expected one of service and stack"),
        ({"stack": StackConfig(file="stack.yaml", service="web")}, "expected one of service and stack"),
        ({"service": "-x"}, "service: expected at most 56"),
        ({"service": "x" * 57}, "service: expected at most 56"),
        ({"networks": ("a,b",)}, "networks: expected"),
        ({"alias": "a,b"}, "alias: expected"),
        ({"labels": {"pop-deploy.project": "x"}}, "what begins with pop-deploy. is ours"),
        ({"labels": {"-x": "x"}}, "labels: expected"),
        ({"constraints": ("x",)}, "constraints: expected"),
        ({"env": {"DOCKER_HOST": SecretRef(env="X")}}, "cannot be a secret"),
        ({"ports": ("8080:80", "8081:80")}, "can be published once"),
        ({"ports": ("8080:80",), "endpoint_mode": "dnsrr"}, "host mode only"),
        ({"ports": ("8080:80",), "canary": Canary()}, "host mode only"),
        ({"canary": Canary(), "endpoint_mode": "vip"}, "a canary needs dnsrr"),
        ({"service": None, "stack": StackConfig(file="s.yaml", service="web"), "canary": Canary()}, "a service of a stack"),
    ],
)
def test_says_what_is_wrong(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**fields)


def test_a_canary_needs_no_virtual_address() -> None:
    assert config().mode == "vip"
    assert config(canary=Canary()).mode == "dnsrr"
    assert config(ports=("mode=host,target=80",), endpoint_mode="dnsrr", update=RollingUpdate()).mode == "dnsrr"


def test_takes_constraints_as_docker_writes_them() -> None:
    found = ("node.role == manager", "node.labels.zone!=a", "engine.labels.os==debian", "node.hostname == a b")

    assert config(constraints=found).constraints == found
