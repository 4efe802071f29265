"""Clients inside a swarm's network that ask a service by its name, fifty times a second by the clock: `asking`.

Without virtual addresses (IPVS) this is what a service of endpoint mode dnsrr is like for whoever uses it: each request looks
the name up anew and goes to the first address it is given, without another try. The clients are `Traffic` in a process
that is put into a container's network namespace, with its name server.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.backends.docker import LABEL, SERVICE_PORT
from tests.backends.traffic import Traffic

_ROOT = Path(__file__).parents[2]
_ENDED_S = 30.0
# The mounts are the process's own: nobody else gets another name server.
_INSIDE = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@dataclass
class Outcomes:
    """What became of the requests, once the block is left; see `Traffic`."""

    answers: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    times: list[tuple[float, float, str]] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return self.problems.total()

    @property
    def sent(self) -> int:
        return self.answers.total() + self.lost


@contextmanager
def asking(
    docker: Callable[..., subprocess.CompletedProcess[str]], label: str, network: str, image: str, directory: Path
) -> Iterator[Outcomes]:
    """Requests for the version of the service *label* from the manager's side of *network*, to the end of the block.

    Args:
        docker: The docker client at the manager.
        image: Of a container that only waits; it has the network, its ``sleep`` is busybox's.
        directory: Empty, or not there yet.
    """
    client, outcomes = f"{label}-client", Outcomes()
    waiting = ("--entrypoint", "/bin/busybox", image, "sleep", "600")
    words = ("run", "--detach", "--label", f"{LABEL}={label}", "--name", client, "--network", network, *waiting)
    made = docker(*words)
    assert made.returncode == 0, made.stderr
    try:
        pid = docker("inspect", "--format", "{{.State.Pid}}", client).stdout.strip()
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "resolv.conf").write_text("nameserver 127.0.0.11\noptions ndots:0\n")
        program = (sys.executable, "-m", "tests.backends.swarm_clients", f"http://{label}:{SERVICE_PORT}/version")
        inside = ("unshare", "--mount", "sh", "-c", _INSIDE, str(directory / "resolv.conf"), *program)
        process = subprocess.Popen(
            ["nsenter", f"--net=/proc/{pid}/ns/net", *inside],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "asking\n", "the clients did not begin"
            yield outcomes
            said = json.loads(process.communicate("\n", timeout=_ENDED_S)[0])
            outcomes.answers, outcomes.problems = Counter(said["answers"]), Counter(said["problems"])
            outcomes.times = [(began, took, what) for began, took, what in said["times"]]
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    finally:
        docker("rm", "--force", client)


class _Named(Traffic):
    """Looks the name up for each request. Not as a connection does by itself: that tries all addresses in turn and sorts them."""

    def _get(self, url: urllib.parse.SplitResult) -> tuple[int, str]:
        address = socket.gethostbyname_ex(url.hostname or "")[2][0]
        return super()._get(url._replace(netloc=f"{address}:{url.port}"))


def main() -> None:
    """Ask the URL in the arguments until there is a line on stdin; print what became of it."""
    with _Named([sys.argv[1]]) as traffic:
        print("asking", flush=True)
        sys.stdin.readline()
    print(json.dumps({"answers": traffic.answers, "problems": traffic.problems, "times": traffic.times}))


if __name__ == "__main__":
    main()
