"""The one process that runs a `local` slot's current release: stopped, started exactly once, found again.

The state file is the truth about it: it is replaced atomically at the moment the decision to start falls, and says which
deployment and step started which process. `service_shim.py` explains how starter and service agree on that moment. Not here:
whether the service is healthy (the configured health check asks that). Start at `Service.restart`.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.targets import processes, service_shim
from orchestrator.targets.base import StepError
from orchestrator.targets.local_place import SCHEMA, Place, read_json, sync_directory, write_json
from orchestrator.targets.processes import ProcessId

if TYPE_CHECKING:
    import subprocess

COOKIE = "POP_DEPLOY_SERVICE"
"""Environment variable that marks a service and all its children, so that what outlives their leader is known as ours."""

START_DEADLINE_S = 30.0
_OURS = "POP_DEPLOY_"

_started: list[subprocess.Popen[bytes]] = []
"""Services this process has started: held so that a service that ends before us does not stay a zombie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the state file says. *token* marks one start; *log* is relative to the place."""

    deployment_id: str
    step: str
    directory: str
    token: str
    log: str
    process: ProcessId

    def outcome(self) -> dict[str, Any]:
        """The data of the step that started it."""
        return {"directory": self.directory, "log": self.log, "process": self.process.to_json()}


@dataclass(frozen=True, slots=True)
class Service:
    """The service of one place."""

    place: Place

    def state(self) -> State | None:
        """Of the service started last, whether it runs or not; None when there never was one, or it was stopped for good."""
        found = read_json(self.place.service_file)
        if not found:
            return None
        return State(**{**found["service"], "process": ProcessId.from_json(found["service"]["process"])})

    def running(self) -> State | None:
        """The state, if that very process runs now."""
        state = self.state()
        return state if state is not None and processes.alive(state.process) else None

    def restart(
        self,
        name: str,
        *,
        started_by: tuple[str, str],
        argv: Sequence[str],
        env: Mapping[str, str],
        drain_s: float,
        say: Callable[[str], None],
    ) -> State:
        """Make *argv* in release *name* the service, in place of what runs now. Nothing happens when that release runs already.

        Args:
            started_by: Deployment and step, for whoever has to find out later who started it.
            env: Added to our own environment; secrets are in it, so it is handed over in memory only.

        Raises:
            StepError: The old service does not end, or the new one cannot be started.
        """
        running = self.running()
        if running is not None and running.directory == name:
            say(f"{name} is running already (pid {running.process.pid})")
            return running
        self._end(drain_s, say)
        state = self._start(name, started_by, argv, env)
        say(f"started pid {state.process.pid}, output in {self.place.root / state.log}")
        return state

    def stop(self, drain_s: float, say: Callable[[str], None]) -> None:
        """End the service for good. Raises StepError when it does not end."""
        self._end(drain_s, say)
        self.place.service_file.unlink(missing_ok=True)
        sync_directory(self.place.service_file.parent)

    def log_tail(self, state: State, lines: int = 20) -> list[str]:
        """The last lines the service wrote; at most 16 kB are read."""
        path = self.place.root / state.log
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16384))
            return file.read().decode(errors="replace").splitlines()[-lines:]

    def _end(self, drain_s: float, say: Callable[[str], None]) -> None:
        state = self.state()
        if state is None:
            return
        if processes.alive(state.process):
            say(f"stopping {state.directory} (pid {state.process.pid}), which has {drain_s:g}s to end")
        ended = processes.terminate(state.process, True, drain_s)
        # A leader that died before leaves its group behind, and with it the port that the next release needs.
        ended = ended and all(processes.terminate(left, False, drain_s) for left in leftovers(state))
        _reap()
        if not ended:
            raise StepError(self._cannot_end(state))

    def _cannot_end(self, state: State) -> str:
        who = f"the service of {state.directory} (pid {state.process.pid})"
        if state.process.visible():
            return f"{who} survives KILL, or belongs to another user. End it yourself, then run this again."
        return (
            f"{who} was started in another container, and cannot be seen from here. Run this there; or, when that container "
            f"is gone, remove {self.place.service_file} and run this again."
        )

    def _start(self, name: str, started_by: tuple[str, str], argv: Sequence[str], env: Mapping[str, str]) -> State:
        (deployment_id, step), token = started_by, os.urandom(16).hex()
        deadline = time.monotonic() + START_DEADLINE_S
        gate, open_gate = os.pipe()
        error, error_end = os.pipe()
        try:
            with _closing(error):
                with _closing(gate, error_end, open_gate):
                    process = self._spawn(name, token, argv, env, gate, error_end)
                    log = str(self.place.log(name).relative_to(self.place.root))
                    state = State(deployment_id=deployment_id, step=step, directory=name, token=token, log=log, process=process)
                    self._write(state)  # from here on it will start, whatever becomes of us
                problem = _read_to_end(error, deadline)
        except OSError as failed:
            raise StepError(f"cannot start {argv[0]} for {self.place.directory(name)}: {failed}") from failed
        if problem:
            raise StepError(f"cannot start the service in {self.place.directory(name)}: {problem}")
        return state

    def _spawn(self, name: str, token: str, argv: Sequence[str], env: Mapping[str, str], gate: int, error_end: int) -> ProcessId:
        import subprocess

        shim = [sys.executable, "-I", "-S", service_shim.__file__, str(self.place.service_file), token, str(error_end)]
        # Appended to, so that the file can be truncated by whoever rotates logs while the service runs.
        log = os.open(self.place.log(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            started = subprocess.Popen(
                [*shim, "--", *argv],
                stdin=gate,
                stdout=log,
                stderr=log,
                env=_environment(env, token),
                cwd=self.place.directory(name),
                pass_fds=(error_end,),
                start_new_session=True,
            )
        finally:
            os.close(log)
        _started.append(started)
        return processes.of(started.pid)

    def _write(self, state: State) -> None:
        service = {field: getattr(state, field) for field in State.__slots__} | {"process": state.process.to_json()}
        write_json(self.place.service_file, {"schema": SCHEMA, "service": service}, mode=0o600)


@contextmanager
def _closing(*descriptors: int) -> Iterator[None]:
    try:
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def leftovers(state: State) -> list[ProcessId]:
    """What still runs of a service whose leader has ended: in its session, and with its mark in the environment."""
    if not state.process.visible():
        return []
    pid = state.process.pid
    return [member for member in processes.members(pid, pid) if _marked(member.pid, state.token)]


def _marked(pid: int, token: str) -> bool:
    try:
        return f"{COOKIE}={token}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False  # it has ended, or it is another user's and so none that we started


def _environment(env: Mapping[str, str], token: str) -> dict[str, str]:
    # Our own settings may hold a store's password; a service has no use for them.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {"PYTHONUNBUFFERED": "1", **inherited, **env, COOKIE: token}


def _read_to_end(descriptor: int, deadline: float) -> str:
    """What the shim has to say before it becomes the service: nothing, or why it cannot."""
    said = b""
    while select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
        block = os.read(descriptor, 4096)
        if not block:
            return said.decode(errors="replace")
        said += block
    return f"no answer after {START_DEADLINE_S:g}s"


def _reap() -> None:
    _started[:] = [process for process in _started if process.poll() is None]
