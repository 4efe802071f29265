"""Showing what steps printed: `show` all of it that is on record, `follow` what comes (how is in `following`)."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from orchestrator.cli.reading import history_of, print_json
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.ids import stream_of
from orchestrator.projections.deployments import resolve
from orchestrator.projections.step_logs import StepLog, step_logs
from orchestrator.rendering import logs as rendering

if TYPE_CHECKING:
    from eventstore.store import EventReader
    from orchestrator.cli.following import Live
    from orchestrator.domain.deployment import Deployment
    from orchestrator.projections.slots import Holder


class Screen:
    """Where output goes: as it is into a file or pipe, made harmless on a terminal."""

    def __init__(self) -> None:
        self._harmless = rendering.Harmless() if sys.stdout.isatty() else None
        self._within_line = False

    def line(self, text: str) -> None:
        """A line of our own, below the output so far."""
        if self._harmless is not None:
            self._write(self._harmless.close())
        if self._within_line:
            click.echo()
        self._within_line = False
        click.echo(text, nl=False)

    def output(self, data: bytes) -> None:
        self._write(self._harmless.feed(data) if self._harmless is not None else data)

    def _write(self, shown: str | bytes) -> None:
        if shown:
            click.echo(shown, nl=False)
            self._within_line = shown[-1:] not in {"\n", b"\n"}


def show(reader: EventReader, text: str, step: str | None, directory: str, *, as_json: bool) -> None:
    """Print each attempt with its whole output. *text* is what the user typed as ID."""
    deployment_id, history = history_of(reader, text, directory)
    logs = chosen(step_logs((event, recorded.time) for event, recorded in history), step)
    if as_json:
        documents = [rendering.document(log, b"".join(output(reader, deployment_id, log))) for log in logs]
        print_json({"deployment_id": deployment_id, "logs": documents})
        return
    screen = Screen()
    for log in logs:
        screen.line(rendering.header(log))
        show_output(screen, output(reader, deployment_id, log))
        screen.line(rendering.footer(log) + "\n")
    if not logs:
        click.echo(f"{deployment_id}: no step was started.")


def follow(reader: EventReader, text: str, step: str | None, directory: str) -> None:
    """Show what comes until the deployment has ended; Ctrl-C stops."""
    import signal

    from orchestrator import bootstrap
    from orchestrator.cli.following import Following

    host, boot_id = bootstrap.this_boot()

    def open_live(log: StepLog, deployment: Deployment) -> Live:
        if (log.host, log.boot_id) != (host, boot_id):
            raise UsageProblem(f"it runs on {log.host}")
        return bootstrap.live_output(directory, deployment.slot.target, log.attempt_dir)

    def at_work(holder: Holder) -> bool | None:
        return bootstrap.at_work(holder.host, holder.boot_id, holder.pid, holder.start_ticks, holder.pid_namespace)

    # A shell's ``&`` has SIGINT ignored; whoever sends it means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    following = Following(reader, resolve(reader, text), step, Screen(), open_live=open_live, at_work=at_work)
    try:
        click.echo(following.until_end(), err=True)
    except KeyboardInterrupt:
        click.echo("\nNo longer followed; the deployment itself goes on.", err=True)


def chosen(logs: Sequence[StepLog], step: str | None) -> list[StepLog]:
    """The attempts of *step*, or all.

    Raises:
        UsageProblem: That step never started; names those that did.
    """
    found = [log for log in logs if log.fits(step)]
    if not found and step is not None:
        names = ", ".join(dict.fromkeys(log.step for log in logs)) or "none yet"
        raise UsageProblem(f"no step {step!r} was started; there are: {names}")
    return found


def output(reader: EventReader, deployment_id: str, log: StepLog) -> Iterator[bytes]:
    """What the attempt printed, in blocks."""
    return map(zlib.decompress, reader.attachments(stream_of(deployment_id), log.name))


def show_output(screen: Screen, blocks: Iterable[bytes]) -> None:
    for block in blocks:
        screen.output(block)
