"""`pop-deploy mcp` as a real process, in two ways: `served` with the client of the mcp package, `Wire` with bare lines of JSON.

A `Wire` is for what a client would hide or would not do: what else stands on stdout, an end of stdin, a server that is killed.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters, types
from mcp.client.stdio import stdio_client

from tests.e2e.project import COMMAND, DEADLINE_S, Gate, Project, validator
from tests.published import check_answered

LIVE = {"mode": "deploy", "yes": True}


@dataclass(frozen=True)
class Answer:
    """What a tool answered: the same as data and as text."""

    data: dict[str, Any]
    is_error: bool

    @property
    def code(self) -> int:
        code = self.data["exit_code"]
        assert isinstance(code, int)
        return code

    @property
    def message(self) -> str:
        return str(self.data["error"]["message"])

    def valid(self, schema: str) -> dict[str, Any]:
        """The data, valid against docs/schemas/SCHEMA.json."""
        validator(schema).validate(self.data)
        return self.data


@dataclass
class Served:
    """A connected client.

    Attributes:
        progress: What was told of the calls that `call` made: (progress, total, message).
    """

    portal: BlockingPortal
    client: Client
    progress: list[tuple[float, float | None, str | None]] = field(default_factory=list)
    called: dict[Future[types.CallToolResult], str] = field(default_factory=dict)

    def tools(self) -> dict[str, types.Tool]:
        return {tool.name: tool for tool in self.portal.call(self.client.list_tools).tools}

    def call(self, tool: str, **arguments: Any) -> Answer:
        return self.end_of(self.start(tool, **arguments))

    def start(self, tool: str, **arguments: Any) -> Future[types.CallToolResult]:
        """In the background; cancelling the future cancels the call."""
        call = self.portal.start_task_soon(self.client.call_tool, tool, arguments, 2 * DEADLINE_S, self._told)
        self.called[call] = tool
        return call

    def end_of(self, call: Future[types.CallToolResult]) -> Answer:
        result = call.result(timeout=2 * DEADLINE_S)
        (content,) = result.content
        assert isinstance(content, types.TextContent)
        assert json.loads(content.text) == result.structured_content
        check_answered(self.called[call], result.structured_content)
        return Answer(result.structured_content, result.is_error)

    async def _told(self, progress: float, total: float | None, message: str | None) -> None:
        self.progress.append((progress, total, message))


@contextmanager
def served(project: Project, *options: str, mode: str = "auto", **env: str) -> Iterator[Served]:
    """A server for *project*, and a client that is connected to it."""
    wanted = StdioServerParameters(command=COMMAND, args=["mcp", *options], env=project.environ(**env), cwd=project.path)
    with (
        (project.root / "mcp.log").open("a") as log,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(stdio_client(wanted, log), mode=mode)) as client,
    ):
        yield Served(portal, client)


@contextmanager
def gated(project: Project) -> Iterator[Gate]:
    """From now on the build of the local target waits at the gate."""
    gate = Gate(project.root / "gate")
    project.configure(local={"config": {"path": "../the place", "source": "public", "build": gate.hook}})
    try:
        yield gate
    finally:
        gate.close()


class Wire:
    """A server as it is: one JSON object on a line, in and out."""

    def __init__(self, project: Project, *options: str, **env: str) -> None:
        self.process = subprocess.Popen(
            [COMMAND, "mcp", *options],
            cwd=project.path,
            env=project.environ(**env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._id = 0

    def begin(self) -> None:
        """The handshake."""
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "wire", "version": "1"}}
        assert "result" in self.answer(self.send("initialize", hello))
        self.write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def call(self, tool: str, **arguments: Any) -> int:
        """Begin a tool call; its number."""
        return self.send("tools/call", {"name": tool, "arguments": arguments})

    def send(self, method: str, params: dict[str, Any]) -> int:
        self._id += 1
        self.write({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params})
        return self._id

    def write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self, number: int) -> dict[str, Any]:
        """The answer to that request; every line before it has to be of the protocol as well."""
        assert self.process.stdout is not None
        while True:
            message: dict[str, Any] = json.loads(self.process.stdout.readline())
            assert message["jsonrpc"] == "2.0"
            if message.get("id") == number:
                return message

    def close(self) -> tuple[int, bytes]:
        """Close its stdin and wait for its end: its exit code, and what still came on stdout."""
        out, _ = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, out


@contextmanager
def wired(project: Project, *options: str, **env: str) -> Iterator[Wire]:
    """After the handshake; killed in the end if it still runs."""
    wire = Wire(project, *options, **env)
    try:
        wire.begin()
        yield wire
    finally:
        if wire.process.poll() is None:
            wire.process.kill()
            wire.process.communicate(timeout=DEADLINE_S)
