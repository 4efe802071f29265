"""Published ports: reading what ``docker run --publish`` accepts, and asking this machine whether they are free.

Not a full parser of Docker's grammar: it refuses what Docker would refuse, before anything is stopped for it. Start at
`parse_ports`; `first_taken` is the question that the dry run and the update ask.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from typing import NamedTuple

_RANGE = r"\d{1,5}(?:-\d{1,5})?"
_SPEC = re.compile(
    rf"(?:(?:(?P<address>\[[0-9a-fA-F:.]+\]|\d+\.\d+\.\d+\.\d+):(?P<middle>{_RANGE})?|(?P<host>{_RANGE})):)?"
    rf"(?P<container>{_RANGE})(?:/(?P<protocol>tcp|udp|sctp))?"
)


class HostPort(NamedTuple):
    """One port on the engine's machine. *address* is "" for all addresses."""

    address: str
    port: int
    protocol: str = "tcp"

    def __str__(self) -> str:
        suffix = "" if self.protocol == "tcp" else f"/{self.protocol}"
        return f"{self.address or '0.0.0.0'}:{self.port}{suffix}"  # noqa: S104 - shown, not bound

    def clashes(self, other: HostPort) -> bool:
        """True when both cannot be listened on at once."""
        everywhere = {"", "0.0.0.0", "::"}  # noqa: S104 - compared, not bound
        same_address = self.address == other.address or self.address in everywhere or other.address in everywhere
        return same_address and (self.port, self.protocol) == (other.port, other.protocol)


def parse_ports(spec: str) -> tuple[HostPort, ...]:
    """The host ports that *spec* asks for; `()` where Docker chooses one (``"8080"``).

    Args:
        spec: ``[address:][host port or range:]container port or range[/protocol]``, for example ``127.0.0.1:8080:80``.

    Raises:
        ValueError: Docker would refuse it.
    """
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ValueError(f"port {spec!r}: expected [address:][host port:]container port[/tcp|udp], like 127.0.0.1:8080:80")
    container = _numbers(spec, match["container"])
    host = match["middle"] or match["host"]
    if host is None:
        return ()
    numbers = _numbers(spec, host)
    if len(numbers) != len(container) and len(container) != 1:
        raise ValueError(f"port {spec!r}: the two ranges have different lengths")
    address = (match["address"] or "").strip("[]")
    return tuple(HostPort(address, number, match["protocol"] or "tcp") for number in numbers)


def _numbers(spec: str, text: str) -> range:
    first, _, last = text.partition("-")
    numbers = range(int(first), int(last or first) + 1)
    if not numbers or numbers[0] < 1 or numbers[-1] > 65_535:
        raise ValueError(f"port {spec!r}: {text} is not a port or a rising range between 1 and 65535")
    return numbers


def missing_from(wanted: Iterable[HostPort], held: Iterable[HostPort]) -> tuple[HostPort, ...]:
    """The ports of *wanted* that stopping the holder of *held* does not free."""
    mine = tuple(held)
    return tuple(port for port in wanted if not any(port.clashes(other) for other in mine))


def first_taken(ports: Iterable[HostPort]) -> tuple[HostPort, str] | None:
    """The first of *ports* that cannot be listened on here, with the reason; None when all are free.

    Only says something about an engine on this machine.
    """
    for port in ports:
        reason = _taken(port)
        if reason is not None:
            return port, reason
    return None


def _taken(port: HostPort) -> str | None:
    import socket  # a configuration is read by every command, a port asked for by few

    family = socket.AF_INET6 if ":" in port.address else socket.AF_INET
    if port.protocol == "sctp":
        return None
    kind = socket.SOCK_DGRAM if port.protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            # As Docker's own proxy does: connections that still linger do not take a port, a listener does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.address, port.port))
            if kind == socket.SOCK_STREAM:
                probe.listen(1)
        except OSError as error:
            return _reason(error)
    return None


def _reason(error: OSError) -> str | None:
    if error.errno == errno.EADDRINUSE:
        return "something listens there"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address"
    # A low port is forbidden for us, and no hindrance for the engine; an unsupported family is its business too.
    return None
