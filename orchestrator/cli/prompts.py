"""Asking a person at a terminal. Without one nothing is ever asked: the question is printed as data instead."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from orchestrator.domain.questions import Question
from orchestrator.services.ports import StopSignal

LOOK_S = 1.0
"""Between two looks at whether somebody has answered elsewhere."""


def interactive(*, as_json: bool) -> bool:
    """Somebody can see a question and answer it."""
    return not as_json and sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: Question, stop: StopSignal, changed: Callable[[], bool] = lambda: False) -> str | None:
    """The chosen option's id; asks again until the answer is one. None when *changed* said so first.

    Args:
        changed: Whether somebody else may have answered; asked about once a second, and only reads: a signal breaks it off.

    Raises:
        click.Abort: Ctrl-C, end of input, another signal that asks us to stop (also one that came before), a closed terminal.
    """
    try:
        with _stoppable() as woken:
            if stop.signal is not None:
                raise click.Abort
            return _asked(question, woken, changed)
    except OSError as gone:
        raise click.Abort from gone


def _asked(question: Question, woken: int, changed: Callable[[], bool]) -> str | None:
    click.echo()
    click.echo(click.style(question.question, bold=True) if _styled() else question.question)
    for number, option in enumerate(question.options, 1):
        click.echo(f"  {number}) {option.label} - {option.description}")
    if question.also:
        click.echo(f"  or by name: {', '.join(question.also)}")
    default = f" [{question.default}]" if question.default is not None else ""
    while True:
        click.echo(f"{question.header} [1-{len(question.options)}]{default}: ", nl=False)
        line = _line(woken, changed)
        if line is None:
            click.echo()
            return None
        typed = line.strip() or question.default or ""
        chosen = _chosen(question, typed)
        if chosen is not None:
            return chosen
        if typed:
            click.echo(f"{typed!r} is none of: {', '.join((*question.ids, *question.also))}", err=True)


def _line(woken: int, changed: Callable[[], bool]) -> str | None:
    """What is typed; None when *changed* before. Waited for here and not in the reading: a signal just before that would be
    handled only after the answer."""
    import select
    import termios

    while not any(select.select([sys.stdin, woken], [], [], LOOK_S)):
        if changed():
            with suppress(OSError, termios.error):  # what was typed so far was meant for this question
                termios.tcflush(sys.stdin, termios.TCIFLUSH)
            return None
    line = sys.stdin.readline()
    if not line:
        raise click.Abort
    return line


def _styled() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}


@contextmanager
def _stoppable() -> Iterator[int]:
    """Elsewhere a signal is only noted and what runs stops at the next safe place; but a prompt would wait on for its answer.

    Gives a descriptor that is readable when a signal came.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise click.Abort

    numbers = [number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    previous = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(before)
        os.close(woken)
        os.close(wake)
        for number, handler in previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _chosen(question: Question, typed: str) -> str | None:
    """By number, id, or an unambiguous beginning of an id."""
    if typed.isdigit() and typed not in (*question.ids, *question.also):
        return question.ids[int(typed) - 1] if 1 <= int(typed) <= len(question.ids) else None
    names = (*question.ids, *question.also)
    if typed in names:
        return typed
    wanted = typed.lower().replace("-", "_")
    if wanted in names:
        return wanted
    found = [name for name in names if name.startswith((wanted, typed))]
    return found[0] if len(found) == 1 else None
