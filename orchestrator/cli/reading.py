"""Opening the store for a command that only reads, and what of its options decides how it is shown. Imports stay light."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from eventstore.errors import StoreUnavailable
from orchestrator.bootstrap import NoStore, damage_of, open_reader
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.url_passwords import without_password

if TYPE_CHECKING:
    from eventstore.events import RecordedEvent
    from eventstore.store import EventReader
    from orchestrator.domain.events import Event

Paint = Callable[[str, str], str]
"""(text, colour) to the text as it is written."""


@contextmanager
def maybe_opened(directory: str, store: str | None) -> Iterator[EventReader | None]:
    """The store, or None while nothing was ever recorded."""
    try:
        reader = open_reader(directory, store)
    except NoStore:
        yield None
        return
    try:
        yield reader
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError) as error:
        # What was written by this program can be read by it. Whether it was is asked only now: it takes a walk of the store.
        if (damage := damage_of(reader)) is None:
            raise
        raise StoreUnavailable(f"the store is damaged: {damage}. Restore a backup. ({error!r})"[:1000]) from error
    finally:
        reader.close()


@contextmanager
def opened(
    directory: str, store: str | None, *, none: str = "there is no deployment yet. Next: pop-deploy execute"
) -> Iterator[EventReader]:
    """The store, for a command that names a deployment, or something else where *none* says what is missing.

    Raises:
        UsageProblem: Nothing was ever recorded.
    """
    with maybe_opened(directory, store) as reader:
        if reader is None:
            raise UsageProblem(none)
        yield reader


def project_of(directory: str) -> str | None:
    """Name of the project in *directory*, or None while deploy.json does not say it.

    Nothing else in the file is looked at, right or wrong: `history` has to start fast, and to work beside a broken file.
    """
    import orjson

    from orchestrator.bootstrap import config_path

    path = config_path(directory)
    try:
        if not os.path.isfile(path):  # noqa: PTH113 - opening a pipe would wait for its writer
            return None
        with open(path, "rb") as file:  # noqa: PTH123 - as light as it gets
            document = orjson.loads(file.read())
    except (OSError, ValueError):
        return None
    name = document.get("project_name") if isinstance(document, dict) else 0
    if name is None:
        from pathlib import Path

        from orchestrator.config.project import name_of

        return name_of(Path(directory))
    return name if isinstance(name, str) and name else None


def answer(*, as_json: bool, text: Callable[[], str], data: Callable[[], Any]) -> None:
    """Print *text* for people or *data* for programs; only the one that is wanted is made."""
    if as_json:
        print_json(data())
    else:
        print_text(text())


def print_text(shown: str) -> None:
    """Whatever the terminal's encoding is."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(shown.encode(encoding, "replace").decode(encoding), nl=False)


def print_json(data: Any) -> None:
    """One document. ASCII only, so that every locale and every pipe can carry it."""
    import json

    click.echo(json.dumps(data, indent=2))


def more_options(directory: str, store: str | None) -> tuple[str, ...]:
    """What every command that is suggested needs besides, for example ``--dir shop``; a password in *store* is left out."""
    shown = without_password(store) if store else None
    if shown != store and os.environ.get("POP_DEPLOY_STORE") == store:
        shown = None  # the next command finds it where this one did
    return (*(("--dir", directory) if directory != "." else ()), *(("--store", shown) if shown else ()))


def paint() -> Paint:
    """Colours on a terminal that has them; elsewhere, and with NO_COLOR, the text as it is."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        return lambda text, colour: click.style(text, fg=colour)
    return lambda text, colour: text


def width() -> int | None:
    """Columns of the terminal; None elsewhere: nothing has to be cut there."""
    if not sys.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except OSError:
        return None


def history_of(reader: EventReader, text: str, directory: str = ".") -> tuple[str, list[tuple[Event, RecordedEvent]]]:
    """The ID that *text* means (see `deployments.resolve`), and its events, decoded; ``latest`` is that of the project there.

    Raises:
        UsageProblem: No deployment, or more than one, is meant.
    """
    from orchestrator.domain.ids import stream_of
    from orchestrator.projections.deployments import resolve
    from orchestrator.services.codec import CODEC

    deployment_id = resolve(reader, text, project=project_of(directory) if text == "latest" else None)
    return deployment_id, [(CODEC.decode(recorded), recorded) for recorded in reader.read_stream(stream_of(deployment_id))]
