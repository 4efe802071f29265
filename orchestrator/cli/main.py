"""`pop-deploy`: a group whose commands are imported only when they are called. Start here, then `commands/<verb>.py`."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from typing import Any

import click

from orchestrator import __version__
from orchestrator.cli import options

COMMANDS = {
    "init": "Detect targets and write deploy.json.",
    "validate": "Readiness report: score, go or no-go.",
    "prepare": "Plan a deployment; changes nothing outside the store.",
    "execute": "Plan, ask, run, verify; or go on with a prepared ID.",
    "confirm": "Answer the confirmation of a prepared deployment.",
    "decide": "Answer an open question.",
    "resume": "Finish an interrupted deployment.",
    "promote": "Let a canary go on.",
    "abort": "Give up a prepared, failed or interrupted deployment.",
    "verify": "Run the health checks again.",
    "rollback": "Bring back a verified release.",
    "incident": "Write the incident report of a failed deployment.",
    "history": "Deployments, newest first.",
    "show": "One deployment.",
    "logs": "The output of a deployment's steps.",
    "replay": "A deployment's states, event by event.",
    "metrics": "Attempts, outcomes and durations.",
    "slots": "Who holds which slot; release one.",
    "notify": "Who is told what happens; deliver it.",
    "audit": "Prove that what was recorded is unchanged.",
    "store": "Maintain the event store.",
    "workflow": "Which step asks what, and what follows which answer.",
    "completion": "Print a script that completes commands in a shell.",
    "mcp": "Serve the commands as tools to an agent.",
}


class LazyGroup(click.Group):
    """Knows its commands by name; imports a command's module when it runs or shows its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"orchestrator.cli.commands.{cmd_name}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """As click does it, without importing every command for its help."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command: where this project stands, and what to do next.",
)
@options.project
@click.version_option(__version__, prog_name="pop-deploy")
@click.pass_context
def cli(ctx: click.Context, directory: str, store: str | None, as_json: bool) -> None:
    """Deploy a project to the systems its deploy.json names.

    Every transition is recorded before and after its effect; what is killed is finished by resume.
    """
    if ctx.invoked_subcommand is None:
        from orchestrator.cli.commands.status import command

        ctx.invoke(command, directory=directory, store=store, as_json=as_json)
        return
    options.refuse_misplaced(ctx)


def main(args: list[str] | None = None) -> Any:
    """Entry point: runs the command and exits with the code that 1-product names."""
    try:
        if args is None:
            _stop_like_ctrl_c()
        from orchestrator.cli.errors import run
    except KeyboardInterrupt:
        with suppress(OSError):
            sys.stderr.write("\nStopped: nothing was begun.\n")
        _leave(8)  # as in errors.py, which was being loaded

    if args is not None:
        return run(cli, args)
    try:
        run(cli)
    except SystemExit as ended:
        _leave(ended.code)


def _stop_like_ctrl_c() -> None:
    """TERM and HUP end a command as INT does until something that has more to lose takes care of signals (`adapters/signals.py`):
    with a message and exit code 8, not in the middle of a line. What is to be ignored (`nohup`) stays ignored."""
    import signal

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _leave(code: Any) -> None:
    """End at once: tearing the interpreter down would take another twelfth, and frees what the system takes back anyway."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # its reader has gone
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
