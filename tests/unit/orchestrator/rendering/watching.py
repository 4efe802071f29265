"""What the tests of live progress share: terminals that are none, and a deployment told as the services tell it."""

from __future__ import annotations

import io

from orchestrator.rendering.progress import PlainProgress, Progress


class Terminal(io.StringIO):
    """Text that says it is a terminal, and counts how often it was written to."""

    encoding = "utf-8"

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def isatty(self) -> bool:
        return True

    def write(self, what: str) -> int:
        self.writes += 1
        return super().write(what)


class Gone(Terminal):
    """A terminal whose other end has hung up."""

    def write(self, what: str) -> int:
        raise BrokenPipeError("nobody reads")


def plain() -> tuple[PlainProgress, io.StringIO]:
    stream = io.StringIO()
    return PlainProgress(stream), stream


def deploy(progress: Progress, *, healthy: bool = True) -> None:
    """What the services tell of the story that `Story.verified` tells (or `Story.unhealthy`, rolled back)."""
    progress.phase("Steps")
    for number, (title, seconds) in enumerate(
        [("Building image", 45), ("Pushing to registry", 12), ("Updating deployment", 3), ("Waiting for rollout", 30)], 1
    ):
        progress.step_started(number, 5, title)
        progress.output(b"Step 1/9 : FROM scratch\n")
        progress.step_finished("done", seconds * 1000)
    progress.step_started(5, 5, "Health check")
    progress.check("running digest", "pass", "as pushed")
    progress.check("health check", "pass" if healthy else "fail", "http status 200")
    progress.step_finished("passed" if healthy else "failed", 30_000)
    if not healthy:
        progress.phase("Rolling back to 1.0.0")
        progress.step_started(1, 2, "Restoring the previous container")
        progress.step_finished("done", 2000)
        progress.step_started(2, 2, "Health check")
        progress.step_finished("passed", 0)
