"""The edge: the only place that knows exit codes, and where every error becomes a message.

| code | meaning |
|---|---|
| 0 | done: verified, deployed, simulated, or the question was answered |
| 1 | failed; the target is unchanged or was not restored; a dry run whose checks failed |
| 2 | wrong usage or configuration; nothing was done |
| 3 | waiting for a decision |
| 4 | another deployment holds the slot, or somebody wrote first; nothing was done |
| 5 | refused by a rule; nothing was done |
| 6 | failed, and rolled back |
| 7 | the rollback failed; a person is needed |
| 8 | interrupted or outcome unknown; resume is the next command |
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn, TextIO

import click

from eventstore.errors import EventStoreError, GuardFailed, WrongExpectedVersion
from orchestrator.domain.errors import (
    DecisionOpen,
    Interrupted,
    OutcomeUnknown,
    PopDeployError,
    Refused,
    SlotClaimedByDead,
    SlotHeld,
    SlotLost,
    UsageProblem,
)
from orchestrator.domain.slot_holder import SlotHolder

if TYPE_CHECKING:
    from orchestrator.domain.masking import Masker

DONE, FAILED, USAGE, WAITING, HELD, REFUSED, ROLLED_BACK, ROLLBACK_FAILED, INTERRUPTED = range(9)

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (UsageProblem, USAGE),
    (DecisionOpen, WAITING),
    (SlotHeld, HELD),
    (SlotLost, HELD),
    (WrongExpectedVersion, HELD),
    (GuardFailed, HELD),
    (Refused, REFUSED),
    (SlotClaimedByDead, INTERRUPTED),
    (OutcomeUnknown, INTERRUPTED),
    (Interrupted, INTERRUPTED),
)

STOPPED = "Stopped: nothing was done since. Where this project stands: pop-deploy"
_HINTS: dict[type[Exception], str] = {Interrupted: f". {STOPPED}"}

_STATES = {
    "simulated": FAILED,
    "failed": FAILED,
    "deployed": FAILED,
    "rolled_back": ROLLED_BACK,
    "rollback_failed": ROLLBACK_FAILED,
    "executing": INTERRUPTED,
    "paused": INTERRUPTED,
    "rolling_back": INTERRUPTED,
}
"""Exit codes of what did not succeed, by state; ``deployed`` is a release that failed its latest verification."""


def code_of(error: Exception) -> int:
    """The exit code of an error that nothing was done about."""
    from orchestrator.targets.base import ForeignResource

    if isinstance(error, ForeignResource):
        return REFUSED
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def code_of_state(state: str, *, success: bool) -> int:
    """The exit code of a deployment that has ended in *state*."""
    return DONE if success else _STATES.get(state, DONE)


def run(command: click.Command, args: Sequence[str] | None = None) -> NoReturn:
    """Run *command* and exit with its code; an error becomes one message on stderr (or one JSON object with ``--json``)."""
    words = list(sys.argv[1:] if args is None else args)
    as_json = "--json" in words
    try:
        result = command.main(words, prog_name="pop-deploy", standalone_mode=False)
        code = result if isinstance(result, int) else DONE
    except click.ClickException as error:
        code = USAGE
        _print_json(error, code, error.format_message(), as_json=as_json)
        _say(_shown(error))
    except click.Abort as error:
        code = INTERRUPTED
        _print_json(error, code, STOPPED, as_json=as_json)
        _say(f"\n{STOPPED}")
    except (PopDeployError, EventStoreError, OSError) as error:
        code = code_of(error)
        _print_json(error, code, str(error), as_json=as_json)
        _say(f"pop-deploy: {error}{_HINTS.get(type(error), '')}")
    except Exception as error:  # noqa: BLE001 - a mistake in this program: its place is shown, and stdout stays one JSON object
        import traceback  # the help text should not wait for it

        code = FAILED
        _say(traceback.format_exc().rstrip())
        _print_json(error, code, repr(error), as_json=as_json)
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        forget(sys.stdout)
    sys.exit(code)


def forget(stream: TextIO) -> None:
    """Whoever read *stream* (head, less, a terminal) has gone: what was done is on record, and says nothing more to nobody."""
    with suppress(OSError, ValueError):  # it is closed already
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _shown(error: click.ClickException) -> str:
    """As click shows it, with the command's usage."""
    import io

    file = io.StringIO()
    error.show(file)
    return file.getvalue().rstrip("\n")


def _say(message: str) -> None:
    with suppress(OSError):  # the terminal is gone: the exit code still says it
        click.echo(_harmless(message), err=True)


def _harmless(message: str) -> str:
    """Without secrets, and without what a terminal would obey. It may quote anything: a configuration, a target's answer."""
    from orchestrator.rendering.text import printable

    return _masker().mask(printable(message))


def _masker() -> Masker:
    """What is known to be secret, and the password in a ``--store`` that was typed or set, which may be the very problem."""
    from orchestrator.bootstrap import masker_of
    from orchestrator.domain.url_passwords import passwords

    masker = masker_of(_directory(sys.argv[1:]))
    for word in (*sys.argv[1:], os.environ.get("POP_DEPLOY_STORE", "")):
        for password in passwords(word.removeprefix("--store=")):
            masker.add(password)
    return masker


def _directory(words: Sequence[str]) -> str:
    """The project that is meant: an error may come before, or from, the reading of the options."""
    named = [word.removeprefix("--dir=") for word in words if word.startswith("--dir=")]
    named += [after for word, after in pairwise(words) if word == "--dir"]
    return named[-1] if named else "."


def _print_json(error: Exception, code: int, message: str, *, as_json: bool) -> None:
    """The error as data, with the fields that its kind has."""
    if not as_json:
        return
    import json

    fields: dict[str, object] = {
        name: value for name, value in vars(error).items() if isinstance(value, str | int | list | tuple)
    }
    fields |= {name: vars(value) for name, value in vars(error).items() if isinstance(value, SlotHolder)}
    body = {**fields, "kind": type(error).__name__, "message": message, "exit_code": code}
    # Plain values first: what only becomes text when it is written would not be masked. ASCII only: a terminal obeys none of it.
    plain = json.loads(json.dumps({"success": False, "error": body}, default=str))
    document = json.dumps(_masker().mask_json(plain), indent=2)
    try:
        click.echo(document)
    except OSError:
        forget(sys.stdout)
