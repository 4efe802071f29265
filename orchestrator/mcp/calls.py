"""Tool calls as processes: `Calls.begin` starts one, `Call` is one.

One process of the command line (`child.py`) for each call, because

- the answer, the errors and the exit code are then those of the command, with no second road to keep equal;
- a command catches signals, which only a main thread can, takes locks and keeps a plan's state, all made for one command;
- the server stays responsive whatever a deployment waits for, and one that dies interrupts a deployment instead of tearing it.

A process is never killed. To end a call its lifeline is closed: `child.py` interrupts itself and puts that on record. It has a
session of its own, so that a client that ends its server by killing the process group does not reach it either.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from orchestrator.mcp.watching import Relay, Step, StepTitles

# -P: the current directory is the user's project, and no place to import from.
CHILD = (sys.executable, "-P", "-m", "orchestrator.mcp.child")
MOST_AT_ONCE = 16
_LAST_WORDS_BYTES = 4000


class Ended(NamedTuple):
    """How a call's process ended.

    Attributes:
        code: Its exit code; below 0 the signal that killed it.
        document: The JSON object on its stdout; None where it printed none.
        last_words: The end of what it said on stderr.
    """

    code: int
    document: dict[str, Any] | None
    last_words: str


class Call:
    """One process, from `begin` to its end. To be used on a running event loop.

    Attributes:
        steps: The steps as they begin; None when no more come.
        ended: Waits for the end of the process. Cancelling whoever waits does not end it: `interrupt` does.
    """

    def __init__(self, words: Sequence[str], relay: Relay) -> None:
        self.steps: asyncio.Queue[Step | None] = asyncio.Queue()
        self._relay, self._titles, self._said = relay, StepTitles(), b""
        self._answer = os.memfd_create("answer", os.MFD_CLOEXEC)
        self._lifeline = self._stderr = -1
        self._process = self._started(words)
        self.ended = asyncio.get_running_loop().create_task(self._until_end())

    def interrupt(self) -> None:
        """Ask the process to stop in order, as Ctrl-C does. Once is enough."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _started(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        lifeline, self._lifeline = os.pipe()
        self._stderr, stderr = os.pipe()
        os.set_blocking(self._stderr, False)
        try:
            return subprocess.Popen([*CHILD, *words], stdin=lifeline, stdout=self._answer, stderr=stderr, start_new_session=True)
        except BaseException:
            self._close()
            raise
        finally:
            os.close(lifeline)
            os.close(stderr)

    async def _until_end(self) -> Ended:
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        process = os.pidfd_open(self._process.pid)
        loop.add_reader(process, gone.set)
        loop.add_reader(self._stderr, self._listen)
        try:
            # Not for the end of its stderr: a command that survives it may hold that open.
            await gone.wait()
        finally:
            loop.remove_reader(process)
            loop.remove_reader(self._stderr)
            os.close(process)
        self._listen()
        self.steps.put_nowait(None)
        code = self._process.wait()
        ended = Ended(code, self._document(), self._said.decode(errors="replace").strip())
        self._close()
        return ended

    def _listen(self) -> None:
        try:
            while block := os.read(self._stderr, 1 << 16):
                self._relay.say(block)
                self._said = (self._said + block)[-_LAST_WORDS_BYTES:]
                for step in self._titles.feed(block):
                    self.steps.put_nowait(step)
        except BlockingIOError:
            return
        asyncio.get_running_loop().remove_reader(self._stderr)  # closed: it would be readable for ever

    def _document(self) -> dict[str, Any] | None:
        os.lseek(self._answer, 0, os.SEEK_SET)
        with os.fdopen(self._answer, "rb", closefd=False) as answer, suppress(ValueError):
            document = json.loads(answer.read())
            return document if isinstance(document, dict) else {"answer": document}
        return None

    def _close(self) -> None:
        self.interrupt()
        for descriptor in (self._stderr, self._answer):
            os.close(descriptor)


class Calls:
    """Every call that runs."""

    def __init__(self) -> None:
        self._relay = Relay()
        self._running: set[Call] = set()

    def begin(self, words: Sequence[str]) -> Call | None:
        """A process for ``pop-deploy WORDS``; None while `MOST_AT_ONCE` run."""
        if len(self._running) >= MOST_AT_ONCE:
            return None
        call = Call(words, self._relay)
        self._running.add(call)
        call.ended.add_done_callback(lambda _: self._running.discard(call))
        return call

    async def settle(self, deadline_s: float) -> bool:
        """Interrupt every call and wait for their ends. False: some have not ended by the deadline; they still will, alone."""
        running = list(self._running)
        for call in running:
            call.interrupt()
        if not running:
            return True
        _, still = await asyncio.wait([call.ended for call in running], timeout=deadline_s)
        return not still
