"""`pop-deploy mcp`: the commands as tools of the Model Context Protocol. The server is `orchestrator/mcp`."""

from __future__ import annotations

import os
import sys

import click

from orchestrator.cli import options
from orchestrator.domain.errors import UsageProblem

_PARTS = frozenset({"mcp", "mcp_types"})


@click.command(
    "mcp",
    epilog="""\b
Examples:
  pop-deploy mcp
  pop-deploy mcp --read-only
  pop-deploy mcp --actor "ann's agent"
""",
)
@click.option("--read-only", is_flag=True, help="Only tools that change nothing.")
@click.option("--allow-yes", is_flag=True, help="execute and rollback take yes, which confirms in the call itself.")
@options.who
@options.project
def command(read_only: bool, allow_yes: bool, actor: str | None, directory: str, store: str | None, as_json: bool) -> None:
    """Serve the commands as tools of the Model Context Protocol, on stdin and stdout, for an agent without a shell.

    A client starts it: docs/mcp.md has its configuration. It ends with its stdin; a deployment that runs then is interrupted, and
    resume finishes it.
    """
    if as_json:
        raise UsageProblem("stdout belongs to the protocol, and every tool answers in JSON: leave --json out")
    try:
        from orchestrator.mcp.server import Settings, serve
    except ModuleNotFoundError as error:
        if error.name not in _PARTS:
            raise
        raise UsageProblem(
            "the Model Context Protocol needs the package mcp, which is not installed: pip install 'pop-deploy[mcp]'"
        ) from error
    if store == os.environ.get("POP_DEPLOY_STORE"):
        store = None  # the calls find it where we did, and no password in it stands in their arguments
    if sys.stdin.isatty():
        click.echo("pop-deploy: waiting for a client on stdin. docs/mcp.md says how one starts this. Ctrl-D ends it.", err=True)
    serve(Settings(directory=directory, store=store, actor=actor, read_only=read_only, allow_yes=allow_yes))
