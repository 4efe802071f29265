"""The server of `pop-deploy mcp`: `serve` speaks the protocol on stdin and stdout until stdin ends.

What a tool answers is the JSON object that its command prints with ``--json``, and its ``exit_code``. Codes other than 0 (done)
and 3 (a question is open, in ``decision_required``) are results with ``isError``, never a traceback nor an error of the protocol.

stdout belongs to the protocol: while it is served, descriptor 1 leads to stderr, and calls answer through files in memory. A call
that the client cancels, and every call when stdin ends, is interrupted in order; see `calls.py`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from dataclasses import dataclass
from typing import Any

from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server

from orchestrator import __version__
from orchestrator.domain.errors import UsageProblem
from orchestrator.mcp.calls import MOST_AT_ONCE, Call, Calls, Ended
from orchestrator.mcp.tool import Tool
from orchestrator.mcp.tools import offered
from orchestrator.mcp.watching import Step

DONE, FAILED, USAGE, WAITING, HELD = range(5)
"""Exit codes that are named here; the whole list is in the README."""

SETTLE_S = 30.0
"""How long the end of interrupted calls is waited for when stdin has ended: longer than the grace of a step's command."""

HEARTBEAT_S = 10.0
"""A step that takes longer is told again so often."""

INSTRUCTIONS = """\
Deploys one project to the targets of its deploy.json. Begin with status. execute plans, runs and verifies; mode dry_run changes
nothing. When a result has decision_required (exit_code 3), show its question and options to the user, call decide with the chosen
option's id and the user's reason, then call the same tool again with that deployment_id. Never answer confirm_deploy or
confirm_rollback yourself. exit_code 8 means interrupted: call resume. What failed says what is live now, and what to do next.
"""

_OUTPUT = {
    "type": "object",
    "properties": {"exit_code": {"type": "integer", "description": "0 done, 3 a question is open; else not done as asked."}},
    "required": ["exit_code"],
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What was fixed when the server was started; no call can change it.

    Attributes:
        store: ``--store``, None where commands find it themselves.
    """

    directory: str
    store: str | None = None
    actor: str | None = None
    read_only: bool = False
    allow_yes: bool = False

    def surroundings(self, tool: Tool) -> tuple[str, ...]:
        """Options that the command of *tool* gets from the server."""
        store = (f"--store={self.store}",) if self.store else ()
        actor = (f"--actor={self.actor}",) if self.actor and tool.says_who and not tool.reads else ()
        return ("--json", f"--dir={self.directory}", *store, *actor)


class ToolServer:
    """The tools of one project.

    Attributes:
        calls: Those that run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tools = offered(read_only=settings.read_only, allow_yes=settings.allow_yes)
        self.calls = Calls()

    async def list_tools(self, _: ServerRequestContext[Any], __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[described(tool) for tool in self._tools.values()])

    async def call_tool(self, context: ServerRequestContext[Any], asked: types.CallToolRequestParams) -> types.CallToolResult:
        """The command's answer; an error of ours is an answer, too."""
        try:
            call = self._begun(asked)
        except UsageProblem as problem:
            return answered({"success": False, "error": _error("UsageProblem", str(problem), USAGE)}, USAGE)
        if call is None:
            message = f"{MOST_AT_ONCE} calls run already; nothing was done. Wait for one of them to end, then call again"
            return answered({"success": False, "error": _error("TooManyCalls", message, HELD)}, HELD)
        try:
            await tell_steps(context, call.steps)
            return _result(await asyncio.shield(call.ended))
        except BaseException:
            call.interrupt()
            raise

    def _begun(self, asked: types.CallToolRequestParams) -> Call | None:
        tool = self._tools.get(asked.name)
        if tool is None:
            raise UsageProblem(f"no tool {asked.name[:60]!a}; there are: {', '.join(self._tools)}")
        return self.calls.begin(tool.words(asked.arguments or {}, self._settings.surroundings(tool)))


def serve(settings: Settings) -> None:
    """Serve one client until stdin ends, then interrupt what still runs. To be called in the main thread."""
    # A signal ends the server at once: nothing of it has to be put away, and its calls notice and interrupt themselves.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    asyncio.run(_served(settings))


async def _served(settings: Settings) -> None:
    tools = ToolServer(settings)
    server = Server(
        "pop-deploy",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=tools.list_tools,
        on_call_tool=tools.call_tool,
    )
    try:
        async with stdio_server() as (received, sent):
            await server.run(received, sent, server.create_initialization_options())
    except* BrokenPipeError:
        pass  # the client has gone without closing our stdin
    finally:
        await tools.calls.settle(SETTLE_S)


async def tell_steps(context: ServerRequestContext[Any], steps: asyncio.Queue[Step | None]) -> None:
    """Each step's title as it begins, and again with its seconds while it takes long, until None comes: a client that gives up a
    silent call would interrupt the deployment. *progress* only ever grows, also where a rollback counts anew."""
    told, beats, step, begun = 0, 0, Step(0, 0, "Beginning"), time.monotonic()
    while True:
        try:
            news = await asyncio.wait_for(steps.get(), HEARTBEAT_S)
        except TimeoutError:
            beats += 1
            message = f"{step.title} ({time.monotonic() - begun:.0f}s)"
        else:
            if news is None:
                return
            told, beats, step, begun = told + 1, 0, news, time.monotonic()
            message = step.title
        total = step.total if step.number == told and told else None
        await context.session.report_progress(told + beats / (beats + 1), total, message)


def described(tool: Tool) -> types.Tool:
    """*tool* as a client sees it."""
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.schema(),
        output_schema=_OUTPUT,
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.reads,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.idempotent or tool.reads,
            open_world_hint=tool.open_world,
        ),
    )


def answered(document: dict[str, Any], code: int) -> types.CallToolResult:
    """*document* with its exit code, as data and as text."""
    whole = {**document, "exit_code": code}
    return types.CallToolResult(
        content=[types.TextContent(text=json.dumps(whole))],
        structured_content=whole,
        is_error=code not in (DONE, WAITING),
    )


def _result(ended: Ended) -> types.CallToolResult:
    if ended.document is not None:
        return answered(ended.document, ended.code)
    code = ended.code if ended.code >= 0 else FAILED
    message = ended.last_words or f"the command ended with {ended.code} and said nothing"
    return answered({"success": False, "error": _error("NoAnswer", message, code)}, code)


def _error(kind: str, message: str, code: int) -> dict[str, Any]:
    """As a command prints it with ``--json``."""
    return {"kind": kind, "message": message, "exit_code": code}
