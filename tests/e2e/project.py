"""A user's project in a directory of its own, and the installed `pop-deploy` as real processes: `Project`, `Ran`, `Gate`.

Nothing here knows how the program is made; what it wrote is read from its output, deploy.json, the target's directory and the
store. A process is held in the middle of a step by a `Gate`: a hook that says it has begun and waits until it may go on.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from eventstore import chain
from eventstore.reading import open_read_only
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.ids import id_of
from orchestrator.services.repository import fold
from tests.published import check_printed, check_script

BIN = Path(sys.executable).parent
COMMAND = str(BIN / "pop-deploy")
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
SCRIPTS = Path(__file__).parents[2] / "scripts"
DEADLINE_S = 90.0
ID = r"deploy-\d{8}-\d{6}-\w{4}"


@dataclass(frozen=True)
class Ran:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.out.rstrip().rpartition("\n")[2]

    def json(self, schema: str | None = None) -> dict[str, Any]:
        """Stdout as the one JSON object that it has to be, valid against docs/schemas/SCHEMA.json."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        if schema is not None:
            validator(schema).validate(document)
        return document


@cache
def validator(name: str) -> Any:
    document = json.loads((SCHEMAS / f"{name}.json").read_text())
    kind = jsonschema.validators.validator_for(document)
    kind.check_schema(document)
    return kind(document)


@dataclass
class Project:
    """``ROOT/my shop`` with a local target that deploys to ``ROOT/the place``.

    Attributes:
        env: Added to the environment of every process.
    """

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.root / "my shop"

    @property
    def place(self) -> Path:
        return self.root / "the place"

    @property
    def data(self) -> Path:
        return self.path / ".claude" / "popkit"

    @property
    def deploy_json(self) -> Path:
        return self.data / "deploy.json"

    # --- the project -----------------------------------------------------------------

    def make(self, version: str = "1.0.0", **target: Any) -> Project:
        """Files, a version, and a deploy.json with the target ``local``."""
        (self.path / "public").mkdir(parents=True)
        self.data.mkdir(parents=True)
        self.write_source("hello")
        self.set_version(version)
        self.configure(local={"type": "local", "primary": True, "config": {"path": "../the place", "source": "public"}, **target})
        return self

    def write_source(self, text: str) -> None:
        (self.path / "public" / "index.html").write_text(text)

    def set_version(self, version: str) -> None:
        (self.path / "package.json").write_text(json.dumps({"name": "shop", "version": version}))

    def configure(self, *, top: Mapping[str, Any] | None = None, **targets: Mapping[str, Any]) -> None:
        """Merge into deploy.json; a target's keys are replaced one by one."""
        document: dict[str, Any] = {"version": "1.0", "project_name": "shop", "targets": {}}
        if self.deploy_json.exists():
            document = json.loads(self.deploy_json.read_text())
        document.update(top or {})
        for name, entry in targets.items():
            document["targets"][name] = {"enabled": True, **document["targets"].get(name, {}), **entry}
        self.deploy_json.write_text(json.dumps(document, indent=2) + "\n")

    def fake(self, name: str = "fake", **config: Any) -> None:
        """A scriptable target beside the others."""
        self.configure(**{name: {"type": "fake", "config": {"dir": str(self.root / name), **config}}})

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.path, env=self.environ(), check=True, capture_output=True)

    def commit(self, message: str = "work") -> str:
        self.git("add", ".")
        self.git("commit", "--allow-empty", "-m", message)
        shown = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.path, env=self.environ(), check=True, capture_output=True)
        return shown.stdout.decode().strip()

    # --- processes ---------------------------------------------------------------------

    def environ(self, **more: str) -> dict[str, str]:
        """A user's environment: nothing of the machine that runs the tests but PATH."""
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "POP_DEPLOY_ACTOR": "ann",
            "GIT_AUTHOR_NAME": "ann",
            "GIT_AUTHOR_EMAIL": "ann@example.org",
            "GIT_COMMITTER_NAME": "ann",
            "GIT_COMMITTER_EMAIL": "ann@example.org",
            "GIT_CONFIG_NOSYSTEM": "1",
            **self.env,
            **more,
        }

    def run(self, *words: str, program: Sequence[str] = (COMMAND,), cwd: Path | None = None, **env: str) -> Ran:
        """Run to the end, without a terminal."""
        done = subprocess.run(
            [*program, *words],
            cwd=cwd or self.path,
            env=self.environ(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=2 * DEADLINE_S,
            check=False,
        )
        return ran((*program, *words), done.returncode, done.stdout, done.stderr)

    def deploy(self, version: str | None = None, *words: str) -> Ran:
        """A live deployment, confirmed; it has to succeed."""
        if version is not None:
            self.set_version(version)
        done = self.run("execute", "--mode", "deploy", "--yes", *words)
        assert done.code == 0, done.out + done.err
        return done

    def start(self, *words: str, program: Sequence[str] = (COMMAND,), **env: str) -> subprocess.Popen[bytes]:
        """In the background, without a terminal; see `ended`."""
        return subprocess.Popen(
            [*program, *words],
            cwd=self.path,
            env=self.environ(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    # --- what it wrote -----------------------------------------------------------------

    @property
    def history(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.deploy_json.read_text()).get("history", [])
        return found

    @property
    def live(self) -> str | None:
        """What the local target serves."""
        page = self.place / "current" / "index.html"
        return page.read_text() if page.exists() else None

    def deployments(self) -> list[Deployment]:
        """All of them, oldest first; the hash chain is checked on the way."""
        store = open_read_only(str(self.data / "events.db"))
        chain.verify(store.read_all())
        streams = dict.fromkeys(event.stream for event in store.read_all() if event.stream.startswith("deployment-"))
        found = [fold(store, id_of(stream))[0] for stream in streams]
        store.close()
        return found

    @property
    def last(self) -> Deployment:
        return self.deployments()[-1]

    def claims(self) -> list[str]:
        """Slots that are claimed."""
        store = open_read_only(str(self.data / "events.db"))
        last = {event.stream: event.type for event in store.read_all() if event.stream.startswith("slot-")}
        store.close()
        return [stream for stream, kind in last.items() if kind != "SlotReleased"]


def heard(process: subprocess.Popen[bytes], words: str) -> str:
    """What a process in the background has printed up to *words*, and whatever came with them."""
    assert process.stdout is not None
    said = b""
    while words.encode() not in said:
        assert select.select([process.stdout], [], [], DEADLINE_S)[0], f"{words} was not said, but {said!r}"
        more = os.read(process.stdout.fileno(), 4096)
        assert more, f"it ended without {words}, and said {said!r}"
        said += more
    return said.decode()


def ended(process: subprocess.Popen[bytes]) -> Ran:
    """How a process that was started in the background ended."""
    out, err = process.communicate(timeout=2 * DEADLINE_S)
    words = process.args if isinstance(process.args, Sequence) else ()
    return ran([str(word) for word in words], process.returncode, out, err)


def ran(command: Sequence[str], code: int, out: bytes, err: bytes) -> Ran:
    """How the process of *command* ended. What pop-deploy prints with ``--json`` has to fit its published schema."""
    if COMMAND in command and code >= 0:  # a killed one has printed nothing
        check_printed(command[command.index(COMMAND) + 1 :], out.decode())
    script = next((Path(word).name for word in command[1:2] if Path(word).parent == SCRIPTS), None)
    if script is not None and code >= 0:
        check_script(script, out.decode(), err.decode())
    return Ran(code, out.decode(), err.decode())


class Gate:
    """Holds a step: `hook` is an argument list for deploy.json that passes the gate only when it is opened."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._begun, self._go, self._program = directory / "begun", directory / "go", directory / "gate.py"
        os.mkfifo(self._begun)
        os.mkfifo(self._go)
        # Opened for both directions, a pipe waits for nobody at the other end.
        self._program.write_text(
            f"import os\nbegun = os.open({str(self._begun)!r}, os.O_RDWR)\nos.write(begun, b'begun')\n"
            f"print('at the gate', flush=True)\nopen({str(self._go)!r}).read()\nprint('through the gate')\n"
        )
        self._reader = os.open(self._begun, os.O_RDWR)
        self._writer = os.open(self._go, os.O_RDWR)

    @property
    def hook(self) -> list[str]:
        return [sys.executable, "-S", str(self._program)]

    def wait(self) -> None:
        """Until the step stands at the gate."""
        ready, _, _ = select.select([self._reader], [], [], DEADLINE_S)
        assert ready, "nothing came to the gate"
        assert os.read(self._reader, 100) == b"begun"

    def open(self) -> None:
        """Let it pass. From now on everything passes."""
        self._go.unlink()
        self._go.write_text("go")
        os.write(self._writer, b"go")
        os.close(self._writer)
        self._writer = -1

    def close(self) -> None:
        for descriptor in (self._reader, self._writer):
            if descriptor >= 0:
                os.close(descriptor)


@contextmanager
def at_gate(project: Project, *words: str, hook: str = "") -> Iterator[tuple[subprocess.Popen[bytes], Gate]]:
    """``execute --mode deploy --yes`` of the local target, held in its build, or in the first command of *hook*."""
    gate = Gate(project.root / "gate")
    entry = json.loads(project.deploy_json.read_text())["targets"]["local"]
    project.configure(local={"hooks": {hook: [gate.hook]}} if hook else {"config": {**entry["config"], "build": gate.hook}})
    process = project.start("execute", "--mode", "deploy", "--yes", *words)
    try:
        gate.wait()
        yield process, gate
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=DEADLINE_S)
        gate.close()


def wait_until(condition: Callable[[], object], what: str) -> None:
    """For what no descriptor can be waited on."""
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until, f"not in {DEADLINE_S:g} s: {what}"
        time.sleep(0.02)
