"""Published ports: what Docker accepts, and whether this machine has them free."""

from __future__ import annotations

import socket

import pytest

from orchestrator.targets.docker_ports import HostPort, first_taken, missing_from, parse_ports


@pytest.mark.parametrize(
    ("spec", "ports"),
    [
        ("80", []),
        ("127.0.0.1::80", []),
        ("8080:80", [("", 8080, "tcp")]),
        ("127.0.0.1:8080:80", [("127.0.0.1", 8080, "tcp")]),
        ("[::1]:8080:80/udp", [("::1", 8080, "udp")]),
        ("8000-8002:80-82", [("", 8000, "tcp"), ("", 8001, "tcp"), ("", 8002, "tcp")]),
        ("8000-8001:80", [("", 8000, "tcp"), ("", 8001, "tcp")]),
    ],
)
def test_reads_what_docker_accepts(spec: str, ports: list[tuple[str, int, str]]) -> None:
    assert parse_ports(spec) == tuple(HostPort(*port) for port in ports)


@pytest.mark.parametrize(
    "spec",
    ["", "80:", ":80", "a:80", "80:abc", "1.2.3.4:80", "80:80/icmp", "70000:80", "0:80", "9-8:80-81", "80-82:80-81", "--x"],
)
def test_refuses_what_docker_refuses(spec: str) -> None:
    with pytest.raises(ValueError, match=r"^port "):
        parse_ports(spec)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        (HostPort("", 80), HostPort("127.0.0.1", 80), True),
        (HostPort("::", 80), HostPort("::1", 80), True),
        (HostPort("127.0.0.1", 80), HostPort("127.0.0.2", 80), False),
        (HostPort("", 80), HostPort("", 81), False),
        (HostPort("", 80), HostPort("", 80, "udp"), False),
    ],
)
def test_knows_which_ports_clash(one: HostPort, other: HostPort, clash: bool) -> None:
    assert one.clashes(other) is clash
    assert other.clashes(one) is clash


def test_leaves_out_what_stopping_the_holder_frees() -> None:
    wanted = [HostPort("", 80), HostPort("", 443)]

    assert missing_from(wanted, [HostPort("127.0.0.1", 80)]) == (HostPort("", 443),)


@pytest.mark.parametrize(("protocol", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
def test_finds_the_port_that_is_taken(protocol: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        taken = HostPort("127.0.0.1", holder.getsockname()[1], protocol)

        found = first_taken([taken])

    assert found == (taken, "something listens there")


def test_takes_a_port_with_lingering_connections_for_free() -> None:
    """As Docker's own proxy does: it listens with SO_REUSEADDR."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0] as accepted:
            accepted.shutdown(socket.SHUT_RDWR)

    assert first_taken([HostPort("127.0.0.1", port)]) is None


def test_names_an_address_that_this_machine_does_not_have() -> None:
    found = first_taken([HostPort("192.0.2.1", 8080)])

    assert found == (HostPort("192.0.2.1", 8080), "this machine does not have that address")


def test_shows_ports_as_people_write_them() -> None:
    assert [str(HostPort("", 80)), str(HostPort("127.0.0.1", 53, "udp"))] == ["0.0.0.0:80", "127.0.0.1:53/udp"]
