"""A whole deployment with docker against the same docker commands in a shell script.

Both build the same context, push it to the same registry and put a new container in the place of the one that runs, which is
stopped gracefully and kept for an instant way back. Ours also plans, observes, records and verifies; neither waits to see whether
the container stays up (``stable_s: 0``), which is a wait of one's own choice and not a cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from benchmarks.harness import BIN, Figure, Limit, Side, Skipped, Unit, compare, program
from benchmarks.project import VERSION, write_project
from tests.backends.docker import SERVICE_PORT, DockerBackend, free_port, write_context

SLOW_S = 9
_SUBJECT = "deployment with docker"
_SCRIPT = """set -e
docker build --tag {image} context
docker push {image}
docker rm {name}-previous
docker rename {name} {name}-previous
docker create --name {name} --publish 127.0.0.1:{port}:{service} {image}
docker stop {name}-previous
docker start {name}
"""


def run(scratch: Path) -> Iterator[Figure | Skipped]:
    backend, label = DockerBackend(), f"bench{scratch.name[-8:].lower().replace('_', '0')}"
    if (problem := backend.available()) is not None:
        yield Skipped(_SUBJECT, problem)
        return
    try:
        yield from _measured(scratch, backend, label)
    finally:
        backend.forget(label)


def _measured(scratch: Path, backend: DockerBackend, label: str) -> Iterator[Figure]:
    ours, theirs = _ours(scratch / "ours", backend, label), _theirs(scratch / "theirs", backend, label)
    # Never a number that an earlier run has left in the build cache.
    numbers = count(time.time_ns())

    def changed(project: Path, deploy: Callable[[], object]) -> Callable[[], object]:
        def deploy_change() -> None:
            (project / "context" / "change").write_text(f"{next(numbers)}\n", encoding="utf-8")
            deploy()

        return deploy_change

    script = "sh: docker build, push, rm, rename, create, stop, start"
    yield compare(
        f"{_SUBJECT}, nothing changed",
        Side("pop-deploy execute --mode deploy --yes", ours),
        Side(script, theirs),
        Limit(300, Unit.MORE_MS),
        runs=15,
    )
    yield compare(
        f"{_SUBJECT} of about 10 s",
        Side(f"pop-deploy execute --mode deploy --yes (its build sleeps {SLOW_S} s)", changed(scratch / "ours", ours)),
        Side(script, changed(scratch / "theirs", theirs)),
        Limit(1.05, Unit.TIMES),
        runs=5,
    )


def _ours(project: Path, backend: DockerBackend, label: str) -> Callable[[], object]:
    config = {
        "registry": backend.registry,
        "image_name": f"{label}/ours",
        "tags": ["{{version}}"],
        "build_context": "context",
        "dockerfile": "context/Dockerfile",
        "run": {"name": f"{label}-ours", "ports": [f"127.0.0.1:{free_port()}:{SERVICE_PORT}"], "stable_s": 0},
    }
    write_project(project, config, kind="docker")
    _write_context(project / "context", label)
    return program([BIN / "pop-deploy", "execute", "--mode", "deploy", "--yes"], cwd=project)


def _theirs(project: Path, backend: DockerBackend, label: str) -> Callable[[], object]:
    project.mkdir()
    _write_context(project / "context", label)
    name, image = f"{label}-theirs", f"{backend.registry}/{label}/theirs:{VERSION}"
    script = _SCRIPT.format(name=name, image=image, port=free_port(), service=SERVICE_PORT)
    (project / "deploy.sh").write_text(script, encoding="utf-8")
    # Something has to run before it can be replaced.
    program(["docker", "build", "--tag", image, "context"], cwd=project)()
    program(["docker", "create", "--name", f"{name}-previous", image], cwd=project)()
    program(["docker", "run", "--detach", "--name", name, image], cwd=project)()
    return program(["sh", "deploy.sh"], cwd=project)


def _write_context(path: Path, label: str) -> None:
    write_context(path, version=VERSION, label=label)
    (path / "change").write_text("first\n", encoding="utf-8")
    with (path / "Dockerfile").open("a", encoding="utf-8") as file:
        file.write(f'COPY change /change\nRUN ["/bin/busybox", "sleep", "{SLOW_S}"]\n')
