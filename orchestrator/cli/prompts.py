"""Asking a person at a terminal. Without one nothing is ever asked: the question is printed as data instead."""

from __future__ import annotations

import sys

import click

from orchestrator.domain.questions import Question


def interactive(*, as_json: bool) -> bool:
    """Somebody can see a question and answer it."""
    return not as_json and sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: Question) -> str:
    """The chosen option's id; asks again until the answer is one. Ctrl-C and end of input stop (`click.Abort`)."""
    click.echo()
    click.secho(question.question, bold=True)
    for number, option in enumerate(question.options, 1):
        click.echo(f"  {number}) {option.label} - {option.description}")
    while True:
        asked = f"{question.header} [1-{len(question.options)}]"
        typed: str = click.prompt(asked, default=question.default, show_default=question.default is not None).strip()
        chosen = _chosen(question, typed)
        if chosen is not None:
            return chosen
        click.echo(f"{typed!r} is none of: {', '.join(question.ids)}", err=True)


def _chosen(question: Question, typed: str) -> str | None:
    """By number, id, or an unambiguous beginning of an id."""
    if typed.isdigit():
        return question.ids[int(typed) - 1] if 1 <= int(typed) <= len(question.ids) else None
    wanted = typed.lower().replace("-", "_")
    if wanted in question.ids:
        return wanted
    found = [name for name in question.ids if name.startswith(wanted)]
    return found[0] if len(found) == 1 else None
