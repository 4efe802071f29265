"""What a shell can complete beside commands and options: names in deploy.json and IDs of deployments.

Called at every press of a key: reads only, asks no server, makes no store, and says nothing where it cannot help, since whatever
it said would stand in the middle of the line that is being typed. The scripts that call it: `commands/completion.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

Complete = Callable[["click.Context", "click.Parameter", str], list[str]]
MOST_IDS = 50


def _silent(find: Callable[[str, click.Context], Iterable[str]]) -> Complete:
    """Those that *find* names for the project's directory and that begin with what was typed; none where that fails."""

    @wraps(find)
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        try:
            found = find(ctx.params.get("directory") or ".", ctx)
            return [each for each in found if each.startswith(incomplete)]
        except Exception:  # noqa: BLE001 - a line is being typed: the command itself will say what is wrong
            return []

    return complete


@_silent
def targets(directory: str, _ctx: click.Context) -> Iterable[str]:
    """Of deploy.json, in its order."""
    return _document(directory)["targets"]


@_silent
def environments(directory: str, _ctx: click.Context) -> Iterable[str]:
    return _document(directory)["environments"]


@_silent
def deployments(directory: str, ctx: click.Context) -> Iterable[str]:
    """``latest`` and the newest IDs; of a store on a server none: nobody waits for a network while typing."""
    from orchestrator.bootstrap import open_reader
    from orchestrator.projections.deployments import newest

    store = ctx.params.get("store") or os.environ.get("POP_DEPLOY_STORE")
    if store is not None and not store.startswith("sqlite:"):
        return []
    reader = open_reader(directory, store)
    try:
        return ["latest", *(row.id for row in newest(reader, limit=MOST_IDS, include_dry_runs=True))]
    finally:
        reader.close()


def _document(directory: str) -> dict[str, dict[str, Any]]:
    """deploy.json as it stands, right or wrong."""
    import orjson

    from orchestrator.bootstrap import config_path

    path = config_path(directory)
    if not os.path.isfile(path):  # noqa: PTH113 - opening a pipe would wait for its writer
        return {"targets": {}, "environments": {}}
    with open(path, "rb") as file:  # noqa: PTH123 - as light as it gets
        document: dict[str, dict[str, Any]] = orjson.loads(file.read())
    return document
