"""A client inside an overlay network that asks a service by its name, again and again: `SwarmTraffic`.

Without virtual addresses a swarm's services are reached from inside their networks only. Every question looks the name up anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.backends.docker import docker

LOST = "lost"

# The test image's wget cannot ask by name; netcat can.
_ASK = (
    "printf 'GET /version HTTP/1.0\\r\\n\\r\\n' > /request; while true; do "
    "answer=$(/bin/busybox nc -w 3 {name} 8080 < /request | /bin/busybox tail -n 1); "
    'echo "${{answer:-' + LOST + '}}"; /bin/busybox usleep {pause_us}; done'
)


@dataclass
class SwarmTraffic:
    """Questions to *name* in *network*, from a container of *image* that is called *label*.

    Attributes:
        answers: How often each version has answered; `LOST` for no answer.
    """

    name: str
    network: str
    image: str
    label: str
    per_s: int = 50
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        return self.answers.total()

    @property
    def lost(self) -> int:
        return self.answers[LOST]

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Asks from the beginning to the end of the block."""
        client = f"{self.label}-client"
        script = _ASK.format(name=self.name, pause_us=1_000_000 // self.per_s)
        words = ("run", "--detach", "--name", client, "--network", self.network, self.image, "/bin/busybox", "sh", "-c", script)
        started = docker(*words)
        assert started.returncode == 0, started.stderr
        try:
            yield
            self.answers = Counter(docker("logs", client).stdout.split())
        finally:
            docker("rm", "--force", client)
