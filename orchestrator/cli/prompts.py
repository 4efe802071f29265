"""Asking a person at a terminal. Without one nothing is ever asked: the question is printed as data instead."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from orchestrator.domain.questions import Question


def interactive(*, as_json: bool) -> bool:
    """Somebody can see a question and answer it."""
    return not as_json and sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: Question) -> str:
    """The chosen option's id; asks again until the answer is one.

    Raises:
        click.Abort: Ctrl-C, end of input, or another signal that asks us to stop.
    """
    click.echo()
    click.echo(click.style(question.question, bold=True) if _styled() else question.question)
    for number, option in enumerate(question.options, 1):
        click.echo(f"  {number}) {option.label} - {option.description}")
    while True:
        asked = f"{question.header} [1-{len(question.options)}]"
        with _stoppable():
            typed: str = click.prompt(asked, default=question.default, show_default=question.default is not None).strip()
        chosen = _chosen(question, typed)
        if chosen is not None:
            return chosen
        click.echo(f"{typed!r} is none of: {', '.join(question.ids)}", err=True)


def _styled() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}


@contextmanager
def _stoppable() -> Iterator[None]:
    """Elsewhere a signal is only noted and what runs stops at the next safe place; but a prompt would wait on for its answer."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise click.Abort

    numbers = [number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _chosen(question: Question, typed: str) -> str | None:
    """By number, id, or an unambiguous beginning of an id."""
    if typed.isdigit():
        return question.ids[int(typed) - 1] if 1 <= int(typed) <= len(question.ids) else None
    wanted = typed.lower().replace("-", "_")
    if wanted in question.ids:
        return wanted
    found = [name for name in question.ids if name.startswith(wanted)]
    return found[0] if len(found) == 1 else None
